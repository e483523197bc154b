"""Let no foreign key check each membership of a read in a pass: the vote stores both in one transaction (ADR-0088)."""

from alembic import op

revision = "retention_0024"
down_revision = "retention_0023"


def upgrade() -> None:
    op.execute("ALTER TABLE pass_reads DROP CONSTRAINT pass_reads_pass_id_fkey")


def downgrade() -> None:
    op.execute(
        "DELETE FROM pass_reads m WHERE NOT EXISTS (SELECT FROM passes p WHERE p.pass_id = m.pass_id)"
    )
    op.execute(
        "ALTER TABLE pass_reads ADD FOREIGN KEY (pass_id) REFERENCES passes ON DELETE CASCADE"
    )
