"""Add numbers of account and key events, and the certificate under which each was last announced.

Existing accounts and keys have number 0: identity announces them, signed and numbered, at its next start.
"""

from alembic import op

revision = "identity_0002"
down_revision = "identity_0001"

STATEMENTS = (
    "CREATE TABLE numbers (name text PRIMARY KEY, number bigint NOT NULL CHECK (number >= 0))",
    "INSERT INTO numbers (name, number) VALUES ('accounts', 0), ('keys', 0)",
    "ALTER TABLE accounts ADD COLUMN number bigint NOT NULL DEFAULT 0,"
    " ADD COLUMN announced_under bigint NOT NULL DEFAULT 0",
    "ALTER TABLE signing_keys ADD COLUMN number bigint NOT NULL DEFAULT 0",
)


def upgrade() -> None:
    """Add the numbers."""
    for statement in STATEMENTS:
        op.execute(statement)
