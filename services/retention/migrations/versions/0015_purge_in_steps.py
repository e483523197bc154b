"""Order the list of objects to delete, so that no turn sorts it; drop two indexes that only the certificate used."""

from alembic import op

revision = "retention_0015"
down_revision = "retention_0013"


def upgrade() -> None:
    op.execute("DROP INDEX doomed_objects_run, doomed_plates_run")
    op.execute("CREATE INDEX doomed_objects_attempts ON doomed_objects (attempts, object_key)")


def downgrade() -> None:
    op.execute("DROP INDEX doomed_objects_attempts")
    op.execute("CREATE INDEX doomed_objects_run ON doomed_objects (run_id)")
    op.execute("CREATE INDEX doomed_plates_run ON doomed_plates (run_id)")
