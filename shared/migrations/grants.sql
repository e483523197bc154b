GRANT SELECT ON alembic_version_shared, alembic_version TO {role};
GRANT SELECT, INSERT, DELETE ON outbox, inbox TO {role};
