"""Create exports of held records as packages, and bookings of their copies into evidence (policy 468.5)."""

from alembic import op

revision = "retention_0003"
down_revision = "retention_0002"

EXPORTS = """
CREATE TABLE evidence_exports (
    export_id uuid PRIMARY KEY,
    hold_id uuid NOT NULL REFERENCES holds,
    agency_ori text NOT NULL,
    state text NOT NULL CHECK (state IN ('requested', 'ready', 'failed', 'withdrawn')),
    requested_by jsonb NOT NULL,
    requested_at timestamptz NOT NULL,
    purpose jsonb NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL,
    fault text,
    built_at timestamptz,
    sha256 text,
    size_bytes bigint,
    reads bigint,
    captures bigint,
    images bigint,
    omitted bigint,
    signed_by text,
    withdrawn_by jsonb,
    withdrawn_at timestamptz,
    withdrawal_reason text,
    removed_at timestamptz,
    CHECK (state <> 'ready' OR (built_at IS NOT NULL AND sha256 IS NOT NULL)),
    CHECK ((state = 'withdrawn') = (withdrawn_at IS NOT NULL))
);
CREATE INDEX evidence_exports_hold ON evidence_exports (hold_id);
CREATE INDEX evidence_exports_time ON evidence_exports (requested_at, export_id);
CREATE INDEX evidence_exports_waiting ON evidence_exports (not_before) WHERE state = 'requested';
CREATE INDEX evidence_exports_stored ON evidence_exports (export_id) WHERE removed_at IS NULL;
"""

# One further booking may correct a booking. A booking without a correction is in force.
BOOKINGS = """
CREATE TABLE evidence_bookings (
    booking_id uuid PRIMARY KEY,
    export_id uuid NOT NULL REFERENCES evidence_exports,
    corrects uuid UNIQUE REFERENCES evidence_bookings,
    evidence_number text NOT NULL,
    custodian_name text NOT NULL,
    custodian_title text NOT NULL,
    media_description text NOT NULL,
    media_serial text NOT NULL,
    sha256 text NOT NULL,
    note text,
    booked_by jsonb NOT NULL,
    booked_at timestamptz NOT NULL,
    statement jsonb NOT NULL
);
CREATE INDEX evidence_bookings_export ON evidence_bookings (export_id, booked_at);
"""

# A trigger refuses every change of a booking, also to a person who reaches the tables.
REFUSE = """
CREATE FUNCTION refuse_change_of_booking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused, a booking is corrected by a further one (policy 468.5)',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def upgrade() -> None:
    for part in (EXPORTS, BOOKINGS):
        for statement in part.split(";\n"):
            if statement.strip():
                op.execute(statement)
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON evidence_bookings"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change_of_booking()"
    )
    op.execute(
        "CREATE TRIGGER kept_whole BEFORE TRUNCATE ON evidence_bookings"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_booking()"
    )


def downgrade() -> None:
    raise RuntimeError(
        "bookings into evidence stay on file (policy 468.5): this migration has no downgrade"
    )
