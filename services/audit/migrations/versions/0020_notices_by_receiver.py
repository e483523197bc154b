"""Keep the state of delivery by notice and receiver: each receiver has retries and dead letters of its own (ADR-0075).

The findings that were delivered, or due, to the one receiver so far become notices of one finding each to `webhook`.
"""

from alembic import op

revision = "audit_0020"
down_revision = "audit_0019"

STATEMENTS = (
    """
    CREATE TABLE notices (
        notice_id uuid PRIMARY KEY,
        receiver text NOT NULL,
        gathered_at timestamptz NOT NULL,
        due_at timestamptz NOT NULL,
        attempts integer NOT NULL DEFAULT 0,
        tried_at timestamptz,
        sent_at timestamptz,
        dead_at timestamptz,
        fault text
    )
    """,
    """
    INSERT INTO notices (notice_id, receiver, gathered_at, due_at, attempts, tried_at, sent_at, fault)
    SELECT n.finding_id, 'webhook', f.raised_at, n.due_at, n.attempts, now(), n.sent_at, n.fault
    FROM finding_notices n JOIN findings f USING (finding_id)
    """,
    "CREATE INDEX notices_due ON notices (receiver, due_at) WHERE sent_at IS NULL",
    """
    ALTER TABLE finding_notices
        ADD receiver text NOT NULL DEFAULT 'webhook',
        ADD notice_id uuid REFERENCES notices,
        DROP attempts, DROP due_at, DROP sent_at, DROP fault
    """,
    "UPDATE finding_notices SET notice_id = finding_id",
    """
    ALTER TABLE finding_notices
        ALTER receiver DROP DEFAULT,
        ALTER notice_id SET NOT NULL,
        DROP CONSTRAINT finding_notices_pkey,
        ADD PRIMARY KEY (finding_id, receiver)
    """,
    "CREATE INDEX finding_notices_by_notice ON finding_notices (notice_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("an older version has no state by receiver: this migration has no downgrade")
