"""Create the changes of signing keys, each with the statement in which the old key names the new one."""

from alembic import op

revision = "retention_0008"
down_revision = "retention_0007"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE key_changes (
            number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            old_key_id text NOT NULL REFERENCES signing_keys,
            new_key_id text NOT NULL UNIQUE REFERENCES signing_keys,
            changed_at timestamptz NOT NULL,
            statement jsonb NOT NULL
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE key_changes")
