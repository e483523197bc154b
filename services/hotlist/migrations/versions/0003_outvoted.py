"""Reads that the other frames of their vehicle contradict (ADR-0011)."""

from alembic import op

revision = "hotlist_0003"
down_revision = "hotlist_0002"

# The custodian publishes this some seconds after the read, possibly before this service has processed the
# read. So it is stored apart from the hits and joined with them when they are shown. It contains no plate.
STATEMENTS = (
    """
    CREATE TABLE outvoted (
        read_id uuid PRIMARY KEY,
        captured_at timestamptz NOT NULL,
        reads integer NOT NULL
    )
    """,
    "CREATE INDEX outvoted_time ON outvoted (captured_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE outvoted")
