"""Create the record of each audited partition's end when the log began to require MACs (ADR-0022)."""

from alembic import op

revision = "audit_0006"
down_revision = "audit_0005"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE before_macs (
            topic text NOT NULL,
            partition integer NOT NULL,
            end_offset bigint NOT NULL CHECK (end_offset >= 0),
            recorded_at timestamptz NOT NULL,
            PRIMARY KEY (topic, partition)
        )
        """
    )
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON before_macs"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER kept_whole BEFORE TRUNCATE ON before_macs"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    op.execute("DROP TABLE before_macs")
