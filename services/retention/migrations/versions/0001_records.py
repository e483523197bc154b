"""Create records, plates, devices, hits, holds, purge runs, packages and signing keys."""

from alembic import op

revision = "retention_0001"
down_revision = None

READS = """
CREATE TABLE reads (
    captured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    plate_id bigint NOT NULL,
    confidence double precision NOT NULL,
    latitude double precision,
    longitude double precision,
    read_id uuid NOT NULL,
    device_id uuid NOT NULL,
    capture_id uuid,
    heading_deg real,
    agency_ori text NOT NULL,
    plate_as_read text NOT NULL,
    region text,
    source text NOT NULL,
    model text NOT NULL,
    crop_key text,
    image_key text,
    details json,
    PRIMARY KEY (read_id, captured_at)
) PARTITION BY RANGE (captured_at);
CREATE INDEX reads_plate ON reads (plate_id, captured_at);
CREATE INDEX reads_device ON reads (device_id, captured_at);
CREATE INDEX reads_time ON reads USING brin (captured_at);
"""

CAPTURES = """
CREATE TABLE captures (
    captured_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    latitude double precision,
    longitude double precision,
    size_bytes bigint NOT NULL,
    capture_id uuid NOT NULL,
    device_id uuid NOT NULL,
    heading_deg real,
    width_px integer NOT NULL,
    height_px integer NOT NULL,
    reads integer NOT NULL,
    agency_ori text NOT NULL,
    time_source text NOT NULL,
    object_key text NOT NULL,
    sha256 text NOT NULL,
    media_type text NOT NULL,
    outcome text NOT NULL,
    model text NOT NULL,
    reason text,
    PRIMARY KEY (capture_id, captured_at)
) PARTITION BY RANGE (captured_at);
CREATE INDEX captures_device ON captures (device_id, captured_at);
CREATE INDEX captures_time ON captures USING brin (captured_at);
"""

# Records that a hold keeps beyond their month. These tables have the columns of `reads` and `captures` in the same
# order, so a later migration changes both.
HELD = """
CREATE TABLE held_reads (LIKE reads INCLUDING ALL);
CREATE INDEX held_reads_capture ON held_reads (capture_id);
CREATE INDEX held_reads_crop ON held_reads (crop_key);
CREATE INDEX held_reads_image ON held_reads (image_key);
CREATE TABLE held_captures (LIKE captures INCLUDING ALL);
CREATE INDEX held_captures_object ON held_captures (object_key);
"""

# plate_id is the plate itself as a number (domain/plates.py). `grams` derive from the skeleton, so that one index
# serves partial search, look-alike search and both together.
PLATES = """
CREATE TABLE plates (
    plate_id bigint PRIMARY KEY,
    plate text COLLATE "C" NOT NULL,
    skeleton text COLLATE "C" NOT NULL
        GENERATED ALWAYS AS (translate(plate, 'OQDIZSBG', '00012586')) STORED,
    grams smallint[] NOT NULL
);
CREATE INDEX plates_skeleton ON plates (skeleton);
CREATE INDEX plates_grams ON plates USING gin (grams);
"""

# The places of each device, by day and cell of 0.01 degrees. A search by area starts here.
DEVICES = """
CREATE TABLE devices (
    device_id uuid PRIMARY KEY,
    device_name text NOT NULL,
    agency_ori text NOT NULL
);
CREATE TABLE device_days (
    lat_cell smallint NOT NULL,
    lon_cell smallint NOT NULL,
    day date NOT NULL,
    device_id uuid NOT NULL,
    PRIMARY KEY (lat_cell, lon_cell, day, device_id)
);
CREATE INDEX device_days_day ON device_days (day);
"""

HITS = """
CREATE TABLE hits (
    hit_id uuid PRIMARY KEY,
    read_id uuid NOT NULL,
    captured_at timestamptz NOT NULL,
    source text,
    record_kind text,
    tier text,
    list_name text,
    outcome text,
    disposition text
);
CREATE INDEX hits_read ON hits (read_id);
CREATE INDEX hits_time ON hits (captured_at);
"""

HOLDS = """
CREATE TABLE holds (
    hold_id uuid PRIMARY KEY,
    agency_ori text NOT NULL,
    basis text NOT NULL,
    case_number text NOT NULL,
    description text NOT NULL,
    criteria jsonb NOT NULL,
    placed_by jsonb NOT NULL,
    placed_at timestamptz NOT NULL,
    released_by jsonb,
    released_at timestamptz,
    release_reason text
);
CREATE INDEX holds_active ON holds (placed_at) WHERE released_at IS NULL;
"""

PURGES = """
CREATE TABLE purge_runs (
    run_id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('single', 'standing', 'daily')),
    state text NOT NULL,
    before timestamptz,
    day date UNIQUE,
    standing_id uuid REFERENCES purge_runs,
    basis jsonb NOT NULL,
    reason text NOT NULL,
    proposed_by jsonb NOT NULL,
    proposed_at timestamptz NOT NULL,
    decided_by jsonb,
    decided_at timestamptz,
    decision_note text,
    executed_by jsonb,
    started_at timestamptz,
    executed_at timestamptz,
    certified_at timestamptz,
    reads bigint NOT NULL DEFAULT 0,
    captures bigint NOT NULL DEFAULT 0,
    objects bigint NOT NULL DEFAULT 0,
    kept_under_hold bigint NOT NULL DEFAULT 0,
    months_dropped text[] NOT NULL DEFAULT '{}',
    certificate jsonb,
    CHECK ((kind = 'standing') = (before IS NULL)),
    CHECK ((kind = 'daily') = (day IS NOT NULL)),
    CHECK ((kind = 'daily') = (standing_id IS NOT NULL))
);
CREATE UNIQUE INDEX purge_runs_standing ON purge_runs (kind)
    WHERE kind = 'standing' AND state = 'authorised';
CREATE INDEX purge_runs_unfinished ON purge_runs (state) WHERE state IN ('executing', 'executed');
CREATE TABLE doomed_objects (
    object_key text PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES purge_runs,
    attempts integer NOT NULL DEFAULT 0
);
CREATE INDEX doomed_objects_run ON doomed_objects (run_id);
CREATE TABLE doomed_plates (
    plate_id bigint PRIMARY KEY,
    run_id uuid NOT NULL REFERENCES purge_runs
);
CREATE INDEX doomed_plates_run ON doomed_plates (run_id);
"""

PACKAGES = """
CREATE TABLE packages (
    request_id uuid PRIMARY KEY,
    approval jsonb NOT NULL,
    approved_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL,
    fault text,
    built_at timestamptz,
    package_key text,
    sha256 text,
    size_bytes bigint,
    reads bigint,
    images bigint,
    signed_by text
);
CREATE INDEX packages_waiting ON packages (not_before) WHERE built_at IS NULL;
CREATE TABLE signing_keys (
    key_id text PRIMARY KEY,
    public_pem text NOT NULL,
    private_pem text,
    first_used_at timestamptz NOT NULL
);
"""


def upgrade() -> None:
    for part in (READS, CAPTURES, HELD, PLATES, DEVICES, HITS, HOLDS, PURGES, PACKAGES):
        for statement in part.split(";\n"):
            if statement.strip():
                op.execute(statement)


def downgrade() -> None:
    op.execute(
        "DROP TABLE reads, captures, held_reads, held_captures, plates, devices, device_days, hits,"
        " holds, doomed_objects, doomed_plates, purge_runs, packages, signing_keys"
    )
