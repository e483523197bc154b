"""Announce urgent alerts, and what becomes of them, to the department's own systems (ADR-0143).

Hits that were raised before have no announcement: their open pages have announced them.
"""

from alembic import op

revision = "hotlist_0019"
down_revision = "hotlist_0018"

STATEMENTS = (
    """
    CREATE TABLE announcements (
        announcement_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        hit_id uuid NOT NULL REFERENCES hits ON DELETE CASCADE,
        kind text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX announcements_at ON announcements (at)",
    "CREATE INDEX announcements_of_hit ON announcements (hit_id)",
    """
    CREATE TABLE notices (
        notice_id uuid PRIMARY KEY,
        receiver text NOT NULL,
        gathered_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        tried_at timestamptz,
        refusals integer NOT NULL DEFAULT 0,
        sent_at timestamptz,
        dead_at timestamptz,
        fault text
    )
    """,
    "CREATE INDEX notices_due ON notices (receiver, due_at) WHERE sent_at IS NULL",
    "CREATE INDEX notices_gathered ON notices (gathered_at)",
    """
    CREATE TABLE announcement_notices (
        announcement_id bigint NOT NULL REFERENCES announcements ON DELETE CASCADE,
        receiver text NOT NULL,
        notice_id uuid NOT NULL,
        PRIMARY KEY (announcement_id, receiver)
    )
    """,
    "CREATE INDEX announcement_notices_by_notice ON announcement_notices (notice_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE announcement_notices, notices, announcements")
