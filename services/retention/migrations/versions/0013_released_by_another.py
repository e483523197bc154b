"""A hold is released by another person than placed it, whatever software asks; exports tell how many hits they have.

Holds in place that one person placed and released stay as they are: the check is of what is written from now on.
Of exports in place nobody counted the hits; their packages say them.
"""

from alembic import op

revision = "retention_0013"
down_revision = "retention_0012"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE holds ADD CONSTRAINT released_by_another_person CHECK (
            (released_by IS NULL) = (released_at IS NULL)
            AND (released_by IS NULL
                OR released_by->>'person_id' IS DISTINCT FROM placed_by->>'person_id'
                AND released_by->>'person_id' IS NOT NULL)
        ) NOT VALID
        """
    )
    op.execute("ALTER TABLE evidence_exports ADD COLUMN hits bigint")


def downgrade() -> None:
    op.execute("ALTER TABLE evidence_exports DROP COLUMN hits")
    op.execute("ALTER TABLE holds DROP CONSTRAINT released_by_another_person")
