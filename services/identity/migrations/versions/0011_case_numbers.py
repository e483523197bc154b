"""Add the department's case and call numbers, and the purposes whose numbers are not among them (ADR-0141)."""

from alembic import op

revision = "identity_0011"
down_revision = "identity_0010"

STATEMENTS = (
    "CREATE TABLE case_numbers (number text PRIMARY KEY)",
    # One row: what the numbers come from.
    """
    CREATE TABLE case_list (
        only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
        as_of timestamptz,
        sha256 text NOT NULL DEFAULT ''
    )
    """,
    "INSERT INTO case_list DEFAULT VALUES",
    # Purposes with numbers that the list lacks; `reported` has those of a finding.
    """
    CREATE TABLE purpose_checks (
        purpose_id uuid PRIMARY KEY REFERENCES purposes,
        numbers text[] NOT NULL,
        due_at timestamptz NOT NULL,
        reported text[] NOT NULL DEFAULT '{}'
    )
    """,
    "CREATE INDEX purpose_checks_due ON purpose_checks (due_at) WHERE reported = '{}'",
)


def upgrade() -> None:
    """Add them; purposes from before are not checked."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them; no number is compared any more."""
    op.execute("DROP TABLE purpose_checks, case_list, case_numbers")
