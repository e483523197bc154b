"""Leave no destroyed values in the planner's statistics when a purge empties the table of arrival times.

ANALYZE leaves the samples of an empty table as they were. So the empty table has a row while it is analysed, which no
other transaction sees.
"""

from alembic import op
from sqlalchemy import text

from shared.postgres.statistics import forgetting

revision = "ingest_0006"
down_revision = "ingest_0005"

AN_EMPTY_TABLE_TOO = """
    DECLARE
        nil CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    BEGIN
        INSERT INTO first_seen (device_id, sha256, received_at)
        SELECT nil, '', 'epoch' WHERE NOT EXISTS (SELECT FROM first_seen);
        ANALYZE first_seen;
        DELETE FROM first_seen WHERE device_id = nil;
"""

BEFORE = "BEGIN ANALYZE first_seen;"


def upgrade() -> None:
    _replace(AN_EMPTY_TABLE_TOO)


def downgrade() -> None:
    _replace(BEFORE)


def _replace(body: str) -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(forgetting(schema, body))
