"""Remember how many reads each month had when it ended, for the public figures: so each read is counted once."""

from alembic import op

revision = "retention_0029"
down_revision = "retention_0028"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE counted_months (
            first_day date PRIMARY KEY,
            reads bigint NOT NULL CHECK (reads >= 0)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE counted_months")
