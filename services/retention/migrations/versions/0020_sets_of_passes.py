"""Count the reads of each due span; count the deletions of plates, so that writers may remember known ones (ADR-0062).

The count of deletions is changed in the transaction that deletes, by a function of the tables' owner: the service's
role only reads it.
"""

from alembic import op
from sqlalchemy import text

revision = "retention_0020"
down_revision = "retention_0018"

DELETIONS = """
    CREATE TABLE plate_deletions (
        single boolean PRIMARY KEY DEFAULT true CHECK (single),
        count bigint NOT NULL DEFAULT 0
    )
"""
FUNCTION = """
    CREATE FUNCTION count_plate_deletion() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    BEGIN
        UPDATE plate_deletions SET count = count + 1;
        RETURN NULL;
    END $$
"""
TRIGGER = """
    CREATE TRIGGER plates_deleted AFTER DELETE OR TRUNCATE ON plates
    FOR EACH STATEMENT EXECUTE FUNCTION count_plate_deletion()
"""


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute("ALTER TABLE pass_due ADD COLUMN reads integer NOT NULL DEFAULT 1")
    op.execute(DELETIONS)
    op.execute("INSERT INTO plate_deletions DEFAULT VALUES")
    op.execute(FUNCTION.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION count_plate_deletion FROM PUBLIC")
    op.execute(TRIGGER)


def downgrade() -> None:
    op.execute("DROP TRIGGER plates_deleted ON plates")
    op.execute("DROP FUNCTION count_plate_deletion")
    op.execute("DROP TABLE plate_deletions")
    op.execute("ALTER TABLE pass_due DROP COLUMN reads")
