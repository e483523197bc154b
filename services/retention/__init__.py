"""Retention: the custodian of the records (policy 468.5).

Owns: reads, captures, plates, passes, hits as flags on reads, holds, purge runs, signing keys, packages
for releases and for evidence, and what of these was booked into evidence.
Consumes: `alpr.read.recorded`, `alpr.read.recognised`, `alpr.capture.processed`, `alpr.hit.*`,
`alpr.release.approved`.
Publishes: `alpr.pass.recorded`, `alpr.read.contradicted`, `alpr.hold.changed`, `alpr.evidence.changed`,
`alpr.evidence.booked`, `alpr.purge.changed`, `alpr.records.purged`, `alpr.release.packaged`,
`alpr.release.failed`, `alpr.signing_key.changed`.
Never: destroys a record without the five facts of policy 468.3.1(f), or one under a hold.
"""
