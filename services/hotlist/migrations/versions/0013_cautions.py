"""Keep the caution of an entry and the year of its vehicle; entries listed before have neither (ADR-0117)."""

from alembic import op

revision = "hotlist_0013"
down_revision = "hotlist_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE entries ADD COLUMN year smallint, ADD COLUMN caution text")


def downgrade() -> None:
    op.execute("ALTER TABLE entries DROP COLUMN year, DROP COLUMN caution")
