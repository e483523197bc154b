-- All rights of the service's role on each table (ADR-0016). Records never change; a purge deletes them row by row,
-- or a whole month by `drop_month`. The row of an unreadable frame gives way to that of its later reading.
GRANT SELECT ON plate_deletions TO {role};
GRANT SELECT, INSERT ON evidence_bookings, custody_acts, signing_keys, key_changes, hit_events, counted_months,
    missed_purges TO {role};
GRANT SELECT, INSERT, UPDATE ON devices, purge_runs, evidence_exports, hold_reviews TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON packages TO {role};
GRANT SELECT, INSERT, UPDATE (released_by, released_at, release_reason, confirmed_by, confirmed_at,
    confirmation_reason) ON holds TO {role};
GRANT SELECT, INSERT, DELETE ON reads, captures, held_reads, held_captures, plates, read_corrections TO {role};
GRANT SELECT, INSERT, DELETE ON device_days, passes, pass_reads, open_passes, slice_digests, slice_objects, slice_plates, month_changes
    TO {role};
GRANT SELECT ON kept_reads TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON accuracy_reports, hits, pass_due, purge_slices, doomed_objects, doomed_plates, swept_days TO {role};
GRANT SELECT, UPDATE ON replica_marks, replica_heartbeat TO {role};
GRANT EXECUTE ON FUNCTION make_month, drop_month, summarize_month, forget_statistics, id_digest, id_digest_bytes TO {role};
