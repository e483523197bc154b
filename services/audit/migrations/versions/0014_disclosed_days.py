"""How many records each person was shown in a day, by all services, summed as the log is looked over.

Days that were looked over before count from here on (ADR-0040).
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
