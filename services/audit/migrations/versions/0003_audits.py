"""Create the periodic audits of accesses and their items."""

from alembic import op

revision = "audit_0003"
down_revision = "audit_0002"

TABLES = (
    """
    CREATE TABLE audits (
        audit_id uuid PRIMARY KEY,
        occurred_from timestamptz NOT NULL,
        occurred_to timestamptz NOT NULL,
        log_size bigint NOT NULL,
        root_hash bytea NOT NULL,
        seed bytea NOT NULL,
        population bigint NOT NULL,
        drawn_by jsonb NOT NULL,
        drawn_at timestamptz NOT NULL,
        signed_off_by jsonb,
        signed_off_at timestamptz,
        statement text
    )
    """,
    "CREATE INDEX audits_by_time ON audits (drawn_at DESC)",
    """
    CREATE TABLE audit_items (
        audit_id uuid NOT NULL REFERENCES audits,
        number integer NOT NULL,
        seq bigint NOT NULL,
        outcome text CHECK (outcome IN ('proper', 'improper', 'unclear')),
        note text,
        reviewed_by jsonb,
        reviewed_at timestamptz,
        PRIMARY KEY (audit_id, number),
        UNIQUE (audit_id, seq)
    )
    """,
)

# A draw never changes, and neither does an audit after its sign-off.
DRAWN = """
    CREATE FUNCTION audit_stays_drawn() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.signed_off_at IS NOT NULL
           OR to_jsonb(NEW) - ARRAY['signed_off_by', 'signed_off_at', 'statement']
              IS DISTINCT FROM to_jsonb(OLD) - ARRAY['signed_off_by', 'signed_off_at', 'statement']
        THEN
            RAISE EXCEPTION 'UPDATE on audits is refused, an audit stays as it was drawn and signed'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
"""
REVIEWED = """
    CREATE FUNCTION item_is_reviewed_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.outcome IS NOT NULL OR (NEW.audit_id, NEW.number, NEW.seq)
           IS DISTINCT FROM (OLD.audit_id, OLD.number, OLD.seq)
        THEN
            RAISE EXCEPTION 'UPDATE on audit_items is refused, an item is reviewed once'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    for statement in (*TABLES, DRAWN, REVIEWED):
        op.execute(statement)
    for table, function in (
        ("audits", "audit_stays_drawn"),
        ("audit_items", "item_is_reviewed_once"),
    ):
        op.execute(
            f"CREATE TRIGGER only_forward BEFORE UPDATE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()"
        )
        op.execute(
            f"CREATE TRIGGER kept BEFORE DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER kept_whole BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    raise RuntimeError("audits stay on file: this migration has no downgrade")
