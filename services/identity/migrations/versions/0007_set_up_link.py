"""Store the set-up link of a fresh department (ADR-0068)."""

from alembic import op

revision = "identity_0007"
down_revision = "identity_0006"


def upgrade() -> None:
    """Add the table; it is empty, and has one row at most."""
    op.execute(
        """
        CREATE TABLE set_up_link (
            single boolean PRIMARY KEY DEFAULT true CHECK (single),
            token_hash bytea NOT NULL,
            expires_at timestamptz NOT NULL
        )
        """
    )
