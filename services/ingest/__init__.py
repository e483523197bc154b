"""Ingest: accepts the frames and reads of cameras.

Owns: the device registry with when each device was last seen (`devices`), device credentials (`credentials`), when
frames without a time first arrived (`first_seen`), the secrets of the months' ids (`month_secrets`).
Consumes: `device.changed`, `records.purged`, `checkpoint.signed`.
Publishes: `capture.received`, `capture.backfilled`, `read.recorded`, `read.backfilled`, `device.changed`,
`device.silenced`. Captures are signed; what arrives too late to be live is `backfilled`;
`read.recorded` has the reads of a POST, which a camera made itself.
Never: decodes pixels, stores plates, or acknowledges data that are not durable.
"""
