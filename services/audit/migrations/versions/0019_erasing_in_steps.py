"""Erase values in steps that commit: list them, log the list, then delete them (ADR-0060).

`list_erased` lists a piece of the values that a purge erases, and no other connection acts on the list. `erase_values`
lists the last arrivals and commits with the entry that names the list. `delete_erased` deletes a piece of the listed
values. From the entry on, the view `values_left` has none of them.
"""

from alembic import op
from sqlalchemy import text

revision = "audit_0019"
down_revision = "audit_0017"

TABLES = (
    # The state of an erasing: a row from its first step to its last.
    """
    CREATE TABLE erasings (
        purged_event uuid PRIMARY KEY,
        last_day date NOT NULL,
        listed_seq bigint NOT NULL DEFAULT -1,
        listed_name text NOT NULL COLLATE "C" DEFAULT '',
        groups bigint NOT NULL DEFAULT 0,
        records bigint NOT NULL DEFAULT 0,
        captured_from date,
        captured_to date,
        digest bytea,
        logged boolean NOT NULL DEFAULT false,
        deleted_seq bigint NOT NULL DEFAULT -1,
        deleted_name text NOT NULL COLLATE "C" DEFAULT ''
    )
    """,
    # Values are listed before their erasing is logged.
    "ALTER TABLE erased DROP CONSTRAINT erased_purged_event_fkey",
    """
    CREATE VIEW values_left AS
        SELECT v.* FROM sealed_values v WHERE NOT EXISTS (
            SELECT FROM erasings g JOIN erased r ON r.purged_event = g.purged_event
            WHERE g.logged AND r.places IS NULL AND r.seq = v.seq AND r.name = v.name
        )
    """,
    "DROP FUNCTION erase_values(uuid, uuid, text[], text[])",
)

# Raises unless the log has the purge and its certificate; returns the purge's data, and the certificate's digest.
CHECK = """
    CREATE FUNCTION purge_to_erase(purged uuid, OUT said jsonb, OUT certificate bytea)
    LANGUAGE plpgsql STABLE SET search_path = {schema}, pg_temp AS $$
    DECLARE
        found jsonb;
    BEGIN
        SELECT convert_from(e.entry, 'UTF8')::jsonb INTO found FROM entries e
            WHERE e.event_id = purged AND e.kind = 'records.purged';
        IF found IS NULL OR found ->> 'id' <> purged::text
            OR found ->> 'type' NOT LIKE 'alpr.records.purged.v%' THEN
            RAISE EXCEPTION 'no entry of this log says that records were purged under %', purged
                USING ERRCODE = 'insufficient_privilege';
        END IF;
        IF EXISTS (SELECT FROM erasures x WHERE x.purged_event = purged) THEN
            RAISE EXCEPTION 'the values of % were erased before', purged
                USING ERRCODE = 'unique_violation';
        END IF;
        said := found -> 'data';
        certificate := certificate_of(said ->> 'run_id');
        IF certificate IS NULL THEN
            RAISE EXCEPTION 'no entry of this log says that the purge of % was certified', purged
                USING ERRCODE = 'insufficient_privilege';
        END IF;
    END $$
"""

