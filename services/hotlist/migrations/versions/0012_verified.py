"""Index the verified hits by entry: each hit shows what a person last found of the same entry and plate (ADR-0107)."""

from alembic import op

revision = "hotlist_0012"
down_revision = "hotlist_0011"


def upgrade() -> None:
    op.execute("CREATE INDEX hits_verified ON hits (entry_id) WHERE status = 'verified'")


def downgrade() -> None:
    op.execute("DROP INDEX hits_verified")
