"""Store when a device's silence was reported, so that each silence is reported once."""

from alembic import op

revision = "ingest_0002"
down_revision = "ingest_0001"


def upgrade() -> None:
    op.execute("ALTER TABLE devices ADD COLUMN silence_told_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE devices DROP COLUMN silence_told_at")
