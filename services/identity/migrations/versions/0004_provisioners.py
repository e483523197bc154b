"""Who created, re-invited or changed an account: none of them decides on its requests (ADR-0025).

Of accounts that are there already, identity reads at its next start what its topic still tells, and
announces all of them anew.
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
    # Whether all of them are on record; not of accounts from before.
    "ALTER TABLE accounts ADD COLUMN provisioners_known boolean NOT NULL DEFAULT false",
    "ALTER TABLE accounts ALTER COLUMN provisioners_known SET DEFAULT true",
    "UPDATE accounts SET announced_under = 0",
)


def upgrade() -> None:
    """Add them."""
    for statement in STATEMENTS:
        op.execute(statement)
