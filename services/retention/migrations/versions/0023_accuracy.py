"""Create reports on the accuracy of each camera's reads: counts, never a read (ADR-0085)."""

from alembic import op

revision = "retention_0023"
down_revision = "retention_0022"

TABLE = """
    CREATE TABLE accuracy_reports (
        report_id uuid PRIMARY KEY,
        agency_ori text NOT NULL,
        state text NOT NULL CHECK (state IN ('requested', 'ready', 'failed')),
        requested_by jsonb NOT NULL,
        requested_at timestamptz NOT NULL,
        purpose jsonb NOT NULL,
        captured_from timestamptz NOT NULL,
        captured_to timestamptz NOT NULL,
        device_ids uuid[] NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        not_before timestamptz NOT NULL,
        fault text,
        measured_at timestamptz,
        engine text,
        rows jsonb,
        CHECK ((state = 'ready') = (rows IS NOT NULL AND engine IS NOT NULL AND measured_at IS NOT NULL))
    )
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("CREATE INDEX accuracy_reports_time ON accuracy_reports (requested_at, report_id)")
    # One waits or runs at a time.
    op.execute(
        "CREATE UNIQUE INDEX accuracy_reports_waiting ON accuracy_reports (agency_ori)"
        " WHERE state = 'requested'"
    )


def downgrade() -> None:
    op.execute("DROP TABLE accuracy_reports")
