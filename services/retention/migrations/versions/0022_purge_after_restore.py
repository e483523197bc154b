"""Allow a further run under the standing order on the same day: the one that follows a restore (ADR-0072)."""

from alembic import op

revision = "retention_0022"
down_revision = "retention_0021"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE purge_runs DROP CONSTRAINT purge_runs_check1,"
        " ADD CONSTRAINT purge_runs_day CHECK (kind = 'daily' OR day IS NULL)"
    )


def downgrade() -> None:
    op.execute(
        "ALTER TABLE purge_runs DROP CONSTRAINT purge_runs_day,"
        " ADD CONSTRAINT purge_runs_check1 CHECK ((kind = 'daily') = (day IS NOT NULL))"
    )
