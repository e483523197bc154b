"""Store the events about hits as published, until the hit's flag is deleted.

Older hits have only their flags, because retention did not store their events.
"""

from alembic import op
from sqlalchemy import text

revision = "retention_0012"
down_revision = "retention_0011"

# A purge deletes the flag, and with it the hit's events.
TABLE = """
    CREATE TABLE hit_events (
        event_id uuid PRIMARY KEY,
        hit_id uuid NOT NULL REFERENCES hits ON DELETE CASCADE,
        kind text NOT NULL CHECK (kind IN ('raised', 'verified', 'disposed')),
        occurred_at timestamptz NOT NULL,
        body json NOT NULL
    )
"""
FUNCTION = """
    CREATE OR REPLACE FUNCTION forget_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    BEGIN
        ANALYZE reads, captures, held_reads, held_captures, plates, hits{more}, passes, pass_reads, device_days;
    END $$
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("CREATE INDEX hit_events_hit ON hit_events (hit_id)")
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(FUNCTION.format(schema=schema, more=", hit_events"))


def downgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(FUNCTION.format(schema=schema, more=""))
    op.execute("DROP TABLE hit_events")
