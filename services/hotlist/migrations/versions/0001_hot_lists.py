"""Lists, snapshots, versions, entries."""

from alembic import op

revision = "hotlist_0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE lists (
        list_id uuid PRIMARY KEY,
        agency_ori text NOT NULL,
        name text NOT NULL,
        source text NOT NULL CHECK (source IN ('department', 'state', 'federal')),
        staleness_s integer CHECK (staleness_s > 0),
        enabled boolean NOT NULL DEFAULT true,
        kinds_off text[] NOT NULL DEFAULT '{}',
        active_version integer,
        activated_at timestamptz,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        UNIQUE (agency_ori, name)
    )
    """,
    # One upload. Versions made by single additions and removals share it.
    """
    CREATE TABLE snapshots (
        snapshot_id uuid PRIMARY KEY,
        list_id uuid NOT NULL REFERENCES lists,
        as_of timestamptz NOT NULL,
        sha256 text,
        size_bytes bigint NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        dropped_at timestamptz
    )
    """,
    "CREATE INDEX snapshots_of_list ON snapshots (list_id, created_at)",
    """
    CREATE TABLE versions (
        list_id uuid NOT NULL REFERENCES lists,
        version integer NOT NULL,
        snapshot_id uuid NOT NULL REFERENCES snapshots,
        entries integer NOT NULL,
        skipped jsonb NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        PRIMARY KEY (list_id, version)
    )
    """,
    """
    CREATE TABLE activations (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        list_id uuid NOT NULL REFERENCES lists,
        version integer,
        change text NOT NULL CHECK (change IN ('activated', 'rolled_back', 'withdrawn')),
        reason text,
        at timestamptz NOT NULL,
        by text NOT NULL
    )
    """,
    "CREATE INDEX activations_of_list ON activations (list_id, number)",
    # An entry is part of version v of its snapshot when from_version <= v < to_version. Uploaded rows
    # are there from the snapshot's beginning (0, with their line); single additions have no line.
    """
    CREATE TABLE entries (
        snapshot_id uuid NOT NULL,
        entry_id uuid NOT NULL,
        from_version integer NOT NULL,
        to_version integer,
        line integer,
        plate text NOT NULL,
        plate_listed text NOT NULL,
        partial boolean NOT NULL,
        region text,
        record_kind text NOT NULL,
        reason text,
        entering_ori text NOT NULL,
        entering_reference text,
        make text,
        model text,
        colour text,
        valid_from timestamptz,
        expires_at timestamptz,
        entered_at timestamptz,
        entered_by text
    )
    """,
    "CREATE INDEX entries_by_id ON entries (snapshot_id, entry_id)",
    "CREATE INDEX entries_by_plate ON entries (plate text_pattern_ops, snapshot_id)",
    "CREATE INDEX entries_added ON entries (snapshot_id, from_version) WHERE line IS NULL",
    "CREATE INDEX entries_removed ON entries (snapshot_id, to_version) WHERE to_version IS NOT NULL",
    "CREATE INDEX entries_partial ON entries (snapshot_id) WHERE partial",
    # Counts the changes of the lists in force, so that each replica knows when to refresh its index.
    """
    CREATE TABLE generation (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        number bigint NOT NULL
    )
    """,
    "INSERT INTO generation (number) VALUES (1)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE generation, entries, activations, versions, snapshots, lists")