# Lists what the purge erases of the next `most` groups, by entry and name; returns false once no group is left. The
# last piece also stores the SHA-256 of the whole list.
LIST = """
    CREATE FUNCTION list_erased(purged uuid, held text[], gone text[], most integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        state erasings;
        piece record;
    BEGIN
        INSERT INTO erasings (purged_event, last_day)
            SELECT purged, (CAST(c.said ->> 'before' AS timestamptz) AT TIME ZONE 'UTC')::date
            FROM purge_to_erase(purged) AS c
            ON CONFLICT DO NOTHING;
        SELECT * INTO state FROM erasings g WHERE g.purged_event = purged FOR UPDATE;

        -- A day that is wholly past loses all but what is held; the last day what the run destroyed.
        WITH groups AS (
            SELECT v.captured_on, v.seq, v.name, v.disclosure, v.records FROM sealed_values v
            WHERE v.sighting AND v.captured_on <= state.last_day
                AND (v.seq, v.name) > (state.listed_seq, state.listed_name)
            ORDER BY v.seq, v.name LIMIT most
        ), parts AS (
            SELECT v.captured_on, v.seq, v.name, p.place, v.records IS NOT NULL AS of_records,
                coalesce(bool_or(r.read_id IN (SELECT unnest(held))), false) AS is_held,
                coalesce(bool_and(r.read_id IN (SELECT unnest(gone))), false) AS is_gone
            FROM groups v
            CROSS JOIN LATERAL unnest(coalesce(v.records, ARRAY[v.disclosure]))
                WITH ORDINALITY AS p (disclosure, place)
            LEFT JOIN LATERAL reads_of(opened(p.disclosure)) AS r (read_id) ON true
            WHERE p.disclosure IS NOT NULL
            GROUP BY v.captured_on, v.seq, v.name, p.place, of_records
        ), judged AS (
            SELECT *, CASE WHEN captured_on < state.last_day THEN NOT is_held ELSE is_gone END AS doomed
            FROM parts
        ), listed AS (
            SELECT j.captured_on, j.seq, j.name,
                array_agg(j.place - 1 ORDER BY j.place) FILTER (WHERE j.doomed) AS places,
                count(*) FILTER (WHERE NOT j.doomed) AS remaining,
                count(*) FILTER (WHERE j.doomed AND j.of_records) AS taken
            FROM judged j GROUP BY j.captured_on, j.seq, j.name
            HAVING bool_or(j.doomed)
        ), stored AS (
            INSERT INTO erased (purged_event, seq, name, places)
            SELECT purged, l.seq, l.name, CASE WHEN l.remaining > 0 THEN l.places END FROM listed l
        )
        SELECT (SELECT count(*) FROM groups) AS seen,
            (SELECT g.seq FROM groups g ORDER BY g.seq DESC, g.name DESC LIMIT 1) AS last_seq,
            (SELECT g.name FROM groups g ORDER BY g.seq DESC, g.name DESC LIMIT 1) AS last_name,
            count(*) AS groups, coalesce(sum(l.taken), 0)::bigint AS records,
            min(l.captured_on) AS captured_from, max(l.captured_on) AS captured_to
            INTO piece FROM listed l;
        UPDATE erasings g SET
            listed_seq = coalesce(piece.last_seq, g.listed_seq),
            listed_name = coalesce(piece.last_name, g.listed_name),
            groups = g.groups + piece.groups, records = g.records + piece.records,
            captured_from = least(g.captured_from, piece.captured_from),
            captured_to = greatest(g.captured_to, piece.captured_to)
            WHERE g.purged_event = purged AND piece.seen > 0;
        IF piece.seen = most THEN
            RETURN true;
        END IF;
        IF state.digest IS NULL OR piece.groups > 0 THEN
            UPDATE erasings g SET digest = (
                SELECT sha256(convert_to(coalesce(string_agg(r.seq || ' ' || r.name
                    || coalesce(' ' || array_to_string(r.places, ','), '')
                    || E'\\n', '' ORDER BY r.seq, r.name), ''), 'UTF8'))
                FROM erased r WHERE r.purged_event = purged
            ) WHERE g.purged_event = purged;
        END IF;
        RETURN false;
    END $$
"""

