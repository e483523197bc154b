"""Store the layout of a list's extract, the feeds that deliver extracts, and who else answers for a version."""

from alembic import op

revision = "hotlist_0015"
down_revision = "hotlist_0014"

STATEMENTS = (
    # A file that was delivered before `reading_set_at` would be read otherwise now, so it may be delivered again.
    """
    ALTER TABLE lists ADD COLUMN layout jsonb, ADD COLUMN layout_set_by_id text,
        ADD COLUMN reading_set_at timestamptz
    """,
    # The accounts of those who gave its layout and its feed's credential: none of them is the second person (ADR-0123).
    "ALTER TABLE versions ADD COLUMN also_by text[] NOT NULL DEFAULT '{}'",
    """
    CREATE TABLE feeds (
        feed_id uuid PRIMARY KEY,
        list_id uuid NOT NULL REFERENCES lists,
        name text NOT NULL,
        secret_sha256 bytea NOT NULL,
        issued_at timestamptz NOT NULL,
        issued_by text NOT NULL,
        issued_by_id text NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        last_delivered_at timestamptz
    )
    """,
    "CREATE INDEX feeds_of_list ON feeds (list_id, feed_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE feeds")
    op.execute("ALTER TABLE versions DROP COLUMN also_by")
    op.execute(
        "ALTER TABLE lists DROP COLUMN layout, DROP COLUMN layout_set_by_id, DROP COLUMN reading_set_at"
    )
