"""Leave no destroyed values in the planner's statistics of tables that a purge empties.

ANALYZE leaves the samples of an empty table as they were. So each empty table and month has a row while it is analysed,
which no other transaction sees. Of columns that describe sightings for a short time no samples are taken at all.
"""

from alembic import op
from sqlalchemy import text

from shared.postgres.statistics import forgetting, never_sample, sample_again

revision = "retention_0026"
down_revision = "retention_0025"

# What runs and votes have done is deleted at any time, and no plan depends on these columns' samples.
NEVER_SAMPLED = {
    "doomed_objects": {"object_key": "text"},
    "doomed_plates": {"plate_id": "bigint"},
    "hit_events": {"occurred_at": "timestamptz"},
    "month_changes": {"captured_from": "timestamptz", "captured_to": "timestamptz"},
    "open_passes": {
        "device_id": "uuid",
        "pass_id": "uuid",
        "first_at": "timestamptz",
        "last_at": "timestamptz",
        "plates": "bigint[]",
        "surest_id": "uuid",
        "surest_at": "timestamptz",
    },
    "pass_due": {
        "device_id": "uuid",
        "first_at": "timestamptz",
        "last_at": "timestamptz",
        "stored_at": "timestamptz",
    },
    "purge_slices": {"captured_from": "timestamptz", "captured_to": "timestamptz"},
    "slice_digests": {"digests": "bytea"},
    "slice_objects": {"object_keys": "text[]"},
    "slice_plates": {"plates": "bigint[]"},
    "swept_days": {"folder": "text"},
}

# A row's place within its table identifies it until the transaction ends.
EMPTY_TABLES_TOO = """
    DECLARE
        one record;
        has_rows boolean;
        into_columns text;
        given text;
        place tid;
        deletions text[] := '{}';
    BEGIN
        FOR one IN
            SELECT c.oid, c.oid::regclass AS name, coalesce(
                to_date(substring(c.relname FROM '_(\\d{4}_\\d\\d)$'), 'YYYY_MM'), '1970-01-01'
            )::text AS moment
            FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
            WHERE i.inhparent IN ('reads'::regclass, 'captures'::regclass) OR c.oid = ANY (CAST(ARRAY[
                'held_reads', 'held_captures', 'plates', 'hits', 'passes', 'pass_reads', 'device_days'
            ] AS regclass[]))
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM %s)', one.name) INTO has_rows;
            CONTINUE WHEN has_rows;
            SELECT string_agg(quote_ident(a.attname), ', '), string_agg(quote_literal(
                CASE t.typcategory WHEN 'N' THEN '0' WHEN 'B' THEN 'false' WHEN 'S' THEN '' WHEN 'D' THEN one.moment
                    WHEN 'A' THEN '{}' ELSE CASE t.typname WHEN 'uuid' THEN rpad('', 32, '0') ELSE '{}' END END
            ), ', ') INTO into_columns, given
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = one.oid AND a.attnum > 0 AND a.attnotnull AND a.attgenerated = '' AND NOT a.attisdropped;
            EXECUTE format('INSERT INTO %s (%s) VALUES (%s) RETURNING ctid', one.name, into_columns, given) INTO place;
            deletions := deletions || format('DELETE FROM %s WHERE ctid = %L', one.name, place);
        END LOOP;
        ANALYZE reads, captures, held_reads, held_captures, plates, hits, passes, pass_reads, device_days;
        FOR i IN 1 .. cardinality(deletions) LOOP
            EXECUTE deletions[i];
        END LOOP;
"""

BEFORE = """
    BEGIN
        ANALYZE reads, captures, held_reads, held_captures, plates, hits, hit_events, passes, pass_reads, device_days;
"""


def upgrade() -> None:
    for table, columns in NEVER_SAMPLED.items():
        op.execute(never_sample(table, columns))
    _replace(EMPTY_TABLES_TOO)


def downgrade() -> None:
    _replace(BEFORE)
    for table, columns in NEVER_SAMPLED.items():
        op.execute(sample_again(table, columns))


def _replace(body: str) -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(forgetting(schema, body))
