"""Store corrections of misread plates beside the reads, which never change (Civil Code 1798.90.51(b)(2)(F)).

A purge deletes a correction with its read. What it says of a sighting is in no sample of the planner's statistics.
"""

from alembic import op

from shared.postgres.statistics import never_sample

revision = "retention_0034"
down_revision = "retention_0033"

# The plate is a number, as in `reads`; none if the picture shows no legible plate.
CORRECTIONS = """
CREATE TABLE read_corrections (
    correction_id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    read_id uuid NOT NULL,
    captured_at timestamptz NOT NULL,
    plate_id bigint,
    region text,
    reason text NOT NULL,
    corrected_by jsonb NOT NULL,
    corrected_at timestamptz NOT NULL,
    CHECK (plate_id IS NOT NULL OR region IS NULL)
)
"""
NEVER_SAMPLED = {
    "correction_id": "uuid",
    "read_id": "uuid",
    "captured_at": "timestamptz",
    "plate_id": "bigint",
    "region": "text",
    "reason": "text",
    "corrected_by": "jsonb",
    "corrected_at": "timestamptz",
}


def upgrade() -> None:
    op.execute(CORRECTIONS)
    op.execute("CREATE INDEX read_corrections_read ON read_corrections (read_id, seq)")
    op.execute("CREATE INDEX read_corrections_time ON read_corrections (captured_at)")
    op.execute(never_sample("read_corrections", NEVER_SAMPLED))


def downgrade() -> None:
    op.execute("DROP TABLE read_corrections")
