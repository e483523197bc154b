-- What the role that works may do to each table, and nothing else (ADR-0016). Entries go with their
-- snapshot, set-aside lines with it, and hits that nobody worked, sightings and what outvoted them when their records are purged.
-- Announcements and their notices go after the hours of patrol. A correction of a read replaces the one before it.
-- A person gives back an alert that they acknowledged. A change of a hit draws its number from the sequence of hits.
GRANT SELECT, INSERT ON versions, activations, verifications, dispositions TO {role};
GRANT SELECT, INSERT, UPDATE ON lists, snapshots, feeds TO {role};
GRANT SELECT, UPDATE ON generation TO {role};
GRANT SELECT, INSERT, DELETE ON sightings, outvoted, set_aside, acknowledgements TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON entries, hits, corrected TO {role};
GRANT SELECT, INSERT, UPDATE ON month_secrets TO {role};
GRANT SELECT, INSERT, DELETE ON announcements, announcement_notices TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON notices TO {role};
GRANT EXECUTE ON FUNCTION forget_statistics TO {role};
GRANT USAGE ON SEQUENCE hits_seq_seq TO {role};
