"""Add the function that destroys the whole log before this one once it is due, with an entry of this log."""

from alembic import op
from sqlalchemy import text

revision = "audit_0011"
down_revision = "audit_0010"

OLD = ("old_entries", "old_nodes", "old_checkpoints")

TABLES = (
    """
    CREATE TABLE destroyed_logs (
        origin text PRIMARY KEY,
        size bigint NOT NULL,
        root_hash bytea NOT NULL,
        newest_at timestamptz NOT NULL,
        kept_years integer NOT NULL,
        destroyed_event uuid NOT NULL UNIQUE,
        destroyed_at timestamptz NOT NULL
    )
    """,
    # Only `destroy_old_log` may empty the old log, and only while it runs. Its rows never change.
    """
    CREATE FUNCTION refuse_unless_destroying() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(current_setting('plateward.destroying', true), '') <> 'on' THEN
            RAISE EXCEPTION '% on % is refused: the old log is destroyed whole, once it is due',
                TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
    """,
)

DUE = """
    CREATE FUNCTION old_log_due(kept_years integer) RETURNS timestamptz
    LANGUAGE sql STABLE SET search_path = {schema}, pg_temp AS $$
        SELECT max(o.appended_at) + make_interval(years => kept_years) FROM old_entries o
    $$
"""

# Government Code 34090(d): a city record is kept for two years at least, whatever period the caller gives.
DESTROY = """
    CREATE FUNCTION destroy_old_log(destroying uuid, kept_years integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        closed jsonb;
        due timestamptz := old_log_due(greatest(kept_years, 2));
        newest timestamptz := (SELECT max(o.appended_at) FROM old_entries o);
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('audit-log'), hashtext('{schema}'));
        SELECT convert_from(e.entry, 'UTF8')::jsonb INTO closed FROM entries e
            WHERE e.seq = 0 AND e.kind = 'log.closed';
        IF closed IS NULL
            OR (closed #>> '{{data,size}}')::bigint IS DISTINCT FROM (SELECT count(*) FROM old_entries)
        THEN
            RAISE EXCEPTION 'the old log is not the one that this log closed'
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF due IS NULL OR due > now() THEN
            RAISE EXCEPTION 'the old log is kept until %', due
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        PERFORM set_config('lock_timeout', '5s', true);  -- nobody waits for a reader of the old log
        PERFORM set_config('plateward.destroying', 'on', true);
        TRUNCATE old_entries, old_nodes, old_checkpoints;
        PERFORM set_config('plateward.destroying', '', true);
        INSERT INTO destroyed_logs (origin, size, root_hash, newest_at, kept_years, destroyed_event,
                destroyed_at)
            VALUES (closed #>> '{{data,origin}}', (closed #>> '{{data,size}}')::bigint,
                decode(closed #>> '{{data,root_hash}}', 'base64'), newest, greatest(kept_years, 2),
                destroying, now());
    END $$
"""

LOGGED = """
    CREATE FUNCTION destruction_is_logged() RETURNS trigger
    LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM entries e WHERE e.event_id = NEW.destroyed_event AND e.kind = 'log.destroyed'
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,origin}}' = NEW.origin
            AND (convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,size}}')::bigint = NEW.size
        ) THEN
            RAISE EXCEPTION 'the old log is destroyed only with an entry of this log that says so'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in TABLES:
        op.execute(statement)
    for statement in (DUE, DESTROY, LOGGED):
        op.execute(statement.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION destroy_old_log(uuid, integer) FROM PUBLIC")
    for table in OLD:
        op.execute(f"DROP TRIGGER append_only_whole ON {table}")
        op.execute(
            f"CREATE TRIGGER destroyed_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_unless_destroying()"
        )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON destroyed_logs"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON destroyed_logs"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER logged AFTER INSERT ON destroyed_logs"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION destruction_is_logged()"
    )


def downgrade() -> None:
    raise RuntimeError("the old log is destroyed: this migration has no downgrade")
