"""Keep every role that a person ever had: without it, a removed role no longer takes two to invite anew (ADR-0025).

Of existing accounts, the roles of today and those of their yearly reviews are known.
"""

from alembic import op

revision = "identity_0008"
down_revision = "identity_0007"

HELD = """
    UPDATE accounts a SET held_roles = array(
        SELECT DISTINCT role FROM (
            SELECT unnest(a.roles) UNION ALL
            SELECT unnest(r.roles) FROM reviews r WHERE r.account_id = a.account_id
        ) AS held (role) ORDER BY role)
"""


def upgrade() -> None:
    """Add them, from what is on record."""
    op.execute("ALTER TABLE accounts ADD COLUMN held_roles text[] NOT NULL DEFAULT '{}'")
    op.execute(HELD)


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE accounts DROP COLUMN held_roles")
