"""Index every filter of a search by the filter's value and the entry's number (ADR-0059).

A search walks one of these indexes from the newest match on and stops at its limit. It orders by `seq + 0`, which the
primary key cannot give: the planner would walk that one, and read the whole log for a value that is not in it. Keys are
hashes of the texts: four bytes cost half as much as the text. A search by time walks a span of numbers, which it finds
by the time of the append; `entries_off_time` has the entries that did not occur near their append.
"""

from alembic import op

revision = "audit_0017"
down_revision = "audit_0016"

OFF_TIME = "(appended_at - occurred_at > interval '1 hour' OR occurred_at - appended_at > interval '1 hour')"
INDEXES = {
    "newest_by_person": "(hashtext(person_id), (seq + 0)) WHERE person_id IS NOT NULL",
    "newest_by_name": "(hashtext(lower(person_name)), (seq + 0)) WHERE person_name IS NOT NULL",
    "newest_by_case": "(hashtext(case_number), (seq + 0)) WHERE case_number IS NOT NULL",
    "newest_by_kind": "(hashtext(kind), (seq + 0))",
    "newest_by_service": "(hashtext(service), (seq + 0))",
    "newest_by_permission": "(hashtext(permission), (seq + 0)) WHERE permission IS NOT NULL",
    "newest_by_purpose": "(hashtext(purpose_kind), (seq + 0)) WHERE purpose_kind IS NOT NULL",
    "newest_by_outcome": "(allowed, (seq + 0)) WHERE allowed IS NOT NULL",
    "off_time": f"(occurred_at) WHERE {OFF_TIME}",
}
"""Of both logs, by the index's name after the table's."""

BY_ATTEMPT = "entries_by_attempt ON entries USING hash (attempt_id) WHERE kind"
UNUSED = {
    "entries_occurred_at_idx": "(occurred_at)",
    "entries_person_id_occurred_at_idx": "(person_id, occurred_at) WHERE person_id IS NOT NULL",
    "entries_lower_occurred_at_idx": (
        "(lower(person_name), occurred_at) WHERE person_name IS NOT NULL"
    ),
    "entries_case_number_seq_idx": "(case_number, seq) WHERE case_number IS NOT NULL",
}
# A number follows the time of the append, up to an hour, which a search allows for. A clock that was set back by more
# gave later entries an earlier time: they get that of the entry before them, as from now on (`Log.append`). This time
# is not part of the hashed entry.
IN_ORDER = """
    UPDATE {log}entries AS e SET appended_at = o.newest
    FROM (SELECT seq, appended_at, max(appended_at) OVER (ORDER BY seq) AS newest FROM {log}entries) AS o
    WHERE o.seq = e.seq AND o.newest - o.appended_at > interval '1 hour'
"""


def upgrade() -> None:
    for log in ("", "old_"):
        op.execute(f"ALTER TABLE {log}entries DISABLE TRIGGER append_only")
        op.execute(IN_ORDER.format(log=log))
        op.execute(f"ALTER TABLE {log}entries ENABLE TRIGGER append_only")
        for name, definition in INDEXES.items():
            op.execute(f"CREATE INDEX {log}entries_{name} ON {log}entries {definition}")
    for name in (*UNUSED, "entries_by_attempt"):
        op.execute(f"DROP INDEX {name}")
    op.execute(f"CREATE INDEX {BY_ATTEMPT} IN ('access.attempted', 'records.disclosed')")


def downgrade() -> None:
    op.execute("DROP INDEX entries_by_attempt")
    op.execute(f"CREATE INDEX {BY_ATTEMPT} = 'access.attempted'")
    for name, definition in UNUSED.items():
        op.execute(f"CREATE INDEX {name} ON entries {definition}")
    for log in ("", "old_"):
        for name in INDEXES:
            op.execute(f"DROP INDEX {log}entries_{name}")
