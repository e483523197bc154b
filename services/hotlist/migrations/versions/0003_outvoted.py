"""Reads that the other frames of their vehicle contradict (ADR-0011)."""

from alembic import op

revision = "hotlist_0003"
down_revision = "hotlist_0002"

# Told by the custodian some seconds after the read, perhaps before the read itself was worked here: so
# it stands beside the hits and meets them when they are shown. No plate is kept.
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
