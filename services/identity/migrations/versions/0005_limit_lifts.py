"""Releases of a person, for one case, from the limit of records shown in a day (ADR-0040)."""

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
    """Add them; nobody is released yet."""
    for statement in STATEMENTS:
        op.execute(statement)
