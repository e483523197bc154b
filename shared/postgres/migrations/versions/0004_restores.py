"""Record restores of the database from a backup, and when a purge has followed each (ADR-0072)."""

from alembic import op

revision = "shared_0004"
down_revision = "shared_0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE restores (
            restore_id uuid PRIMARY KEY,
            backup text NOT NULL,
            restored_at timestamptz NOT NULL,
            due timestamptz NOT NULL,
            purged_at timestamptz
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE restores")
