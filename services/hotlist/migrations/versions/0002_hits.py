"""Hits, sightings, verifications, dispositions."""

from alembic import op

revision = "hotlist_0002"
down_revision = "hotlist_0001"

STATEMENTS = (
    # `seq` is drawn under the advisory lock that writers of hits hold until they commit, so it rises
    # in commit order: a stream resumed after `seq` misses no hit.
    # Columns that a purge clears are nullable; the others record people's actions (policy 468.5).
    """
    CREATE TABLE hits (
        hit_id uuid PRIMARY KEY,
        seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
        agency_ori text NOT NULL,
        list_id uuid NOT NULL REFERENCES lists,
        list_name text NOT NULL,
        list_version integer NOT NULL,
        list_age_s bigint NOT NULL,
        list_stale boolean NOT NULL,
        source text NOT NULL,
        entry_id uuid NOT NULL,
        record_kind text NOT NULL,
        tier text NOT NULL,
        status text NOT NULL DEFAULT 'unverified' CHECK (status IN ('unverified', 'verified')),
        late boolean NOT NULL,
        raised_at timestamptz NOT NULL,
        read_id uuid NOT NULL,
        capture_id uuid,
        device_id uuid,
        device_name text,
        place jsonb,
        captured_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        confidence real NOT NULL,
        plate_read text,
        plate_as_read text,
        region_read text,
        plate_listed text,
        region_listed text,
        entry jsonb,
        differences jsonb NOT NULL,
        warnings jsonb NOT NULL,
        crop_key text,
        image_key text,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        sightings integer NOT NULL,
        purged_at timestamptz
    )
    """,
    "CREATE INDEX hits_of_pass ON hits (entry_id, device_id, last_at)",
    "CREATE INDEX hits_of_list ON hits (list_id, seq)",
    "CREATE INDEX hits_raised ON hits (raised_at)",
    "CREATE INDEX hits_to_purge ON hits (captured_at) WHERE purged_at IS NULL",
    # Every read that matched, including the first: by its key a redelivery has no second effect.
    """
    CREATE TABLE sightings (
        read_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        hit_id uuid NOT NULL REFERENCES hits ON DELETE CASCADE,
        captured_at timestamptz NOT NULL,
        confidence real NOT NULL,
        plate_read text NOT NULL,
        tier text NOT NULL,
        crop_key text,
        PRIMARY KEY (read_id, entry_id)
    )
    """,
    "CREATE INDEX sightings_of_hit ON sightings (hit_id, captured_at)",
    """
    CREATE TABLE verifications (
        hit_id uuid PRIMARY KEY REFERENCES hits,
        method text NOT NULL,
        reference text NOT NULL,
        outcome text NOT NULL,
        note text,
        at timestamptz NOT NULL,
        person_id text NOT NULL,
        person_name text NOT NULL,
        person_title text NOT NULL,
        person_ori text NOT NULL
    )
    """,
    """
    CREATE TABLE dispositions (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        hit_id uuid NOT NULL REFERENCES hits,
        disposition text NOT NULL,
        enforcement boolean NOT NULL,
        unverified_reason text,
        at timestamptz NOT NULL,
        person_id text NOT NULL,
        person_name text NOT NULL,
        person_title text NOT NULL,
        person_ori text NOT NULL
    )
    """,
    "CREATE INDEX dispositions_of_hit ON dispositions (hit_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE dispositions, verifications, sightings, hits")
