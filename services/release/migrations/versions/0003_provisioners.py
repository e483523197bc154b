"""Store who registered or changed an agency: these people may not decide on its requests (ADR-0025).

For existing agencies they are unknown, so requests of these agencies take two approvers.
"""

from alembic import op

revision = "release_0003"
down_revision = "release_0002"

PROVISIONERS = """
    CREATE TABLE agency_provisioners (
        ori text NOT NULL REFERENCES agencies,
        person_id text NOT NULL,
        since timestamptz NOT NULL,
        PRIMARY KEY (ori, person_id)
    )
"""


def upgrade() -> None:
    """Add the table of provisioners."""
    op.execute(PROVISIONERS)
    op.execute("ALTER TABLE agencies ADD COLUMN provisioners_known boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE agencies ALTER COLUMN provisioners_known SET DEFAULT true")


def downgrade() -> None:
    raise RuntimeError("requests stay on file (policy 468.7(c)): this migration has no downgrade")
