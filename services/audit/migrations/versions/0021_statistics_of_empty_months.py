"""Renew the planner's statistics of months whose values are all erased, too.

ANALYZE leaves the samples of an empty table as they were, and an erased month hardly ever gets rows again. So each
empty month has a row while it is analysed, which no other transaction sees.
"""

from alembic import op
from sqlalchemy import text

revision = "audit_0021"
down_revision = "audit_0020"

FUNCTION = """
    CREATE OR REPLACE FUNCTION forget_statistics() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    {body}
    END $$
"""

EMPTY_MONTHS_TOO = """
    DECLARE
        month text;
        has_rows boolean;
    BEGIN
        FOR month IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = CAST('{schema}.sealed_values' AS regclass)
        LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM {schema}.%I)', month) INTO has_rows;
            IF NOT has_rows THEN
                INSERT INTO sealed_values (seq, name, captured_on, sighting, disclosure, plates)
                    VALUES (-1, '', to_date(right(month, 7), 'YYYY_MM'), false, '', '{{}}');
            END IF;
        END LOOP;
        ANALYZE sealed_values, findings;
        PERFORM set_config('plateward.erasing', 'on', true);
        DELETE FROM sealed_values WHERE seq = -1;
        PERFORM set_config('plateward.erasing', '', true);
"""

BEFORE = "BEGIN ANALYZE sealed_values, findings;"


def upgrade() -> None:
    _replace(EMPTY_MONTHS_TOO)


def downgrade() -> None:
    _replace(BEFORE)


def _replace(body: str) -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(FUNCTION.format(schema=schema, body=body.format(schema=schema)))
