"""Index the entries that record exports of sealed values."""

from alembic import op

revision = "audit_0010"
down_revision = "audit_0009"


def upgrade() -> None:
    op.execute(
        "CREATE INDEX entries_values_exported ON entries (seq) WHERE kind = 'values.exported'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX entries_values_exported")
