"""Keep who has acknowledged an alert, what came of a hit as a code, and what of a hit changed last (ADR-0122).

Dispositions from before have words alone: the code is `other`.
"""

from alembic import op

revision = "hotlist_0014"
down_revision = "hotlist_0013"

STATEMENTS = (
    # `standing` is what the alert streams last had of a hit; `changed_seq` is drawn from the sequence of `seq`, under
    # the same lock, so that alerts and their changes have one order.
    "ALTER TABLE hits ADD COLUMN changed_seq bigint, ADD COLUMN standing text NOT NULL DEFAULT '',"
    " ADD COLUMN result text",
    "CREATE UNIQUE INDEX hits_changed ON hits (changed_seq) WHERE changed_seq IS NOT NULL",
    "CREATE INDEX hits_of_list_raised ON hits (list_id, raised_at)",
    "ALTER TABLE dispositions ADD COLUMN result text NOT NULL DEFAULT 'other'",
    "UPDATE hits h SET result = 'other' WHERE EXISTS (SELECT FROM dispositions d WHERE d.hit_id = h.hit_id)",
    """
    CREATE TABLE acknowledgements (
        hit_id uuid NOT NULL REFERENCES hits,
        at timestamptz NOT NULL,
        person_id text NOT NULL,
        person_name text NOT NULL,
        person_title text NOT NULL,
        person_ori text NOT NULL,
        PRIMARY KEY (hit_id, person_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE acknowledgements")
    op.execute("ALTER TABLE dispositions DROP COLUMN result")
    op.execute("DROP INDEX hits_of_list_raised")
    op.execute("ALTER TABLE hits DROP COLUMN changed_seq, DROP COLUMN standing, DROP COLUMN result")
