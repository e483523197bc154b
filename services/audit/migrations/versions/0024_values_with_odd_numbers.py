"""Open sealed values that jsonb cannot have as none, such as a number of 20,000 places, which stopped all erasing.

Such a value names no read, so no hold keeps it, and it goes with its day.
"""

from alembic import op

revision = "audit_0024"
down_revision = "audit_0023"

DECODED = """
    convert_from(decode(rpad(translate(disclosure, '-_', '+/'),
        CAST(ceil(length(disclosure) / 4.0) * 4 AS integer), '='), 'base64'), 'UTF8')
"""
OPENED = rf"""
    CREATE OR REPLACE FUNCTION opened(disclosure text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$
    BEGIN
        RETURN replace({DECODED}, '\u0000', '\ufffd')::jsonb -> -1;
    EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
        RETURN NULL;
    END $$
"""
BEFORE = rf"""
    CREATE OR REPLACE FUNCTION opened(disclosure text) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT replace({DECODED}, '\u0000', '\ufffd')::jsonb -> -1
    $$
"""


def upgrade() -> None:
    op.execute(OPENED)


def downgrade() -> None:
    op.execute(BEFORE)
