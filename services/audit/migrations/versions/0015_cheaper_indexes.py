"""Replace indexes of the log by cheaper ones that serve the same queries (ADR-0047).

Queries compare ids of requests and attempts only for equality, and ask of an attempt only whether the log has it. One
index covers the few kinds of entries that workers follow.
"""

from alembic import op

revision = "audit_0015"
down_revision = "audit_0014"

BEFORE = {
    "entries_request_id_idx": "(request_id) WHERE request_id IS NOT NULL",
    "entries_attempt_id_idx": "(attempt_id) WHERE attempt_id IS NOT NULL",
    "entries_seq_idx": "(seq) WHERE kind = 'signing_key.changed'",
    "entries_purged": "(seq) WHERE kind = 'records.purged'",
    "entries_purge_changed": "(seq) WHERE kind = 'purge.changed'",
    "entries_values_exported": "(seq) WHERE kind = 'values.exported'",
    "entries_period_fixed": "(seq) WHERE kind = 'period.fixed'",
}
AFTER = {
    "entries_by_request": "USING hash (request_id) WHERE request_id IS NOT NULL",
    "entries_by_attempt": "USING hash (attempt_id) WHERE kind = 'access.attempted'",
    "entries_by_kind": "(kind, seq) WHERE kind IN ('signing_key.changed', 'records.purged',"
    " 'purge.changed', 'values.exported', 'period.fixed')",
}


def upgrade() -> None:
    _replace(BEFORE, AFTER)


def downgrade() -> None:
    _replace(AFTER, BEFORE)


def _replace(before: dict[str, str], after: dict[str, str]) -> None:
    for name in before:
        op.execute(f"DROP INDEX {name}")
    for name, definition in after.items():
        op.execute(f"CREATE INDEX {name} ON entries {definition}")
