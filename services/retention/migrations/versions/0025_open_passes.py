"""Keep what is known of passes that further reads may join, so that their reads are not examined again (ADR-0092)."""

from alembic import op

revision = "retention_0025"
down_revision = "retention_0024"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE open_passes (
            device_id uuid NOT NULL,
            pass_id uuid NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            reads integer NOT NULL,
            plates bigint[] NOT NULL,
            surest_id uuid NOT NULL,
            surest_at timestamptz NOT NULL,
            PRIMARY KEY (device_id, pass_id)
        )
        """
    )


def downgrade() -> None:
    op.execute("DELETE FROM pass_reads m USING open_passes o WHERE o.pass_id = m.pass_id")
    op.execute("DROP TABLE open_passes")
