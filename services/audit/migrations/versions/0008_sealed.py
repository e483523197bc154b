"""Start a new log whose entries have digests of sealed values, and store the values beside it.

Only one function erases values.
The log before this one has its values in plaintext. It stays unchanged, in renamed tables, until it is destroyed
whole. docs/audit-log.md describes how the new log commits to it.
"""

from alembic import op
from sqlalchemy import text

revision = "audit_0008"
down_revision = "audit_0007"

LOG = ("entries", "nodes", "checkpoints")

TABLES = (
    """
    DO $$
    DECLARE
        one record;
    BEGIN
        FOR one IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
            AND tablename IN ('entries', 'nodes', 'checkpoints')
        LOOP
            EXECUTE format('ALTER INDEX %I RENAME TO %I', one.indexname, 'old_' || one.indexname);
        END LOOP;
    END $$
    """,
    *(f"ALTER TABLE {table} RENAME TO old_{table}" for table in LOG),
    *(f"CREATE TABLE {table} (LIKE old_{table} INCLUDING ALL)" for table in LOG),
    "CREATE INDEX entries_purged ON entries (seq) WHERE kind = 'records.purged'",
    # The entries of both logs, for rules that compare with entries from before the change of logs.
    """
    CREATE VIEW both_logs AS
        SELECT kind, occurred_at, person_id, permission, allowed, case_number, plates, attempt_id,
            client_address FROM entries
        UNION ALL
        SELECT kind, occurred_at, person_id, permission, allowed, case_number, plates, attempt_id,
            client_address FROM old_entries
    """,
    # A group of an entry: its disclosure, and the disclosures of its records, NULL for an erased record.
    """
    CREATE TABLE sealed_values (
        seq bigint NOT NULL,
        name text NOT NULL COLLATE "C",
        captured_on date NOT NULL,
        sighting boolean NOT NULL,
        disclosure text NOT NULL,
        records text[],
        plates text[] NOT NULL,
        PRIMARY KEY (seq, name, captured_on)
    ) PARTITION BY RANGE (captured_on)
    """,
    "CREATE INDEX values_by_plate ON sealed_values USING gin (plates) WHERE plates <> '{}'",
    # The keys of salts, sealed under AUDIT_VALUES_KEY. After a purge a day has a key of the next number.
    """
    CREATE TABLE day_keys (
        day date NOT NULL,
        number integer NOT NULL CHECK (number >= 0),
        sealed bytea,
        destroyed_at timestamptz,
        PRIMARY KEY (day, number),
        CHECK ((sealed IS NULL) = (destroyed_at IS NOT NULL))
    )
    """,
    # One row for each records.purged entry whose values are erased, and the erased groups.
    """
    CREATE TABLE erasures (
        purged_event uuid PRIMARY KEY,
        erased_event uuid NOT NULL UNIQUE,
        run_id uuid NOT NULL,
        list_sha256 bytea NOT NULL,
        erased_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE erased (
        purged_event uuid NOT NULL REFERENCES erasures,
        seq bigint NOT NULL,
        name text NOT NULL COLLATE "C",
        places integer[],
        PRIMARY KEY (purged_event, seq, name)
    )
    """,
    "CREATE INDEX erased_by_entry ON erased (seq)",
    "ALTER TABLE audits ADD old_log boolean NOT NULL DEFAULT true",  # those of until now
    "ALTER TABLE audits ALTER old_log SET DEFAULT false",
    "UPDATE cursors SET seq = 0",
)

# Only `erase_values` may change or delete values, and only while it runs.
REFUSE = """
    CREATE FUNCTION refuse_unless_erasing() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF coalesce(current_setting('plateward.erasing', true), '') <> 'on' THEN
            RAISE EXCEPTION '% on % is refused: values are erased by a purge only', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END $$
"""

MONTH = """
    CREATE FUNCTION add_values_month(day date) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        month date := date_trunc('month', day);
        partition text := 'values_' || to_char(month, 'YYYY_MM');
    BEGIN
        IF day < DATE '2000-01-01' OR day > now() + interval '400 days' THEN
            RAISE EXCEPTION '% is not the day of a capture', day;
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('audit-values-month'), hashtext('{schema}'));
        IF to_regclass(format('{schema}.%I', partition)) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE {schema}.%I PARTITION OF {schema}.sealed_values FOR VALUES FROM (%L) TO (%L)',
                partition, month, (month + interval '1 month')::date);
        END IF;
    END $$
"""

OPENED = """
    CREATE FUNCTION opened(disclosure text) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT convert_from(decode(rpad(translate(disclosure, '-_', '+/'),
            CAST(ceil(length(disclosure) / 4.0) * 4 AS integer), '='), 'base64'), 'UTF8')::jsonb -> -1
    $$
"""

