"""Add the end of files: functions that destroy the file of a request, and a document, once they are due (ADR-0120).

The last move of a request gets its time. Of requests that were withdrawn before, it is unknown: it counts as now.
"""

from alembic import op
from sqlalchemy import text

revision = "release_0006"
down_revision = "release_0005"

TABLES = (
    """
    CREATE TABLE moves (
        request_id uuid PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
        moved_at timestamptz NOT NULL
    )
    """,
    "INSERT INTO moves SELECT request_id, now() FROM requests WHERE status = 'withdrawn'",
    """
    CREATE TABLE lapsed_requests (
        request_id uuid PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
        asked_at timestamptz NOT NULL
    )
    """,
    "CREATE TABLE doomed_objects (object_key text PRIMARY KEY)",
    "CREATE INDEX requests_by_document ON requests (document_id) WHERE document_id IS NOT NULL",
    "CREATE INDEX documents_by_object ON documents (object_key)",
    "CREATE INDEX documents_by_time ON documents (uploaded_at)",
    # Of requests that await nothing any more. A receipt may come after the end, of a download that began before it.
    """
    CREATE VIEW ended_requests AS
        SELECT r.request_id, greatest(r.filed_at, m.moved_at, p.packaged_at, f.failed_at,
            (SELECT max(greatest(d.decided_at, d.expires_at)) FROM decisions d
                WHERE d.request_id = r.request_id),
            (SELECT max(x.received_at) FROM receipts x WHERE x.request_id = r.request_id)
        ) AS last_act_at
        FROM requests r
        LEFT JOIN moves m ON m.request_id = r.request_id
        LEFT JOIN packages p ON p.request_id = r.request_id
        LEFT JOIN failures f ON f.request_id = r.request_id
        WHERE r.status IN ('failed', 'expired', 'denied', 'refused', 'withdrawn')
    """,
    """
    CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_LEVEL = 'ROW' AND TG_OP = 'DELETE'
            AND coalesce(current_setting('plateward.destroying', true), '') = 'on'
        THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION '% on % is refused, requests stay on file (policy 468.7(c))',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
)

MOVED = """
    CREATE FUNCTION note_move() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    BEGIN
        INSERT INTO moves VALUES (NEW.request_id, now())
            ON CONFLICT (request_id) DO UPDATE SET moved_at = excluded.moved_at;
        RETURN NULL;
    END $$
"""
# Government Code 34090(d): a city record is kept for two years at least, whatever period the caller gives.
DESTROY_FILE = """
    CREATE FUNCTION destroy_file(destroyed uuid, kept_years integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        ended timestamptz;
    BEGIN
        PERFORM FROM requests WHERE request_id = destroyed FOR UPDATE;
        SELECT e.last_act_at INTO ended FROM ended_requests e WHERE e.request_id = destroyed;
        IF ended IS NULL OR ended + make_interval(years => greatest(kept_years, 2)) > now() THEN
            RETURN false;
        END IF;
        INSERT INTO doomed_objects SELECT p.package_key FROM packages p WHERE p.request_id = destroyed
            ON CONFLICT DO NOTHING;
        PERFORM set_config('plateward.destroying', 'on', true);
        DELETE FROM receipts WHERE request_id = destroyed;
        DELETE FROM failures WHERE request_id = destroyed;
        DELETE FROM packages WHERE request_id = destroyed;
        DELETE FROM decisions WHERE request_id = destroyed;
        DELETE FROM requests WHERE request_id = destroyed;
        PERFORM set_config('plateward.destroying', '', true);
        RETURN true;
    END $$
"""
DESTROY_DOCUMENT = """
    CREATE FUNCTION destroy_document(destroyed uuid, kept_years integer) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp AS $$
    DECLARE
        document documents;
    BEGIN
        SELECT * INTO document FROM documents WHERE document_id = destroyed FOR UPDATE;
        IF document IS NULL
            OR document.uploaded_at + make_interval(years => greatest(kept_years, 2)) > now()
            OR EXISTS (SELECT FROM requests WHERE document_id = destroyed)
        THEN
            RETURN false;
        END IF;
        INSERT INTO doomed_objects VALUES (document.object_key) ON CONFLICT DO NOTHING;
        PERFORM set_config('plateward.destroying', 'on', true);
        DELETE FROM documents WHERE document_id = destroyed;
        PERFORM set_config('plateward.destroying', '', true);
        RETURN true;
    END $$
"""
ANNOUNCED = """
    CREATE FUNCTION destruction_is_announced() RETURNS trigger
    LANGUAGE plpgsql SET search_path = {schema}, pg_temp AS $$
    BEGIN
        IF NOT EXISTS (
            SELECT FROM outbox o WHERE o.topic = 'alpr.' || TG_ARGV[0] || '.destroyed'
            AND o.key = convert_to(to_jsonb(OLD) ->> TG_ARGV[1], 'UTF8')
        ) THEN
            RAISE EXCEPTION 'a row of % is destroyed only with the event that says so', TG_TABLE_NAME
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NULL;
    END $$
"""
ANNOUNCED_AS = {
    "requests": ("release", "request_id"),
    "documents": ("document", "document_id"),
}


def upgrade() -> None:
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for statement in TABLES:
        op.execute(statement)
    for statement in (MOVED, DESTROY_FILE, DESTROY_DOCUMENT, ANNOUNCED):
        op.execute(statement.format(schema=schema))
    op.execute(
        "CREATE TRIGGER moved AFTER UPDATE ON requests FOR EACH ROW EXECUTE FUNCTION note_move()"
    )
    op.execute("REVOKE ALL ON FUNCTION note_move, destroy_file, destroy_document FROM PUBLIC")
    for table, (noun, key) in ANNOUNCED_AS.items():
        op.execute(
            f"CREATE CONSTRAINT TRIGGER announced AFTER DELETE ON {table} DEFERRABLE INITIALLY DEFERRED"
            f" FOR EACH ROW EXECUTE FUNCTION destruction_is_announced('{noun}', '{key}')"
        )


def downgrade() -> None:
    raise RuntimeError("requests stay on file (policy 468.7(c)): this migration has no downgrade")
