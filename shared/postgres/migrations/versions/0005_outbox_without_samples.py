"""Keep samples of events that wait for Kafka out of the planner's statistics: a purge does not reach these."""

from alembic import op

from shared.postgres.statistics import never_sample, sample_again

revision = "shared_0005"
down_revision = "shared_0004"

COLUMNS = {"key": "bytea", "headers": "jsonb", "value": "bytea"}


def upgrade() -> None:
    op.execute(never_sample("outbox", COLUMNS))


def downgrade() -> None:
    op.execute(sample_again("outbox", COLUMNS))
