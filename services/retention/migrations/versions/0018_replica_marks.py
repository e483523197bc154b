"""Add the marks that show whether a read replica has replayed the newest purge and hold, and how far it is behind."""

from alembic import op

revision = "retention_0018"
down_revision = "retention_0014"

ONE_ROW = "single boolean PRIMARY KEY DEFAULT true CHECK (single)"


def upgrade() -> None:
    op.execute(f"CREATE TABLE replica_marks ({ONE_ROW}, changes bigint NOT NULL DEFAULT 0)")
    op.execute(
        f"CREATE TABLE replica_heartbeat ({ONE_ROW}, beat_at timestamptz NOT NULL DEFAULT now())"
    )
    op.execute("INSERT INTO replica_marks DEFAULT VALUES")
    op.execute("INSERT INTO replica_heartbeat DEFAULT VALUES")


def downgrade() -> None:
    op.execute("DROP TABLE replica_heartbeat, replica_marks")
