"""Store who created, re-invited or changed an account: these people may not decide on its requests (ADR-0025).

For existing accounts, identity reads them at its next start from its topic, as far as compaction left the events,
and announces all accounts anew.
"""

from alembic import op

revision = "identity_0004"
down_revision = "identity_0003"

STATEMENTS = (
    """
    CREATE TABLE provisioners (
        account_id uuid NOT NULL REFERENCES accounts,
        person_id text NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (account_id, person_id)
    )
    """,
    # Whether all provisioners are on record; false for existing accounts.
    "ALTER TABLE accounts ADD COLUMN provisioners_known boolean NOT NULL DEFAULT false",
    "ALTER TABLE accounts ALTER COLUMN provisioners_known SET DEFAULT true",
    "UPDATE accounts SET announced_under = 0",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
