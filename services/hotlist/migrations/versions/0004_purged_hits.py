"""A hit whose read is destroyed keeps no id of it, and no time at which the vehicle was seen."""

from alembic import op

revision = "hotlist_0004"
down_revision = "hotlist_0003"

COLUMNS = ("read_id", "entry_id", "captured_at", "received_at", "first_at", "last_at")


def upgrade() -> None:
    for column in COLUMNS:
        op.execute(f"ALTER TABLE hits ALTER COLUMN {column} DROP NOT NULL")
    changes = ", ".join(f"{column} = NULL" for column in COLUMNS)
    op.execute(f"UPDATE hits SET {changes} WHERE purged_at IS NOT NULL")  # noqa: S608 - constants


def downgrade() -> None:
    raise RuntimeError("what a purge took does not come back")
