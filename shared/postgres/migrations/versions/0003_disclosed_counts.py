"""Count the records that this service shows each person in a day; counting begins now (ADR-0040)."""

from alembic import op

revision = "shared_0003"
down_revision = "shared_0002"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE disclosed_counts (
            person_id text NOT NULL,
            day date NOT NULL,
            records bigint NOT NULL CHECK (records >= 0),
            PRIMARY KEY (person_id, day)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE disclosed_counts")
