"""Keep who entered a single entry, so that they find its hits (ADR-0137); entries made before have a name alone.

The index is of the field that a hit has from its entry, and a purge clears it with the entry.
"""

from alembic import op

revision = "hotlist_0018"
down_revision = "hotlist_0017"


def upgrade() -> None:
    op.execute(
        "ALTER TABLE entries ADD COLUMN entered_by_id text, ADD COLUMN entered_by_title text,"
        " ADD COLUMN entered_by_ori text"
    )
    op.execute(
        "CREATE INDEX hits_listed_by ON hits ((entry #>> '{listed_by,person_id}'), seq)"
        " WHERE entry #>> '{listed_by,person_id}' IS NOT NULL"
    )


def downgrade() -> None:
    op.execute("DROP INDEX hits_listed_by")
    op.execute(
        "ALTER TABLE entries DROP COLUMN entered_by_id, DROP COLUMN entered_by_title,"
        " DROP COLUMN entered_by_ori"
    )
