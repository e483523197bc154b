"""Store how long a device may keep captures back (ADR-0032). Existing devices get their kind's default."""

from alembic import op

revision = "ingest_0005"
down_revision = "ingest_0004"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE devices ADD COLUMN may_buffer_h double precision NOT NULL DEFAULT 0"
        " CHECK (may_buffer_h >= 0)"
    )
    op.execute("UPDATE devices SET may_buffer_h = 72, version = version + 1 WHERE kind = 'vehicle'")
    op.execute("ALTER TABLE devices ALTER COLUMN may_buffer_h DROP DEFAULT")


def downgrade() -> None:
    op.execute("ALTER TABLE devices DROP COLUMN may_buffer_h")
