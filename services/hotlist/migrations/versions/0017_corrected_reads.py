"""Store what people saw in the pictures of reads, so that hits on misread plates say so (ADR-0135).

A correction may come before its hit, if this service is behind. So it is stored apart from the hits and joined with
them when they are shown. A purge deletes it with its read, and the planner takes no sample of it.
"""

from alembic import op

from shared.postgres.statistics import never_sample

revision = "hotlist_0017"
down_revision = "hotlist_0016"

# Without a plate the picture shows no legible one; without a region it is that of the record.
CORRECTED = """
CREATE TABLE corrected (
    read_id uuid PRIMARY KEY,
    captured_at timestamptz NOT NULL,
    plate text,
    region text,
    corrected_at timestamptz NOT NULL
)
"""
NEVER_SAMPLED = {
    "read_id": "uuid",
    "captured_at": "timestamptz",
    "plate": "text",
    "region": "text",
    "corrected_at": "timestamptz",
}


def upgrade() -> None:
    op.execute(CORRECTED)
    op.execute("CREATE INDEX corrected_time ON corrected (captured_at)")
    op.execute(never_sample("corrected", NEVER_SAMPLED))


def downgrade() -> None:
    op.execute("DROP TABLE corrected")
