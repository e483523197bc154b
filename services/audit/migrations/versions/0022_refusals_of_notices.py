"""Count the refusals of a notice by themselves: attempts without an answer make no dead letter of it (ADR-0075)."""

from alembic import op

revision = "audit_0022"
down_revision = "audit_0021"


def upgrade() -> None:
    op.execute("ALTER TABLE notices ADD refusals integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE notices DROP refusals")
