"""Store the lines of an upload that were set aside, and the account that uploaded a version."""

from alembic import op

revision = "hotlist_0006"
down_revision = "hotlist_0005"

# Earlier versions have no account id; store/lists.py compares their name instead.
STATEMENTS = (
    "ALTER TABLE versions ADD COLUMN created_by_id text",
    "ALTER TABLE snapshots ADD COLUMN set_aside integer NOT NULL DEFAULT 0",
    """
    CREATE TABLE set_aside (
        snapshot_id uuid NOT NULL REFERENCES snapshots,
        line integer NOT NULL,
        at_column integer,
        field text,
        fault text NOT NULL,
        content text NOT NULL,
        plate text,
        PRIMARY KEY (snapshot_id, line)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE set_aside")
    op.execute("ALTER TABLE snapshots DROP COLUMN set_aside")
    op.execute("ALTER TABLE versions DROP COLUMN created_by_id")
