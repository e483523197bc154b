"""Add a function that renews the planner's statistics after a purge: they hold common and extreme values of columns.

It runs as the owner of the tables, because only the owner may renew statistics (ADR-0016).
"""

from alembic import op
from sqlalchemy import text

revision = "retention_0009"
down_revision = "retention_0008"

FUNCTION = """
    CREATE FUNCTION forget_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    BEGIN
        ANALYZE reads, captures, held_reads, held_captures, plates, hits, passes, pass_reads, device_days;
    END $$
"""


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(FUNCTION.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION forget_statistics FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_statistics")
