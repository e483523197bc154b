"""Prepare the destruction of a month in slices that commit, so that one short transaction drops it (ADR-0060).

A slice has the digests, objects and plates of the records of a span of time, in few rows. What it lists counts only
once its records are destroyed. It replaces the table with a row for each digest.
"""

from alembic import op
from sqlalchemy import text

revision = "retention_0021"
down_revision = "retention_0020"

# A slice of the work of a run: the records captured from `captured_from` to before `captured_to`, or those that a hold
# no longer keeps, without times. `holds` are those that it respects, `seen_change` the last change that it has seen.
SLICES = """
CREATE TABLE purge_slices (
    slice_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES purge_runs,
    captured_from timestamptz,
    captured_to timestamptz,
    holds uuid[] NOT NULL DEFAULT '{}',
    seen_change bigint NOT NULL DEFAULT 0,
    reads bigint NOT NULL DEFAULT 0,
    captures bigint NOT NULL DEFAULT 0,
    objects bigint NOT NULL DEFAULT 0,
    destroyed boolean NOT NULL DEFAULT false
);
CREATE INDEX purge_slices_run ON purge_slices (run_id);
CREATE TABLE slice_digests (
    slice_id bigint NOT NULL REFERENCES purge_slices ON DELETE CASCADE,
    kind smallint NOT NULL CHECK (kind IN (0, 1)),
    bucket smallint NOT NULL,
    digests bytea NOT NULL,
    PRIMARY KEY (slice_id, kind, bucket)
);
ALTER TABLE slice_digests ALTER digests SET STORAGE EXTERNAL;
CREATE TABLE slice_objects (
    slice_id bigint NOT NULL REFERENCES purge_slices ON DELETE CASCADE,
    number integer NOT NULL,
    object_keys text[] NOT NULL,
    PRIMARY KEY (slice_id, number)
);
ALTER TABLE slice_objects ALTER object_keys SET STORAGE EXTERNAL;
CREATE TABLE slice_plates (
    slice_id bigint PRIMARY KEY REFERENCES purge_slices ON DELETE CASCADE,
    plates bigint[] NOT NULL
);
ALTER TABLE slice_plates ALTER plates SET STORAGE EXTERNAL
"""

# Spans in which records were stored or destroyed after their month became old enough to be purged.
CHANGES = """
CREATE TABLE month_changes (
    change_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    captured_from timestamptz NOT NULL,
    captured_to timestamptz NOT NULL
)
"""

# The bytes of a record's digest, as `id_digest` returns them.
DIGEST_BYTES = """
CREATE FUNCTION id_digest_bytes(record_id uuid) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN substr(sha256(CAST(CAST(record_id AS text) AS bytea)), 1, 16)
"""

# Held records are in both tables until their originals are destroyed. Readers of both tables read this view.
ONCE = """
CREATE VIEW kept_reads AS
    SELECT h.* FROM held_reads h
    WHERE NOT EXISTS (SELECT FROM reads r WHERE r.read_id = h.read_id AND r.captured_at = h.captured_at)
"""

# Queries of a slice find its records by the time index, which lacks a month's newest pages until they are summarized.
SUMMARIZE = """
CREATE FUNCTION summarize_month(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = retention, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    index_name regclass;
BEGIN
    FOR index_name IN
        SELECT i.indexrelid::regclass FROM pg_index i
            JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
        WHERE m.amname = 'brin' AND i.indrelid IN (
            to_regclass('retention.reads' || to_char(date_trunc('month', moment), '_YYYY_MM')),
            to_regclass('retention.captures' || to_char(date_trunc('month', moment), '_YYYY_MM'))
        )
    LOOP
        PERFORM brin_summarize_new_values(index_name);
    END LOOP;
END $$
"""

# Digests of runs that have not written their lists.
MIGRATE = (
    """
    INSERT INTO purge_slices (run_id, destroyed)
    SELECT DISTINCT run_id, true FROM purged_records
    """,
    """
    INSERT INTO slice_digests (slice_id, kind, bucket, digests)
    SELECT s.slice_id, p.kind, get_byte(uuid_send(p.digest), 0) / 4, string_agg(uuid_send(p.digest), '')
    FROM purged_records p JOIN purge_slices s USING (run_id) GROUP BY 1, 2, 3
    """,
    "DROP TABLE purged_records",
)


def upgrade() -> None:
    for part in (SLICES, CHANGES):
        for statement in part.split(";\n"):
            op.execute(statement)
    for statement in (DIGEST_BYTES, ONCE, SUMMARIZE, *MIGRATE):
        op.execute(text(statement))
    op.execute("REVOKE ALL ON FUNCTION summarize_month FROM PUBLIC")


def downgrade() -> None:
    raise RuntimeError(
        "digests of destroyed records are in slices: this migration has no downgrade"
    )
