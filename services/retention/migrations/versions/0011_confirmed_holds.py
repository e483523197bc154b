"""Record the second person who confirms a wide hold before its records are shown (ADR-0028).

Existing holds have no confirmation. The criteria and the policy determine whether a hold is wide.
"""

from alembic import op

revision = "retention_0011"
down_revision = "retention_0010"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE holds
            ADD COLUMN confirmed_by jsonb,
            ADD COLUMN confirmed_at timestamptz,
            ADD COLUMN confirmation_reason text,
            ADD CONSTRAINT confirmed_by_a_second_person CHECK (
                (confirmed_by IS NULL) = (confirmed_at IS NULL)
                AND (confirmed_by IS NULL OR confirmed_by->>'person_id' <> placed_by->>'person_id')
            )
        """
    )


def downgrade() -> None:
    op.execute(
        """
        ALTER TABLE holds DROP CONSTRAINT confirmed_by_a_second_person, DROP COLUMN confirmed_by,
            DROP COLUMN confirmed_at, DROP COLUMN confirmation_reason
        """
    )
