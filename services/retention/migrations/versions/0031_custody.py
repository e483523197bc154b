"""Record what becomes of a package after it was built: downloads, and the custody of its booked copies (policy 468.5).

Acts never change: a further act corrects one.
"""

from alembic import op

revision = "retention_0031"
down_revision = "retention_0030"

ACTS = """
CREATE TABLE custody_acts (
    act_id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    export_id uuid NOT NULL REFERENCES evidence_exports,
    booking_id uuid REFERENCES evidence_bookings,
    kind text NOT NULL CHECK (kind IN ('downloaded', 'handed_over', 'returned', 'checked', 'destroyed')),
    corrects uuid UNIQUE REFERENCES custody_acts,
    party_name text,
    party_organisation text,
    sha256 text,
    order_reference text,
    note text,
    acted_at timestamptz NOT NULL,
    recorded_by jsonb NOT NULL,
    recorded_at timestamptz NOT NULL,
    CHECK ((kind = 'downloaded') = (booking_id IS NULL))
)
"""
REFUSE = """
CREATE FUNCTION refuse_change_of_custody() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused, an act of custody is corrected by a further one (policy 468.5)',
        TG_OP, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$
"""


def upgrade() -> None:
    op.execute(ACTS)
    op.execute("CREATE INDEX custody_acts_export ON custody_acts (export_id, seq)")
    op.execute(REFUSE)
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON custody_acts"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change_of_custody()"
    )
    op.execute(
        "CREATE TRIGGER kept_whole BEFORE TRUNCATE ON custody_acts"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_custody()"
    )


def downgrade() -> None:
    raise RuntimeError(
        "acts of custody stay on file (policy 468.5): this migration has no downgrade"
    )
