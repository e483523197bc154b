"""Who registered or changed an agency: none of them decides on its requests (ADR-0025).

Of agencies that are there already nobody knows; their requests take two approvers.
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
    """Add them."""
    op.execute(PROVISIONERS)
    op.execute("ALTER TABLE agencies ADD COLUMN provisioners_known boolean NOT NULL DEFAULT false")
    op.execute("ALTER TABLE agencies ALTER COLUMN provisioners_known SET DEFAULT true")


def downgrade() -> None:
    raise RuntimeError("requests stay on file (policy 468.7(c)); there is no way back from here")
