"""Open sealed values with a NUL character too, which jsonb cannot have: one of them kept all others from being erased."""

from alembic import op

revision = "audit_0023"
down_revision = "audit_0022"

OPENED = r"""
    CREATE OR REPLACE FUNCTION opened(disclosure text) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT replace(convert_from(decode(rpad(translate(disclosure, '-_', '+/'),
            CAST(ceil(length(disclosure) / 4.0) * 4 AS integer), '='), 'base64'), 'UTF8'),
            '\u0000', '\ufffd')::jsonb -> -1
    $$
"""


def upgrade() -> None:
    op.execute(OPENED)


def downgrade() -> None:
    raise RuntimeError(
        "an older version cannot erase beside such a value: this migration has no downgrade"
    )
