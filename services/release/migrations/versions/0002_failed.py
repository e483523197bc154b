"""An approved request ends as failed, with the reason, if retention can make no package."""

from alembic import op

revision = "release_0002"
down_revision = "release_0001"

FAILURES = """
    CREATE TABLE failures (
        request_id uuid PRIMARY KEY REFERENCES requests,
        reason text NOT NULL,
        failed_at timestamptz NOT NULL
    )
"""
ONLY_FORWARD = """
    CREATE OR REPLACE FUNCTION only_status_moves() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF to_jsonb(NEW) - 'status' IS DISTINCT FROM to_jsonb(OLD) - 'status'
           OR (OLD.status, NEW.status) NOT IN (
               ('submitted', 'first_approved'), ('submitted', 'approved'),
               ('submitted', 'denied'), ('submitted', 'withdrawn'),
               ('first_approved', 'approved'), ('first_approved', 'denied'),
               ('first_approved', 'withdrawn'),
               ('approved', 'packaged'), ('approved', 'failed'), ('packaged', 'expired'))
        THEN
            RAISE EXCEPTION 'UPDATE on requests is refused, requests stay on file (policy 468.7(c))'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    op.execute("ALTER TABLE requests DROP CONSTRAINT requests_status_check")
    op.execute(
        "ALTER TABLE requests ADD CONSTRAINT requests_status_check CHECK (status IN"
        " ('submitted', 'first_approved', 'approved', 'packaged', 'failed', 'expired',"
        " 'denied', 'refused', 'withdrawn'))"
    )
    op.execute(FAILURES)
    op.execute(ONLY_FORWARD)
    op.execute(
        "CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON failures"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER kept_whole BEFORE TRUNCATE ON failures"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise RuntimeError("requests stay on file (policy 468.7(c)): this migration has no downgrade")
