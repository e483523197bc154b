"""Record whether a record arrived later than its device may keep it back (ADR-0032).

NULL for older records, for which the device's limit is unknown.
"""

from alembic import op

revision = "retention_0010"
down_revision = "retention_0009"

TABLES = ("reads", "held_reads", "captures", "held_captures")


def upgrade() -> None:
    for (
        table
    ) in TABLES:  # each table's last column, because rows are copied to the held tables by position
        op.execute(f"ALTER TABLE {table} ADD COLUMN late boolean")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN late")
