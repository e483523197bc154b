"""Add people's security keys, whether a person signs in by these alone, and which sessions they opened (ADR-0136)."""

from alembic import op

revision = "identity_0010"
down_revision = "identity_0009"

STATEMENTS = (
    # `credential` is WebAuthn's attested credential data: the model of the authenticator, the credential's id and
    # its public key. Who enrols anew or leaves loses the keys with the password.
    """
    CREATE TABLE security_keys (
        key_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES credentials ON DELETE CASCADE,
        credential_id bytea NOT NULL UNIQUE,
        credential bytea NOT NULL,
        name text NOT NULL,
        sign_count bigint NOT NULL,
        added_at timestamptz NOT NULL,
        used_at timestamptz
    )
    """,
    "CREATE INDEX security_keys_account ON security_keys (account_id, added_at)",
    "ALTER TABLE accounts ADD COLUMN keys_only boolean NOT NULL DEFAULT false",
    "ALTER TABLE sessions ADD COLUMN by_key boolean NOT NULL DEFAULT false",
)


def upgrade() -> None:
    """Add them; no person has one yet."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them; people sign in by code again."""
    op.execute("ALTER TABLE sessions DROP COLUMN by_key")
    op.execute("ALTER TABLE accounts DROP COLUMN keys_only")
    op.execute("DROP TABLE security_keys")
