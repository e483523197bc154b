"""Secrets of months, which key ids (ADR-0026)."""

from alembic import op

from shared.postgres.month_secrets import TABLE

revision = "ingest_0003"
down_revision = "ingest_0002"


def upgrade() -> None:
    op.execute(TABLE)


def downgrade() -> None:
    op.execute("DROP TABLE month_secrets")
