"""Store the whole frames that an approver named, and the number of pictures left out of a package."""

from alembic import op

revision = "release_0004"
down_revision = "release_0003"


def upgrade() -> None:
    op.execute("ALTER TABLE decisions ADD COLUMN originals uuid[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE packages ADD COLUMN omitted bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    raise RuntimeError("decisions stay on file (policy 468.7(c)): this migration has no downgrade")
