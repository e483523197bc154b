"""Add deliverers of invitations, proposals to invite anew, and the origins of sessions (ADR-0025).

An existing invitation was handed over when it was made, and stays valid.
"""

from alembic import op

revision = "identity_0006"
down_revision = "identity_0005"

STATEMENTS = (
    "ALTER TABLE invitations ALTER COLUMN token_hash DROP NOT NULL",
    # Account ids, or `system:identity` for the command line; NULL: older, or not delivered yet.
    "ALTER TABLE invitations ADD COLUMN invited_by text[] NOT NULL DEFAULT '{}',"
    " ADD COLUMN delivered_by text,"
    " ADD CHECK ((token_hash IS NULL) = (delivered_at IS NULL))",
    "ALTER TABLE sessions ADD COLUMN client_address text, ADD COLUMN browser_id uuid",
    """
    CREATE TABLE reinvitations (
        account_id uuid PRIMARY KEY REFERENCES accounts,
        proposed_by uuid NOT NULL,
        reason text NOT NULL,
        proposed_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
)


def upgrade() -> None:
    """Add them; people who were invited earlier have their tokens."""
    op.execute("ALTER TABLE invitations ADD COLUMN delivered_at timestamptz")
    op.execute("UPDATE invitations SET delivered_at = now()")
    for statement in STATEMENTS:
        op.execute(statement)
