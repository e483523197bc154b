"""Store the oldest days of overdue records that were announced, so that each is announced once (ADR-0120)."""

from alembic import op

revision = "retention_0030"
down_revision = "retention_0029"


def upgrade() -> None:
    op.execute("CREATE TABLE missed_purges (oldest_on date PRIMARY KEY)")


def downgrade() -> None:
    op.execute("DROP TABLE missed_purges")
