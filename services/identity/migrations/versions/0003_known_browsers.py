"""Locks of sign-in that leave sessions open, browsers that signed in before, and counts of their own.

An account that failures locked before stays locked, sessions and all, until an administrator unlocks it.
"""

from alembic import op

revision = "identity_0003"
down_revision = "identity_0002"

STATEMENTS = (
    "ALTER TABLE accounts ADD COLUMN sign_in_locked_at timestamptz",
    # A known browser or a session whose failure it was; NULL: neither.
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
    """Add them; nobody is known yet."""
    for statement in STATEMENTS:
        op.execute(statement)
