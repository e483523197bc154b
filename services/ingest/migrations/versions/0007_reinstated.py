"""Store when a device was reinstated, since its silence counts from then."""

from alembic import op

revision = "ingest_0007"
down_revision = "ingest_0006"


def upgrade() -> None:
    op.execute("ALTER TABLE devices ADD COLUMN reinstated_at timestamptz")


def downgrade() -> None:
    op.execute("ALTER TABLE devices DROP COLUMN reinstated_at")
