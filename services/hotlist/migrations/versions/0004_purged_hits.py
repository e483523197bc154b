"""Clear the read's ids and the times of the sighting from hits whose read is destroyed."""

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
    raise RuntimeError("a downgrade cannot restore purged data")
