"""Create the record of findings delivered to the department."""

from alembic import op

revision = "audit_0005"
down_revision = "audit_0004"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE finding_notices (
            finding_id uuid PRIMARY KEY REFERENCES findings,
            attempts integer NOT NULL,
            due_at timestamptz NOT NULL,
            sent_at timestamptz,
            fault text
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE finding_notices")
