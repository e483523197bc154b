"""Draw audits for the plan's periods, which entries of the log fix; each period has one audit.

Older audits, whose periods people chose, stay unchanged and have no such period.
"""

from alembic import op

revision = "audit_0013"
down_revision = "audit_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE audits ADD period_seq bigint UNIQUE")
    op.execute("CREATE INDEX entries_period_fixed ON entries (seq) WHERE kind = 'period.fixed'")


def downgrade() -> None:
    raise RuntimeError("audits stay on file: this migration has no downgrade")
