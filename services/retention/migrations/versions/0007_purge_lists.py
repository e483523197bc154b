"""Store the ids of destroyed records until the run's list is written, and the list's key and its end.

docs/purge-list.md describes the list.
"""

from alembic import op

revision = "retention_0007"
down_revision = "retention_0006"

# kind: 0 for a capture, 1 for a read. The list has the same order.
STAGED = """
CREATE TABLE purged_records (
    run_id uuid NOT NULL REFERENCES purge_runs,
    kind smallint NOT NULL CHECK (kind IN (0, 1)),
    record_id uuid NOT NULL,
    PRIMARY KEY (run_id, kind, record_id)
)
"""
COLUMNS = """
ALTER TABLE purge_runs
    ADD COLUMN purge_list jsonb,
    ADD COLUMN list_ended_at timestamptz
"""


def upgrade() -> None:
    op.execute(STAGED)
    op.execute(COLUMNS)
    # Older runs have no list, so their lists count as ended.
    op.execute(
        "UPDATE purge_runs SET list_ended_at = now() WHERE state IN ('executed', 'certified')"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE purge_runs DROP COLUMN purge_list, DROP COLUMN list_ended_at")
    op.execute("DROP TABLE purged_records")
