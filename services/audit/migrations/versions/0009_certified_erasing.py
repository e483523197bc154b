"""Erase values only after the log has the purge's certificate, which the entry of the erasing then names."""

from alembic import op
from sqlalchemy import text

revision = "audit_0009"
down_revision = "audit_0008"

TABLES = (
    "CREATE INDEX entries_purge_changed ON entries (seq) WHERE kind = 'purge.changed'",
    "ALTER TABLE erasures ADD certificate_sha256 bytea",
    "DROP FUNCTION erase_values(uuid, uuid, text[], text[])",
)

# The SHA-256 of a run's certificate of destruction, from the log's first entry of its signing.
CERTIFICATE = """
    CREATE FUNCTION certificate_of(run text) RETURNS bytea
    LANGUAGE sql STABLE SET search_path = {schema}, pg_temp AS $$
        SELECT decode(c.said #>> '{{data,details,certificate_sha256}}', 'hex')
        FROM (
            SELECT e.seq, CASE WHEN position(run IN convert_from(e.entry, 'UTF8')) > 0
                THEN convert_from(e.entry, 'UTF8')::jsonb END AS said
            FROM entries e WHERE e.kind = 'purge.changed'
        ) c
        WHERE c.said #>> '{{data,run_id}}' = run AND c.said #>> '{{data,change}}' = 'certified'
            AND c.said #>> '{{data,details,certificate_sha256}}' ~ '^[0-9a-f]{{64}}$'
        ORDER BY c.seq LIMIT 1
    $$
"""

ERASE = """
    CREATE FUNCTION erase_values(purged uuid, erasing uuid, held text[], gone text[])
    RETURNS TABLE (list_sha256 bytea, erased_groups bigint, erased_records bigint,
        captured_from date, captured_to date, certificate_sha256 bytea)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        said jsonb;
        last_day date;
        digest bytea;
        certificate bytea;
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
        certificate := certificate_of(said #>> '{{data,run_id}}');
        IF certificate IS NULL THEN
            RAISE EXCEPTION 'no entry of this log says that the purge of % was certified', purged
                USING ERRCODE = 'insufficient_privilege';
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
        INSERT INTO erasures (purged_event, erased_event, run_id, list_sha256, certificate_sha256,
                erased_at)
            VALUES (purged, erasing, (said #>> '{{data,run_id}}')::uuid, digest, certificate, now());
        INSERT INTO erased (purged_event, seq, name, places)
            SELECT purged, d.seq, d.name, CASE WHEN d.remaining > 0 THEN d.places END
            FROM plateward_doomed d;
        RETURN QUERY SELECT digest, count(*), coalesce(sum(d.taken), 0)::bigint,
            min(d.captured_on), max(d.captured_on), certificate FROM plateward_doomed d;
        DROP TABLE plateward_doomed;
    END $$
"""

LOGGED = """
    CREATE OR REPLACE FUNCTION erasure_is_logged() RETURNS trigger
    LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM entries e WHERE e.event_id = NEW.erased_event AND e.kind = 'values.erased'
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,list_sha256}}'
                = encode(NEW.list_sha256, 'hex')
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,purged_event_id}}'
                = NEW.purged_event::text
            AND convert_from(e.entry, 'UTF8')::jsonb #>> '{{data,certificate_sha256}}'
                = encode(NEW.certificate_sha256, 'hex')
        ) THEN
            RAISE EXCEPTION 'values are erased only with an entry of the log that says so'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in TABLES:
        op.execute(statement)
    for statement in (CERTIFICATE, ERASE, LOGGED):
        op.execute(statement.format(schema=schema))
    op.execute("REVOKE ALL ON FUNCTION erase_values(uuid, uuid, text[], text[]) FROM PUBLIC")


def downgrade() -> None:
    raise RuntimeError("the audit log is append-only: this migration has no downgrade")
