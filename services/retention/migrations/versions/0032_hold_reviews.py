"""Give each hold an owner and a date of review, its last review, and what the log has of both.

A hold from before belongs to the person who placed it, and is due a year after that, in a month at the earliest.
"""

from alembic import op

revision = "retention_0032"
down_revision = "retention_0031"

# Nullable: a service of the version before places holds until it ends. Without a value, a hold is as one placed then.
COLUMNS = """
ALTER TABLE holds
    ADD COLUMN owner jsonb,
    ADD COLUMN review_by timestamptz,
    ADD COLUMN reviewed_by jsonb,
    ADD COLUMN reviewed_at timestamptz,
    ADD COLUMN review_reason text,
    ADD COLUMN overdue_reported timestamptz,
    ADD COLUMN owner_reported text
"""
PRESENT = """
UPDATE holds SET owner = placed_by,
    review_by = greatest(placed_at + interval '365 days', now() + interval '30 days')
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(PRESENT)


def downgrade() -> None:
    for name in (
        "owner_reported", "overdue_reported", "review_reason", "reviewed_at", "reviewed_by", "review_by", "owner",
    ):  # fmt: skip
        op.execute(f"ALTER TABLE holds DROP COLUMN {name}")
