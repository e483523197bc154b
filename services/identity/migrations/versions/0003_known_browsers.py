"""Add locks of sign-in that leave sessions open, and known browsers with their own counts of failures.

An account that failures locked earlier stays locked, with its sessions, until an administrator unlocks it.
"""

from alembic import op

revision = "identity_0003"
down_revision = "identity_0002"

STATEMENTS = (
    "ALTER TABLE accounts ADD COLUMN sign_in_locked_at timestamptz",
    # The known browser or session that failed; NULL for neither.
    "ALTER TABLE failed_sign_ins ADD COLUMN counted_for uuid",
    """
    CREATE TABLE known_browsers (
        browser_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        known_since timestamptz NOT NULL,
        used_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX known_browsers_account ON known_browsers (account_id, used_at)",
)


def upgrade() -> None:
    """Add them; no browser is known yet."""
    for statement in STATEMENTS:
        op.execute(statement)
