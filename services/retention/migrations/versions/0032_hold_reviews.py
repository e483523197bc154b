"""Give each hold an owner and a date of review, its last review, and what the log has of both.

A hold from before belongs to the person who placed it, and is due a year after that, in a month at the earliest. The
table is beside `holds`: constraints refuse any change of holds that one person placed and released before 0013.
"""

from alembic import op

revision = "retention_0032"
down_revision = "retention_0031"

REVIEWS = """
CREATE TABLE hold_reviews (
    hold_id uuid PRIMARY KEY REFERENCES holds,
    owner jsonb NOT NULL,
    review_by timestamptz NOT NULL,
    reviewed_by jsonb,
    reviewed_at timestamptz,
    review_reason text,
    overdue_reported timestamptz,
    owner_reported text
)
"""
PRESENT = """
INSERT INTO hold_reviews (hold_id, owner, review_by)
SELECT hold_id, placed_by, greatest(placed_at + interval '365 days', now() + interval '30 days')
FROM holds WHERE released_at IS NULL
"""


def upgrade() -> None:
    op.execute(REVIEWS)
    op.execute(PRESENT)


def downgrade() -> None:
    op.execute("DROP TABLE hold_reviews")
