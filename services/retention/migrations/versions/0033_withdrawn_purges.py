"""Store who withdrew a purge beside who authorised it.

A withdrawal took the place of the authorisation, which is in the audit log alone for those from before. A daily run
that was stopped with its standing order has its authorisation, and gets the withdrawal of the order.
"""

from alembic import op

revision = "retention_0033"
down_revision = "retention_0032"

COLUMNS = """
ALTER TABLE purge_runs
    ADD COLUMN withdrawn_by jsonb,
    ADD COLUMN withdrawn_at timestamptz,
    ADD COLUMN withdrawal_note text
"""
OWN = """
UPDATE purge_runs SET withdrawn_by = decided_by, withdrawn_at = decided_at, withdrawal_note = decision_note,
    decided_by = NULL, decided_at = NULL, decision_note = NULL
WHERE state = 'withdrawn' AND (kind <> 'daily' OR decision_note IS NOT NULL)
"""
WITH_ORDER = """
UPDATE purge_runs run SET withdrawn_by = standing.withdrawn_by, withdrawn_at = standing.withdrawn_at,
    withdrawal_note = standing.withdrawal_note
FROM purge_runs standing
WHERE standing.run_id = run.standing_id AND run.state = 'withdrawn' AND run.withdrawn_at IS NULL
"""
FORMER = """
UPDATE purge_runs SET decided_by = withdrawn_by, decided_at = withdrawn_at, decision_note = withdrawal_note
WHERE state = 'withdrawn' AND withdrawn_at IS NOT NULL
"""


def upgrade() -> None:
    for statement in (COLUMNS, OWN, WITH_ORDER):
        op.execute(statement)


def downgrade() -> None:
    op.execute(FORMER)
    op.execute(
        "ALTER TABLE purge_runs DROP COLUMN withdrawn_by, DROP COLUMN withdrawn_at,"
        " DROP COLUMN withdrawal_note"
    )