ERASE = """
    CREATE FUNCTION erase_values(purged uuid, erasing uuid, held text[], gone text[])
    RETURNS TABLE (list_sha256 bytea, erased_groups bigint, erased_records bigint,
        captured_from date, captured_to date, certificate_sha256 bytea)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        purge record;
        state erasings;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('audit-log'), hashtext('{schema}'));
        SELECT * INTO purge FROM purge_to_erase(purged);
        PERFORM list_erased(purged, held, gone, NULL);  -- what the log got since the last piece
        UPDATE erasings g SET logged = true WHERE g.purged_event = purged RETURNING * INTO state;

        -- The records of a group go at once, of which there are few: those beside held ones, and those of the last day.
        PERFORM set_config('plateward.erasing', 'on', true);
        UPDATE sealed_values v SET (records, plates) = (
            SELECT array_agg(k.disclosure ORDER BY k.place),
                coalesce((SELECT array_agg(DISTINCT n.plate ORDER BY n.plate)
                    FROM unnest(v.plates) AS n (plate)
                    WHERE EXISTS (SELECT FROM unnest(v.records) WITH ORDINALITY AS o (disclosure, place)
                        WHERE o.disclosure IS NOT NULL AND NOT (o.place - 1) = ANY (d.places)
                        AND position('"' || n.plate || '"' IN opened(o.disclosure)::text) > 0)), '{{}}')
            FROM (SELECT CASE WHEN NOT (o.place - 1) = ANY (d.places) THEN o.disclosure END AS disclosure,
                o.place FROM unnest(v.records) WITH ORDINALITY AS o (disclosure, place)) AS k)
            FROM erased d
            WHERE d.purged_event = purged AND d.places IS NOT NULL
                AND (v.seq, v.name) = (d.seq, d.name) AND v.captured_on <= state.last_day;
        UPDATE day_keys k SET sealed = NULL, destroyed_at = now()
            WHERE k.day < state.last_day AND k.sealed IS NOT NULL;
        UPDATE findings f SET sealed = NULL WHERE f.captured_on < state.last_day AND f.sealed IS NOT NULL;
        PERFORM set_config('plateward.erasing', '', true);

        INSERT INTO erasures (purged_event, erased_event, run_id, list_sha256, certificate_sha256,
                erased_at)
            VALUES (purged, erasing, (purge.said ->> 'run_id')::uuid, state.digest, purge.certificate, now());
        RETURN QUERY SELECT state.digest, state.groups, state.records,
            state.captured_from, state.captured_to, purge.certificate;
    END $$
"""

# Deletes the next `most` listed values of a logged erasing; returns false once all are deleted, and ends the erasing.
DELETE = """
    CREATE FUNCTION delete_erased(purged uuid, most integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        state erasings;
        piece record;
    BEGIN
        SELECT * INTO state FROM erasings g WHERE g.purged_event = purged AND g.logged FOR UPDATE;
        IF NOT FOUND THEN
            RETURN false;
        END IF;
        PERFORM set_config('plateward.erasing', 'on', true);
        WITH next AS (
            SELECT r.seq, r.name, r.places FROM erased r
            WHERE r.purged_event = purged AND (r.seq, r.name) > (state.deleted_seq, state.deleted_name)
            ORDER BY r.seq, r.name LIMIT most
        ), deleted AS (
            DELETE FROM sealed_values v USING next n
            WHERE n.places IS NULL AND v.seq = n.seq AND v.name = n.name AND v.captured_on <= state.last_day
        )
        SELECT count(*) AS seen,
            (SELECT n.seq FROM next n ORDER BY n.seq DESC, n.name DESC LIMIT 1) AS last_seq,
            (SELECT n.name FROM next n ORDER BY n.seq DESC, n.name DESC LIMIT 1) AS last_name
            INTO piece FROM next;
        PERFORM set_config('plateward.erasing', '', true);
        IF piece.seen < most THEN
            DELETE FROM erasings g WHERE g.purged_event = purged;
            RETURN false;
        END IF;
        UPDATE erasings g SET deleted_seq = piece.last_seq, deleted_name = piece.last_name
            WHERE g.purged_event = purged;
        RETURN true;
    END $$
"""


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in (CHECK, LIST, ERASE, DELETE):
        op.execute(statement.format(schema=schema))
    for function in (
        "purge_to_erase(uuid)",
        "list_erased(uuid, text[], text[], integer)",
        "erase_values(uuid, uuid, text[], text[])",
        "delete_erased(uuid, integer)",
    ):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    raise RuntimeError("the audit log is append-only: this migration has no downgrade")
