"""Index the unverified hits, which are counted by tier (ADR-0041)."""

from alembic import op

revision = "hotlist_0008"
down_revision = "hotlist_0007"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX hits_unverified ON hits (agency_ori, source, tier, raised_at)"
        " WHERE status = 'unverified'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX hits_unverified")
