"""Create the sums of records that all services showed to each person in a day (ADR-0040).

The rule adds each new entry to them; entries that it processed before this migration do not count.
"""

from alembic import op

revision = "audit_0014"
down_revision = "audit_0013"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE disclosed_days (
            person_id text NOT NULL,
            day date NOT NULL,
            records bigint NOT NULL CHECK (records >= 0),
            PRIMARY KEY (person_id, day)
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE disclosed_days")
