"""Keep the trace in which a hit was raised, for the span of its alert; NULL for a hit that was not traced."""

from alembic import op

revision = "hotlist_0010"
down_revision = "hotlist_0009"


def upgrade() -> None:
    op.execute("ALTER TABLE hits ADD COLUMN traceparent text")


def downgrade() -> None:
    op.execute("ALTER TABLE hits DROP COLUMN traceparent")
