"""Open sealed values with a NUL character too, which jsonb cannot have: one of them stopped the erasing of others."""

from alembic import op

revision = "audit_0023"
down_revision = "audit_0022"

OPENED = """
    CREATE OR REPLACE FUNCTION opened(disclosure text) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT {json}::jsonb -> -1
    $$
"""
DECODED = """
    convert_from(decode(rpad(translate(disclosure, '-_', '+/'),
        CAST(ceil(length(disclosure) / 4.0) * 4 AS integer), '='), 'base64'), 'UTF8')
"""


def upgrade() -> None:
    op.execute(OPENED.format(json=rf"replace({DECODED}, '\u0000', '\ufffd')"))


def downgrade() -> None:
    op.execute(OPENED.format(json=DECODED.strip()))
