"""Renew the planner's statistics after a purge: they contain the most common and extreme values of columns.

Only the tables' owner may do that, so a function of the owner does (ADR-0016).
"""

from alembic import op
from sqlalchemy import text

revision = "hotlist_0007"
down_revision = "hotlist_0006"

FUNCTION = """
    CREATE FUNCTION forget_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    BEGIN
        ANALYZE hits, sightings, outvoted;
    END $$
"""


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(FUNCTION.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION forget_statistics FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_statistics")
