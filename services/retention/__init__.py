"""Retention: the custodian of the records (policy 468.5).

Owns: reads, captures and plates (`reads`, `captures`, `plates`, `plate_deletions`), devices and their days (`devices`,
`device_days`), passes (`passes`, `pass_reads`, `open_passes`, `pass_due`), hits as flags on reads (`hits`,
`hit_events`), corrections of reads (`read_corrections`), holds (`holds`, `hold_reviews`, `held_reads`, `held_captures`,
`kept_reads`), purge runs (`purge_runs`, `missed_purges`, `purge_slices`, `slice_digests`, `slice_objects`,
`slice_plates`, `month_changes`, `doomed_objects`, `doomed_plates`, `swept_days`), marks for read replicas
(`replica_marks`, `replica_heartbeat`), signing keys (`signing_keys`, `key_changes`), packages for releases (`packages`)
and for evidence (`evidence_exports`), bookings of these into evidence (`evidence_bookings`), their custody
(`custody_acts`), reports on accuracy (`accuracy_reports`), and the reads of months (`counted_months`).
Consumes: `read.recorded`, `read.backfilled`, `read.recognised`, `backfill.recognised`, `capture.processed`,
`hit.raised`, `hit.verified`, `hit.disposed`, `release.approved`, `release.lapsed`, `checkpoint.signed`.
Publishes: `pass.recorded`, `read.contradicted`, `read.corrected`, `hold.changed`, `evidence.changed`,
`evidence.booked`, `evidence.custody.recorded`, `purge.changed`, `purge.missed`, `records.purged`, `release.packaged`,
`release.failed`, `release.freed`, `signing_key.changed`, `month.counted`.
Never: destroys a record without the five facts of policy 468.3.1(f), or one under a hold.
"""
