"""Store since when everything that a device sends comes late, and when that was reported."""

from alembic import op

revision = "ingest_0008"
down_revision = "ingest_0007"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE devices
            ADD COLUMN last_live_at timestamptz,
            ADD COLUMN late_since timestamptz,
            ADD COLUMN late_until timestamptz,
            ADD COLUMN late_posts bigint NOT NULL DEFAULT 0,
            ADD COLUMN late_told_at timestamptz
        """
    )


def downgrade() -> None:
    op.execute(
        """
        ALTER TABLE devices
            DROP COLUMN last_live_at,
            DROP COLUMN late_since,
            DROP COLUMN late_until,
            DROP COLUMN late_posts,
            DROP COLUMN late_told_at
        """
    )
