GRANT SELECT ON alembic_version_shared, alembic_version, outbox_before_macs TO {role};
GRANT SELECT, INSERT, DELETE ON outbox, inbox TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON disclosed_counts TO {role};
GRANT SELECT, UPDATE (purged_at) ON restores TO {role};
