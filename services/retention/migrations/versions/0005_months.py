"""Add functions that make and drop months as the tables' owner; the service's role alters no table (ADR-0016)."""

from alembic import op

revision = "retention_0005"
down_revision = "retention_0004"

# Names have their schema wherever a table of the caller could replace the service's table.
MAKE = """
CREATE FUNCTION make_month(moment timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = retention, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    start timestamptz := date_trunc('month', moment);
    parent text;
    part text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['reads', 'captures'] LOOP
        part := parent || to_char(start, '_YYYY_MM');
        IF to_regclass('retention.' || part) IS NULL THEN
            EXECUTE format('CREATE TABLE retention.%I (LIKE retention.%I INCLUDING DEFAULTS)', part, parent);
            EXECUTE format(
                'ALTER TABLE retention.%I ATTACH PARTITION retention.%I FOR VALUES FROM (%L) TO (%L)',
                parent, part, start, start + interval '1 month'
            );
        END IF;
    END LOOP;
END $$
"""

# The only function that drops a month. An executing purge run (policy 468.3.1(f)) must reach past the month.
DROP = """
CREATE FUNCTION drop_month(moment timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = retention, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    start timestamptz := date_trunc('month', moment);
    parent text;
    part text;
    dropped boolean := false;
BEGIN
    IF NOT EXISTS (
        SELECT FROM retention.purge_runs
        WHERE state = 'executing' AND before >= start + interval '1 month'
    ) THEN
        RAISE EXCEPTION 'no purge run that is being executed reaches past this month'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOREACH parent IN ARRAY ARRAY['reads', 'captures'] LOOP
        part := parent || to_char(start, '_YYYY_MM');
        IF to_regclass('retention.' || part) IS NOT NULL THEN
            EXECUTE format('ALTER TABLE retention.%I DETACH PARTITION retention.%I', parent, part);
            EXECUTE format('DROP TABLE retention.%I', part);
            dropped := true;
        END IF;
    END LOOP;
    RETURN dropped;
END $$
"""


def upgrade() -> None:
    op.execute(MAKE)
    op.execute(DROP)
    op.execute("REVOKE ALL ON FUNCTION make_month, drop_month FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION make_month, drop_month")
