"""Name destroyed records by digests of their ids, because an id begins with the moment of capture (ADR-0056)."""

from alembic import op

revision = "retention_0014"
down_revision = "retention_0015"

# The same digest as `id_digest` in shared/core/ids.py; docs/purge-list.md specifies it.
FUNCTION = """
CREATE FUNCTION id_digest(record_id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CAST(encode(substr(sha256(CAST(CAST(record_id AS text) AS bytea)), 1, 16), 'hex') AS uuid)
"""
HELD = (("held_reads", "read_id"), ("held_captures", "capture_id"))


def upgrade() -> None:
    op.execute(FUNCTION)
    op.execute("ALTER TABLE purged_records RENAME record_id TO digest")
    op.execute("UPDATE purged_records SET digest = id_digest(digest)")
    for table, column in HELD:
        op.execute(f"CREATE INDEX {table}_digest ON {table} (id_digest({column}))")


def downgrade() -> None:
    raise RuntimeError("digests do not lead back to ids: this migration has no downgrade")
