"""Create the log, its tree and its checkpoints. The tables are append-only."""

from alembic import op

revision = "audit_0001"
down_revision = None

LOG = (
    """
    CREATE TABLE entries (
        seq bigint PRIMARY KEY CHECK (seq >= 0),
        event_id uuid NOT NULL UNIQUE,
        entry bytea NOT NULL,
        leaf_hash bytea NOT NULL,
        entry_hash bytea NOT NULL,
        appended_at timestamptz NOT NULL,
        kind text NOT NULL,
        occurred_at timestamptz NOT NULL,
        service text NOT NULL,
        person_id text,
        person_name text,
        permission text,
        allowed boolean,
        purpose_kind text,
        case_number text,
        plates text[] NOT NULL,
        request_id text,
        attempt_id uuid,
        client_address text
    )
    """,
    "CREATE INDEX entries_by_time ON entries (occurred_at)",
    "CREATE INDEX entries_by_person ON entries (person_id, occurred_at)"
    " WHERE person_id IS NOT NULL",
    "CREATE INDEX entries_by_name ON entries (lower(person_name), occurred_at)"
    " WHERE person_name IS NOT NULL",
    "CREATE INDEX entries_by_case ON entries (case_number, seq) WHERE case_number IS NOT NULL",
    "CREATE INDEX entries_by_request ON entries (request_id) WHERE request_id IS NOT NULL",
    "CREATE INDEX entries_by_attempt ON entries (attempt_id) WHERE attempt_id IS NOT NULL",
    "CREATE INDEX entries_by_plate ON entries USING gin (plates) WHERE plates <> '{}'",
    "CREATE INDEX entries_refused ON entries (client_address, occurred_at) WHERE NOT allowed",
    # Complete subtrees of 256 entries or more; smaller ones are computed from the leaf hashes of entries.
    """
    CREATE TABLE nodes (
        level smallint NOT NULL,
        number bigint NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (level, number)
    )
    """,
    """
    CREATE TABLE checkpoints (
        size bigint PRIMARY KEY,
        root_hash bytea NOT NULL,
        note text NOT NULL,
        key_id text NOT NULL,
        signed_at timestamptz NOT NULL
    )
    """,
)

# CJIS Security Policy AU-9; policy 468.6(a). A superuser can switch off a trigger, so the hashes and the checkpoints
# kept elsewhere make a change evident.
REFUSE = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% on % is refused, the audit log is append-only', TG_OP, TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""


def upgrade() -> None:
    for statement in (*LOG, REFUSE):
        op.execute(statement)
    for table in ("entries", "nodes", "checkpoints"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    raise RuntimeError("the audit log is append-only: this migration has no downgrade")
