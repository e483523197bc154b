"""Find a person's sessions, those that ended too: people see their own sign-ins."""

from alembic import op

revision = "identity_0009"
down_revision = "identity_0008"


def upgrade() -> None:
    """Add the index."""
    op.execute("CREATE INDEX sessions_account ON sessions (account_id, opened_at, session_id)")


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX sessions_account")
