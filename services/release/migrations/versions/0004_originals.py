"""Whole frames that an approver named, and how many pictures a package had to leave out."""

from alembic import op

revision = "release_0004"
down_revision = "release_0003"


def upgrade() -> None:
    op.execute("ALTER TABLE decisions ADD COLUMN originals uuid[] NOT NULL DEFAULT '{}'")
    op.execute("ALTER TABLE packages ADD COLUMN omitted bigint NOT NULL DEFAULT 0")


def downgrade() -> None:
    raise RuntimeError("what was decided stays on file (policy 468.7(c)); there is no way back")