# The custodian's records that a value concerns. A hold on one of them keeps the value.
ABOUT = """
    CREATE FUNCTION reads_of(said jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT jsonb_array_elements_text(said -> 'read_ids')
            WHERE jsonb_typeof(said -> 'read_ids') = 'array'
        UNION ALL SELECT said ->> 'read_id' WHERE said ? 'read_id'
        UNION ALL SELECT said ->> 'record_id' WHERE said ? 'record_id' AND NOT said ? 'read_ids'
    $$
"""

ERASE = """
    CREATE FUNCTION erase_values(purged uuid, erasing uuid, held text[], gone text[])
    RETURNS TABLE (list_sha256 bytea, erased_groups bigint, erased_records bigint,
        captured_from date, captured_to date)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        said jsonb;
        last_day date;
        digest bytea;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('audit-log'), hashtext('{schema}'));
        SELECT convert_from(e.entry, 'UTF8')::jsonb INTO said FROM entries e
            WHERE e.event_id = purged AND e.kind = 'records.purged';
        IF said IS NULL OR said ->> 'id' <> purged::text
            OR said ->> 'type' NOT LIKE 'alpr.records.purged.v%' THEN
            RAISE EXCEPTION 'no entry of this log says that records were purged under %', purged
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF EXISTS (SELECT FROM erasures x WHERE x.purged_event = purged) THEN
            RAISE EXCEPTION 'the values of % were erased before', purged
                USING ERRCODE = 'unique_violation';
        END IF;
        last_day := ((said #>> '{{data,before}}')::timestamptz AT TIME ZONE 'UTC')::date;

        -- A day that is wholly past loses all but what is held; the last day what the run destroyed.
        CREATE TEMPORARY TABLE plateward_doomed ON COMMIT DROP AS
        WITH parts AS (
            SELECT v.captured_on, v.seq, v.name, p.place, v.records IS NOT NULL AS of_records,
                coalesce(bool_or(r.read_id IN (SELECT unnest(held))), false) AS is_held,
                coalesce(bool_and(r.read_id IN (SELECT unnest(gone))), false) AS is_gone
            FROM sealed_values v
            CROSS JOIN LATERAL unnest(coalesce(v.records, ARRAY[v.disclosure]))
                WITH ORDINALITY AS p (disclosure, place)
            LEFT JOIN LATERAL reads_of(opened(p.disclosure)) AS r (read_id) ON true
            WHERE v.sighting AND v.captured_on <= last_day AND p.disclosure IS NOT NULL
            GROUP BY v.captured_on, v.seq, v.name, p.place, of_records
        ), judged AS (
            SELECT *, CASE WHEN captured_on < last_day THEN NOT is_held ELSE is_gone END AS doomed
            FROM parts
        )
        SELECT j.captured_on, j.seq, j.name, j.of_records,
            array_agg(j.place - 1 ORDER BY j.place) FILTER (WHERE j.doomed) AS places,
            count(*) FILTER (WHERE NOT j.doomed) AS remaining,
            count(*) FILTER (WHERE j.doomed AND j.of_records) AS taken
        FROM judged j GROUP BY j.captured_on, j.seq, j.name, j.of_records
        HAVING bool_or(j.doomed);

        PERFORM set_config('plateward.erasing', 'on', true);
        DELETE FROM sealed_values v USING plateward_doomed d
            WHERE (v.captured_on, v.seq, v.name) = (d.captured_on, d.seq, d.name) AND d.remaining = 0;
        UPDATE sealed_values v SET (records, plates) = (
            SELECT array_agg(k.disclosure ORDER BY k.place),
                coalesce((SELECT array_agg(DISTINCT n.plate ORDER BY n.plate)
                    FROM unnest(v.plates) AS n (plate)
                    WHERE EXISTS (SELECT FROM unnest(v.records) WITH ORDINALITY AS o (disclosure, place)
                        WHERE o.disclosure IS NOT NULL AND NOT (o.place - 1) = ANY (d.places)
                        AND position('"' || n.plate || '"' IN opened(o.disclosure)::text) > 0)), '{{}}')
            FROM (SELECT CASE WHEN NOT (o.place - 1) = ANY (d.places) THEN o.disclosure END AS disclosure,
                o.place FROM unnest(v.records) WITH ORDINALITY AS o (disclosure, place)) AS k)
            FROM plateward_doomed d
            WHERE (v.captured_on, v.seq, v.name) = (d.captured_on, d.seq, d.name) AND d.remaining > 0;
        UPDATE day_keys k SET sealed = NULL, destroyed_at = now()
            WHERE k.day < last_day AND k.sealed IS NOT NULL;
        UPDATE findings f SET sealed = NULL WHERE f.captured_on < last_day AND f.sealed IS NOT NULL;
        PERFORM set_config('plateward.erasing', '', true);

        SELECT sha256(convert_to(coalesce(string_agg(d.seq || ' ' || d.name
                || CASE WHEN d.remaining > 0 THEN ' ' || array_to_string(d.places, ',') ELSE '' END
                || E'\\n', '' ORDER BY d.seq, d.name), ''), 'UTF8'))
            INTO digest FROM plateward_doomed d;
        INSERT INTO erasures (purged_event, erased_event, run_id, list_sha256, erased_at)
            VALUES (purged, erasing, (said #>> '{{data,run_id}}')::uuid, digest, now());
        INSERT INTO erased (purged_event, seq, name, places)
            SELECT purged, d.seq, d.name, CASE WHEN d.remaining > 0 THEN d.places END
            FROM plateward_doomed d;
        RETURN QUERY SELECT digest, count(*), coalesce(sum(d.taken), 0)::bigint,
            min(d.captured_on), max(d.captured_on) FROM plateward_doomed d;
        DROP TABLE plateward_doomed;
    END $$
"""

