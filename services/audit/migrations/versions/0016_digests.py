"""Compare sealed values with a purge list by digests of ids, as lists name records since then (ADR-0056)."""

from alembic import op

revision = "audit_0016"
down_revision = "audit_0015"

# `erase_values` compares what this function returns with the digests of held and of purged records.
ABOUT = """
    CREATE OR REPLACE FUNCTION reads_of(said jsonb) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT CAST(CAST(encode(substr(sha256(convert_to(id, 'UTF8')), 1, 16), 'hex') AS uuid) AS text)
        FROM (
            SELECT jsonb_array_elements_text(said -> 'read_ids')
                WHERE jsonb_typeof(said -> 'read_ids') = 'array'
            UNION ALL SELECT said ->> 'read_id' WHERE said ? 'read_id'
            UNION ALL SELECT said ->> 'record_id' WHERE said ? 'record_id' AND NOT said ? 'read_ids'
        ) AS named (id)
    $$
"""


def upgrade() -> None:
    op.execute(ABOUT)


def downgrade() -> None:
    raise RuntimeError("the audit log is append-only: this migration has no downgrade")
