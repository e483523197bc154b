"""Create passes, which are reads of one vehicle in successive frames, and the queue of the vote (ADR-0011)."""

from alembic import op

revision = "retention_0002"
down_revision = "retention_0001"

# Reads never change, so a table of its own has the pass of each read.
PASSES = """
CREATE TABLE passes (
    pass_id uuid PRIMARY KEY,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    plate_id bigint NOT NULL,
    confidence double precision NOT NULL,
    misread_risk double precision,
    device_id uuid NOT NULL,
    best_read_id uuid NOT NULL,
    agency_ori text NOT NULL,
    region text,
    details json NOT NULL
);
CREATE INDEX passes_time ON passes (first_at);
CREATE TABLE pass_reads (
    read_id uuid PRIMARY KEY,
    captured_at timestamptz NOT NULL,
    pass_id uuid NOT NULL REFERENCES passes ON DELETE CASCADE,
    late boolean NOT NULL
);
CREATE INDEX pass_reads_pass ON pass_reads (pass_id);
CREATE INDEX pass_reads_time ON pass_reads (captured_at);
"""

# One row for each device and batch of reads. A row is deleted after the vote on all of its reads.
DUE = """
CREATE TABLE pass_due (
    due_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id uuid NOT NULL,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    stored_at timestamptz NOT NULL
);
CREATE INDEX pass_due_device ON pass_due (device_id);
"""


def upgrade() -> None:
    for part in (PASSES, DUE):
        for statement in part.split(";\n"):
            if statement.strip():
                op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE pass_due, pass_reads, passes")
