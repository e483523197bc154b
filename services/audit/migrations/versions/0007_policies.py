"""Create the policies that services have loaded, and their acknowledgements (ADR-0024)."""

from alembic import op

revision = "audit_0007"
down_revision = "audit_0006"

TABLES = (
    """
    CREATE TABLE policies (
        digest text PRIMARY KEY,
        version text NOT NULL,
        first_loaded_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE policies_in_force (
        service text PRIMARY KEY,
        digest text NOT NULL REFERENCES policies,
        loaded_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE policy_acknowledgements (
        digest text NOT NULL REFERENCES policies,
        role text NOT NULL CHECK (role IN ('alpr_administrator', 'auditor')),
        person_id text NOT NULL,
        by jsonb NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (digest, role),
        UNIQUE (digest, person_id)
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in ("policies", "policy_acknowledgements"):
        op.execute(
            f"CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    raise RuntimeError("acknowledgements stay on file: this migration has no downgrade")
