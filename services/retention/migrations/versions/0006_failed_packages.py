"""Let an order of a package fail for good, and store the one access attempt that covers all attempts at building it."""

from alembic import op

revision = "retention_0006"
down_revision = "retention_0005"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE packages ADD COLUMN attempt_id uuid, ADD COLUMN failed_at timestamptz,"
        " ADD CONSTRAINT built_or_failed CHECK (built_at IS NULL OR failed_at IS NULL)"
    )
    op.execute("DROP INDEX packages_waiting")
    op.execute(
        "CREATE INDEX packages_waiting ON packages (not_before)"
        " WHERE built_at IS NULL AND failed_at IS NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX packages_waiting")
    op.execute(
        "ALTER TABLE packages DROP CONSTRAINT built_or_failed,"
        " DROP COLUMN attempt_id, DROP COLUMN failed_at"
    )
    op.execute("CREATE INDEX packages_waiting ON packages (not_before) WHERE built_at IS NULL")
