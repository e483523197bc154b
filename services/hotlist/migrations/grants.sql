-- What the role that works may do to each table, and nothing else (ADR-0016). Entries go with their
-- snapshot, set-aside lines with it, and hits that nobody worked, sightings and what outvoted them when their records are purged.
GRANT SELECT, INSERT ON versions, activations, verifications, dispositions TO {role};
GRANT SELECT, INSERT, UPDATE ON lists, snapshots TO {role};
GRANT SELECT, UPDATE ON generation TO {role};
GRANT SELECT, INSERT, DELETE ON sightings, outvoted, set_aside TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON entries, hits TO {role};
GRANT SELECT, INSERT, UPDATE ON month_secrets TO {role};
GRANT EXECUTE ON FUNCTION forget_statistics TO {role};
