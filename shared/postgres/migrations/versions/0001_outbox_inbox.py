"""Outbox and inbox."""

from alembic import op

revision = "shared_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE outbox (
            seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            topic text NOT NULL,
            key bytea NOT NULL,
            headers jsonb NOT NULL,
            value bytea NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE inbox (
            consumer text NOT NULL,
            event_id uuid NOT NULL,
            seen_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (consumer, event_id)
        )
        """
    )
    op.execute("CREATE INDEX inbox_seen_at ON inbox (seen_at)")


def downgrade() -> None:
    op.execute("DROP TABLE inbox, outbox")
