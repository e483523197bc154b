"""Leave no destroyed values in the planner's statistics of tables that a purge empties.

ANALYZE leaves the samples of an empty table as they were. So an empty table has a row while it is analysed, which no
other transaction sees.
"""

from alembic import op
from sqlalchemy import text

from shared.postgres.statistics import forgetting

revision = "hotlist_0011"
down_revision = "hotlist_0010"

EMPTY_TABLES_TOO = """
    DECLARE
        nil CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    BEGIN
        INSERT INTO hits (
            hit_id, seq, agency_ori, list_id, list_name, list_version, list_age_s, list_stale, source, record_kind,
            tier, late, raised_at, confidence, differences, warnings, sightings
        )
        OVERRIDING SYSTEM VALUE
        SELECT nil, -1, '', list_id, '', 0, 0, false, '', '', '', false, 'epoch', 0, '[]', '[]', 0
        FROM lists WHERE NOT EXISTS (SELECT FROM hits) LIMIT 1;
        INSERT INTO sightings (read_id, entry_id, hit_id, captured_at, confidence, plate_read, tier)
        SELECT nil, nil, hit_id, 'epoch', 0, '', '' FROM hits WHERE NOT EXISTS (SELECT FROM sightings) LIMIT 1;
        INSERT INTO outvoted (read_id, captured_at, reads)
        SELECT nil, 'epoch', 0 WHERE NOT EXISTS (SELECT FROM outvoted);
        ANALYZE hits, sightings, outvoted;
        DELETE FROM outvoted WHERE read_id = nil;
        DELETE FROM sightings WHERE read_id = nil;
        DELETE FROM hits WHERE hit_id = nil;
"""

BEFORE = "BEGIN ANALYZE hits, sightings, outvoted;"


def upgrade() -> None:
    _replace(EMPTY_TABLES_TOO)


def downgrade() -> None:
    _replace(BEFORE)


def _replace(body: str) -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(forgetting(schema, body))
