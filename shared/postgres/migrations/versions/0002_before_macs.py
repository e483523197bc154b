"""Store digests of the events that wait in the outbox without a MAC, from before MACs (ADR-0022)."""

from alembic import op

from shared.postgres.outbox import DIGEST

revision = "shared_0002"
down_revision = "shared_0001"


def upgrade() -> None:
    op.execute("LOCK TABLE outbox IN SHARE MODE")
    op.execute("CREATE TABLE outbox_before_macs (seq bigint PRIMARY KEY, digest bytea NOT NULL)")
    op.execute(f"INSERT INTO outbox_before_macs SELECT o.seq, {DIGEST} FROM outbox o")  # noqa: S608 - a constant


def downgrade() -> None:
    op.execute("DROP TABLE outbox_before_macs")
