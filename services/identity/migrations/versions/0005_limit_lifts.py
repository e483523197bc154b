"""Store the limit lifts of people, each for one case (ADR-0040)."""

from alembic import op

revision = "identity_0005"
down_revision = "identity_0004"

STATEMENTS = (
    """
    CREATE TABLE limit_lifts (
        lift_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        case_number text NOT NULL,
        reason text NOT NULL,
        lifted_by uuid NOT NULL,
        lifted_at timestamptz NOT NULL,
        until timestamptz NOT NULL CHECK (until > lifted_at)
    )
    """,
    "CREATE INDEX limit_lifts_account ON limit_lifts (account_id, lifted_at)",
)


def upgrade() -> None:
    """Add the table; it is empty."""
    for statement in STATEMENTS:
        op.execute(statement)
