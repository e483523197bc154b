"""Accounts, credentials, sessions, training, purposes and signing keys."""

from alembic import op

revision = "identity_0001"
down_revision = None

TABLES = (
    """
    CREATE TABLE accounts (
        account_id uuid PRIMARY KEY,
        username text NOT NULL UNIQUE,
        name text NOT NULL,
        title text NOT NULL,
        agency_ori text NOT NULL,
        status text NOT NULL
            CHECK (status IN ('invited', 'active', 'locked', 'disabled', 'separated')),
        roles text[] NOT NULL DEFAULT '{}',
        sources text[] NOT NULL DEFAULT '{}'
            CHECK (sources <@ ARRAY['department', 'state', 'federal']),
        tokens_valid_from timestamptz NOT NULL,
        last_active_at timestamptz NOT NULL,
        reviewed_at timestamptz NOT NULL,
        created_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL
    )
    """,
    # Separate from accounts, so that a listing of people cannot contain a secret.
    """
    CREATE TABLE credentials (
        account_id uuid PRIMARY KEY REFERENCES accounts,
        password_hash text NOT NULL,
        password_changed_at timestamptz NOT NULL,
        totp_sealed bytea NOT NULL,
        totp_last_step bigint NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE invitations (
        account_id uuid PRIMARY KEY REFERENCES accounts,
        token_hash bytea NOT NULL UNIQUE,
        expires_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE failed_sign_ins (
        account_id uuid NOT NULL REFERENCES accounts,
        failed_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX failed_sign_ins_account ON failed_sign_ins (account_id, failed_at)",
    """
    CREATE TABLE sessions (
        session_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        opened_at timestamptz NOT NULL,
        used_at timestamptz NOT NULL,
        closed_at timestamptz,
        closed_reason text
    )
    """,
    "CREATE INDEX sessions_open ON sessions (account_id) WHERE closed_at IS NULL",
    """
    CREATE TABLE refresh_tokens (
        token_hash bytea PRIMARY KEY,
        session_id uuid NOT NULL REFERENCES sessions,
        used_at timestamptz
    )
    """,
    "CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id)",
    """
    CREATE TABLE trainings (
        training_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        course text NOT NULL,
        completed_on timestamptz NOT NULL,
        valid_until timestamptz NOT NULL,
        recorded_by uuid NOT NULL,
        recorded_at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX trainings_account ON trainings (account_id, course, valid_until)",
    """
    CREATE TABLE purposes (
        purpose_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        kind text NOT NULL,
        offence_type text NOT NULL,
        case_number text,
        call_number text,
        justification text NOT NULL,
        scope jsonb NOT NULL,
        declared_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        CHECK (case_number IS NOT NULL OR call_number IS NOT NULL)
    )
    """,
    "CREATE INDEX purposes_account ON purposes (account_id, declared_at)",
    """
    CREATE TABLE signing_keys (
        kid text PRIMARY KEY,
        jwk jsonb NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        signs_from timestamptz NOT NULL,
        not_after timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE reviews (
        review_id uuid PRIMARY KEY,
        account_id uuid NOT NULL REFERENCES accounts,
        reviewed_by uuid NOT NULL,
        reviewed_at timestamptz NOT NULL,
        roles text[] NOT NULL,
        sources text[] NOT NULL,
        note text NOT NULL
    )
    """,
)


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE reviews, signing_keys, purposes, trainings, refresh_tokens, sessions,"
        " failed_sign_ins, invitations, credentials, accounts"
    )
