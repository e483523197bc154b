"""Refuse in the database a confirmation of a hold that names no person, as the release is refused (ADR-0028).

The check applies to new confirmations only.
"""

from alembic import op

revision = "retention_0027"
down_revision = "retention_0026"

REPLACED = """
    ALTER TABLE holds DROP CONSTRAINT confirmed_by_a_second_person,
        ADD CONSTRAINT confirmed_by_a_second_person CHECK (
            (confirmed_by IS NULL) = (confirmed_at IS NULL)
            AND (confirmed_by IS NULL OR {by_another})
        ) NOT VALID
"""
ANOTHER = "confirmed_by->>'person_id' <> placed_by->>'person_id'"
ANOTHER_PERSON = """
    confirmed_by->>'person_id' IS DISTINCT FROM placed_by->>'person_id' AND confirmed_by->>'person_id' IS NOT NULL
"""


def upgrade() -> None:
    op.execute(REPLACED.format(by_another=ANOTHER_PERSON))


def downgrade() -> None:
    op.execute(REPLACED.format(by_another=ANOTHER))
