"""Index the entries that change the key of checkpoints."""

from alembic import op

revision = "audit_0004"
down_revision = "audit_0003"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX entries_key_changes ON entries (seq) WHERE kind = 'signing_key.changed'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX entries_key_changes")
