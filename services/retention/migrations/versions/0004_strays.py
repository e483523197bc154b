"""Add the progress of a run's sweep for orphans, and the days that a sweep can skip."""

from alembic import op

revision = "retention_0004"
down_revision = "retention_0003"

COLUMNS = """
ALTER TABLE purge_runs
    ADD COLUMN strays bigint NOT NULL DEFAULT 0,
    ADD COLUMN strays_kept bigint NOT NULL DEFAULT 0,
    ADD COLUMN odd_objects bigint NOT NULL DEFAULT 0,
    ADD COLUMN sweep_after text,
    ADD COLUMN swept_at timestamptz
"""

# Days on which each remaining object has a record, whose purge deletes the object. Days so old get no new objects.
SWEPT = """
CREATE TABLE swept_days (
    folder text PRIMARY KEY,
    swept_at timestamptz NOT NULL
)
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(SWEPT)


def downgrade() -> None:
    op.execute("DROP TABLE swept_days")
    op.execute(
        "ALTER TABLE purge_runs DROP COLUMN strays, DROP COLUMN strays_kept,"
        " DROP COLUMN odd_objects, DROP COLUMN sweep_after, DROP COLUMN swept_at"
    )
