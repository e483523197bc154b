"""Store the sources of hot lists whose hits an approver named."""

from alembic import op

revision = "release_0005"
down_revision = "release_0004"


def upgrade() -> None:
    op.execute("ALTER TABLE decisions ADD COLUMN list_sources text[] NOT NULL DEFAULT '{}'")


def downgrade() -> None:
    raise RuntimeError("decisions stay on file (policy 468.7(c)): this migration has no downgrade")
