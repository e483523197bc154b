"""Create the findings, their steps, and each rule's position in the log."""

from alembic import op

revision = "audit_0002"
down_revision = "audit_0001"

TABLES = (
    """
    CREATE TABLE findings (
        finding_id uuid PRIMARY KEY,
        kind text NOT NULL,
        subject text NOT NULL,
        details jsonb NOT NULL,
        raised_at timestamptz NOT NULL,
        status text NOT NULL CHECK (status IN ('open', 'assigned', 'closed')),
        assigned_to text,
        outcome text
    )
    """,
    "CREATE INDEX findings_by_time ON findings (raised_at DESC, finding_id DESC)",
    """
    CREATE TABLE finding_steps (
        step_id uuid PRIMARY KEY,
        finding_id uuid NOT NULL REFERENCES findings,
        change text NOT NULL CHECK (change IN ('assigned', 'commented', 'closed')),
        by jsonb NOT NULL,
        at timestamptz NOT NULL,
        note text NOT NULL,
        assigned_to text,
        outcome text
    )
    """,
    "CREATE INDEX steps_by_finding ON finding_steps (finding_id, at)",
    "CREATE TABLE cursors (name text PRIMARY KEY, seq bigint NOT NULL)",
)

# Government Code 34090(d): audits are kept for two years at least. A finding's facts never change.
ONLY_WORKED = """
    CREATE FUNCTION finding_is_worked() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.status = 'closed'
           OR to_jsonb(NEW) - ARRAY['status', 'assigned_to', 'outcome']
              IS DISTINCT FROM to_jsonb(OLD) - ARRAY['status', 'assigned_to', 'outcome']
        THEN
            RAISE EXCEPTION 'UPDATE on findings is refused, a finding is worked and not rewritten'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    for statement in (*TABLES, ONLY_WORKED):
        op.execute(statement)
    for table, events in (("findings", "DELETE"), ("finding_steps", "UPDATE OR DELETE")):
        op.execute(
            f"CREATE TRIGGER kept BEFORE {events} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER worked BEFORE UPDATE ON findings"
        " FOR EACH ROW EXECUTE FUNCTION finding_is_worked()"
    )


def downgrade() -> None:
    raise RuntimeError("findings stay on file: this migration has no downgrade")
