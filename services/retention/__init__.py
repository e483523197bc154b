"""Retention: the custodian of the records (policy 468.5).

Owns: reads, captures, plates, passes, hits as flags on reads, holds, purge runs, signing keys, packages for
releases and for evidence, and what of these was booked into evidence.
Consumes: `read.recorded`, `read.recognised`, `capture.processed`, `hit.raised`, `hit.verified`, `hit.disposed`,
`release.approved`, `checkpoint.signed`.
Publishes: `pass.recorded`, `read.contradicted`, `hold.changed`, `evidence.changed`, `evidence.booked`,
`purge.changed`, `records.purged`, `release.packaged`, `release.failed`, `signing_key.changed`.
Never: destroys a record without the five facts of policy 468.3.1(f), or one under a hold.
"""
