"""Refuse in the database the release of a hold by the person who placed it; record the number of hits of an export.

The check applies to new releases only: holds that one person placed and released before stay unchanged. Existing
exports have no number of hits; their packages list the hits.
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
