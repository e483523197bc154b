"""Create the tables of devices, of their credentials, and of first arrivals of frames without a device time."""

from alembic import op

revision = "ingest_0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE devices (
            device_id uuid PRIMARY KEY,
            name text NOT NULL,
            kind text NOT NULL CHECK (kind IN ('fixed', 'vehicle')),
            latitude double precision CHECK (latitude BETWEEN -90 AND 90),
            longitude double precision CHECK (longitude BETWEEN -180 AND 180),
            heading_deg double precision CHECK (heading_deg >= 0 AND heading_deg < 360),
            frames_per_s double precision NOT NULL CHECK (frames_per_s > 0),
            reads_per_s double precision NOT NULL CHECK (reads_per_s > 0),
            status text NOT NULL CHECK (status IN ('active', 'revoked')),
            registered_at timestamptz NOT NULL,
            version bigint NOT NULL DEFAULT 1,
            last_seen_at timestamptz,
            CHECK ((latitude IS NULL) = (longitude IS NULL)),
            CHECK (kind = 'vehicle' OR latitude IS NOT NULL)
        ) WITH (fillfactor = 70)
        """
    )
    # Testimony could confuse two cameras whose names differ in capitals only.
    op.execute("CREATE UNIQUE INDEX devices_name ON devices (lower(name))")
    op.execute(
        """
        CREATE TABLE credentials (
            device_id uuid NOT NULL REFERENCES devices,
            secret_sha256 bytea NOT NULL CHECK (length(secret_sha256) = 32),
            issued_at timestamptz NOT NULL,
            ends_at timestamptz,
            PRIMARY KEY (device_id, secret_sha256)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE first_seen (
            device_id uuid NOT NULL,
            sha256 bytea NOT NULL,
            received_at timestamptz NOT NULL,
            PRIMARY KEY (device_id, sha256)
        )
        """
    )
    op.execute("CREATE INDEX first_seen_received_at ON first_seen (received_at)")


def downgrade() -> None:
    op.execute("DROP TABLE first_seen, credentials, devices")
