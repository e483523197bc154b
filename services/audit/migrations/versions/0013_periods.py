"""Audits are drawn for the plan's periods, which the log's own entries fix; each is drawn once.

Audits from before were drawn for periods that people chose; they stay as they are, without one.
"""

from alembic import op

revision = "audit_0013"
down_revision = "audit_0012"


def upgrade() -> None:
    op.execute("ALTER TABLE audits ADD period_seq bigint UNIQUE")
    op.execute("CREATE INDEX entries_period_fixed ON entries (seq) WHERE kind = 'period.fixed'")


def downgrade() -> None:
    raise RuntimeError("audits are kept; there is no way back from here")
