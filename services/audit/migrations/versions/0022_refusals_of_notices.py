"""Count the refusals of a notice by themselves: attempts that nobody answered do not make it a dead letter (ADR-0075)."""

from alembic import op

revision = "audit_0022"
down_revision = "audit_0021"


def upgrade() -> None:
    op.execute("ALTER TABLE notices ADD refusals integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    op.execute("ALTER TABLE notices DROP refusals")
