"""Name the delimiters of stored layouts by words, as the API does: generators of clients cannot name a tab."""

from alembic import op

revision = "hotlist_0016"
down_revision = "hotlist_0015"

IN_WORDS = """
    UPDATE lists SET layout = jsonb_set(layout, '{delimiter}', to_jsonb(CASE layout ->> 'delimiter'
        WHEN ',' THEN 'comma' WHEN ';' THEN 'semicolon' WHEN '|' THEN 'pipe' ELSE 'tab' END))
    WHERE layout ->> 'delimiter' IS NOT NULL
"""
AS_CHARACTERS = """
    UPDATE lists SET layout = jsonb_set(layout, '{delimiter}', to_jsonb(CASE layout ->> 'delimiter'
        WHEN 'comma' THEN ',' WHEN 'semicolon' THEN ';' WHEN 'pipe' THEN '|' ELSE chr(9) END))
    WHERE layout ->> 'delimiter' IS NOT NULL
"""


def upgrade() -> None:
    op.execute(IN_WORDS)


def downgrade() -> None:
    op.execute(AS_CHARACTERS)
