"""Keep the box of a hit's plate in its picture; hits raised before have none."""

from alembic import op

revision = "hotlist_0009"
down_revision = "hotlist_0008"


def upgrade() -> None:
    op.execute("ALTER TABLE hits ADD COLUMN box jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE hits DROP COLUMN box")
