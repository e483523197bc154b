"""Agencies, documents, and the file of requests, which release never deletes."""

from alembic import op

revision = "release_0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE agencies (
        ori text PRIMARY KEY,
        name text NOT NULL,
        kind text NOT NULL CHECK (kind IN
            ('law_enforcement', 'prosecutor', 'other_public', 'federal', 'private')),
        state text NOT NULL,
        contact text NOT NULL,
        active boolean NOT NULL DEFAULT true,
        changed_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE documents (
        document_id uuid PRIMARY KEY,
        agency_ori text NOT NULL REFERENCES agencies,
        media_type text NOT NULL,
        size_bytes bigint NOT NULL,
        sha256 text NOT NULL,
        object_key text NOT NULL,
        uploaded_by jsonb NOT NULL,
        uploaded_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE requests (
        request_id uuid PRIMARY KEY,
        agency_ori text NOT NULL REFERENCES agencies,
        agency_name text NOT NULL,
        agency_kind text NOT NULL,
        agency_state text NOT NULL,
        filed_by jsonb NOT NULL,
        filed_at timestamptz NOT NULL,
        requester_name text NOT NULL,
        requester_title text NOT NULL,
        purpose text NOT NULL,
        purpose_kind text NOT NULL,
        case_number text NOT NULL,
        offence_type text NOT NULL,
        criteria jsonb NOT NULL,
        restricted boolean NOT NULL,
        authority_reference text,
        document_id uuid REFERENCES documents,
        status text NOT NULL CHECK (status IN
            ('submitted', 'first_approved', 'approved', 'packaged', 'expired',
             'denied', 'refused', 'withdrawn')),
        CHECK ((authority_reference IS NULL) = (document_id IS NULL))
    )
    """,
    "CREATE INDEX requests_by_time ON requests (filed_at DESC, request_id DESC)",
    "CREATE INDEX requests_by_agency ON requests (agency_ori, filed_at DESC, request_id DESC)",
    "CREATE INDEX requests_to_expire ON requests (request_id) WHERE status = 'packaged'",
    """
    CREATE TABLE decisions (
        decision_id uuid PRIMARY KEY,
        request_id uuid NOT NULL REFERENCES requests,
        decision text NOT NULL CHECK (decision IN ('approve', 'deny', 'refuse')),
        reason text NOT NULL,
        citation text,
        decided_by jsonb NOT NULL,
        decided_at timestamptz NOT NULL,
        expires_at timestamptz
    )
    """,
    # The second approver is never the first, even if the service's check fails.
    """
    CREATE UNIQUE INDEX one_decision_a_person
        ON decisions (request_id, decision, (decided_by->>'person_id'))
    """,
    """
    CREATE TABLE packages (
        request_id uuid PRIMARY KEY REFERENCES requests,
        package_key text NOT NULL,
        sha256 text NOT NULL,
        size_bytes bigint NOT NULL,
        reads integer NOT NULL,
        images integer NOT NULL,
        manifest_signed_by text NOT NULL,
        packaged_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE receipts (
        receipt_id uuid PRIMARY KEY,
        request_id uuid NOT NULL REFERENCES requests,
        received_by jsonb NOT NULL,
        received_at timestamptz NOT NULL,
        sha256 text NOT NULL
    )
    """,
    "CREATE INDEX receipts_by_request ON receipts (request_id)",
)

# Policy 468.7(c): the approved request is retained on file; Government Code 34090(d): two years at
# least. No row is deleted or altered, except a request's status, which only moves forward.
REFUSE = """
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '% on % is refused, requests stay on file (policy 468.7(c))',
            TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END $$
"""
ONLY_FORWARD = """
    CREATE FUNCTION only_status_moves() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status'
           OR (OLD.status, NEW.status) NOT IN (
               ('submitted', 'first_approved'), ('submitted', 'approved'),
               ('submitted', 'denied'), ('submitted', 'withdrawn'),
               ('first_approved', 'approved'), ('first_approved', 'denied'),
               ('first_approved', 'withdrawn'),
               ('approved', 'packaged'), ('packaged', 'expired'))
        THEN
            RAISE EXCEPTION 'UPDATE on requests is refused, requests stay on file (policy 468.7(c))'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
"""
UNCHANGED = ("requests", "decisions", "documents", "packages", "receipts")


def upgrade() -> None:
    for statement in (*TABLES, REFUSE, ONLY_FORWARD):
        op.execute(statement)
    for table in UNCHANGED:
        rows = "DELETE" if table == "requests" else "UPDATE OR DELETE"
        op.execute(
            f"CREATE TRIGGER kept BEFORE {rows} ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        "CREATE TRIGGER only_forward BEFORE UPDATE ON requests"
        " FOR EACH ROW EXECUTE FUNCTION only_status_moves()"
    )


def downgrade() -> None:
    raise RuntimeError("requests stay on file (policy 468.7(c)): this migration has no downgrade")
