"""Store who withdrew a request, and why, with its file. Of requests withdrawn before, the audit log alone has it."""

from alembic import op

revision = "release_0007"
down_revision = "release_0006"

WITHDRAWALS = """
    CREATE TABLE withdrawals (
        request_id uuid PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
        withdrawn_by jsonb NOT NULL,
        withdrawn_at timestamptz NOT NULL,
        reason text NOT NULL
    )
"""


def upgrade() -> None:
    op.execute(WITHDRAWALS)
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON withdrawals"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER kept_whole BEFORE TRUNCATE ON withdrawals"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise RuntimeError("requests stay on file (policy 468.7(c)): this migration has no downgrade")
