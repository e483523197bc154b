"""Let the service delete what it stores of the package of a release, two years after the approval (ADR-0120)."""

from alembic import op

revision = "retention_0028"
down_revision = "retention_0027"

# Government Code 34090(d): a city record is kept for two years at least.
REFUSE_EARLY = """
    CREATE FUNCTION refuse_early_end() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.approved_at + interval '2 years' > now() THEN
            RAISE EXCEPTION 'what is stored of a package is kept for two years after the approval'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END $$
"""


def upgrade() -> None:
    op.execute(REFUSE_EARLY)
    op.execute(
        "CREATE TRIGGER not_early BEFORE DELETE ON packages"
        " FOR EACH ROW EXECUTE FUNCTION refuse_early_end()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER not_early ON packages")
    op.execute("DROP FUNCTION refuse_early_end")