# An erasing commits only with its `values.erased` entry in the same transaction.
# This trigger only reads entries, which the service's role may read, so it needs no rights of the owner.
LOGGED = """
    CREATE FUNCTION erasure_is_logged() RETURNS trigger
    LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM entries e WHERE e.event_id = NEW.erased_event AND e.kind = 'values.erased'
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,list_sha256}}'
                = encode(NEW.list_sha256, 'hex')
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,purged_event_id}}'
                = NEW.purged_event::text
        ) THEN
            RAISE EXCEPTION 'values are erased only with an entry of the log that says so'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""

# A finding's details about a sighting have their own column, so that a purge can erase them.
FINDINGS = (
    "ALTER TABLE findings ADD sealed jsonb, ADD captured_on date",
    """
    CREATE OR REPLACE FUNCTION finding_is_worked() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        worked text[] := ARRAY['status', 'assigned_to', 'outcome'];
    BEGIN
        IF NEW.sealed IS NULL AND current_setting('plateward.erasing', true) = 'on' THEN
            worked := ARRAY['sealed'];
        ELSIF OLD.status = 'closed' THEN
            worked := '{}';
        END IF;
        IF worked = '{}' OR to_jsonb(NEW) - worked IS DISTINCT FROM to_jsonb(OLD) - worked THEN
            RAISE EXCEPTION 'UPDATE on findings is refused, a finding is worked and not rewritten'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
    """,
    "ALTER TABLE findings DISABLE TRIGGER worked",
    """
    UPDATE findings SET captured_on = (raised_at AT TIME ZONE 'UTC')::date,
        sealed = nullif(details - CAST(:open AS text[]), '{}'),
        details = coalesce((SELECT jsonb_object_agg(key, value) FROM jsonb_each(details)
            WHERE key = ANY (CAST(:open AS text[]))), '{}')
    """,
    "ALTER TABLE findings ENABLE TRIGGER worked",
)
OPEN = [
    "attempt_id",
    "audit_id",
    "cases",
    "claimed_source",
    "count",
    "days",
    "delay_s",
    "digests",
    "door",
    "due_after_days",
    "event_id",
    "event_kind",
    "fault",
    "first_seq",
    "kafka_place",
    "key_owner",
    "leaf_hash_kept",
    "leaf_hash_refused",
    "limit",
    "limit_percent",
    "minutes",
    "policy_digest",
    "route",
    "seq",
    "service",
    "since",
    "topic",
    "used_percent",
    "why",
]


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    op.execute(REFUSE)
    for statement in (MONTH, OPENED, ABOUT, ERASE, LOGGED):
        op.execute(statement.format(schema=schema) if "{schema}" in statement else statement)
    for function in ("add_values_month(date)", "erase_values(uuid, uuid, text[], text[])"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
    for table in LOG:
        _guard(table, "append_only", "refuse_change")
    for table in ("erasures", "erased"):
        _guard(table, "append_only", "refuse_change")
    for table in ("sealed_values", "day_keys"):
        _guard(table, "erased_only", "refuse_unless_erasing", whole="refuse_change")
    op.execute(
        "CREATE CONSTRAINT TRIGGER logged AFTER INSERT ON erasures DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION erasure_is_logged()"
    )
    for statement in FINDINGS:
        bound = text(statement).bindparams(open=OPEN) if ":open" in statement else statement
        op.execute(bound)


def _guard(table: str, name: str, function: str, whole: str | None = None) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE UPDATE OR DELETE ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {function}()"
    )
    op.execute(
        f"CREATE TRIGGER {name}_whole BEFORE TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {whole or function}()"
    )


def downgrade() -> None:
    raise RuntimeError("the audit log is append-only: this migration has no downgrade")
