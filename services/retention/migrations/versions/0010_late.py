"""Whether a record came later than its device may keep it back (ADR-0032).

NULL: kept before that was judged, when nobody wrote down how long its device might keep it back.
"""

from alembic import op

revision = "retention_0010"
down_revision = "retention_0009"

TABLES = ("reads", "held_reads", "captures", "held_captures")


def upgrade() -> None:
    for table in TABLES:  # the last column of each: what is held is moved as it stands
        op.execute(f"ALTER TABLE {table} ADD COLUMN late boolean")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} DROP COLUMN late")
