"""Ingest: accepts the frames and reads of cameras.

Owns: the device registry with when each device was last seen (`devices`), device credentials (`credentials`), when
frames without a time first arrived (`first_seen`), the secrets of the months' ids (`month_secrets`).
Consumes: `device.changed`, `records.purged`, `checkpoint.signed`.
Publishes: `capture.received`, `read.recorded`, `device.changed`, `device.silenced`. `capture.received` is signed;
`read.recorded` has the reads of a POST, which a camera made itself.
Never: decodes pixels, stores plates, or acknowledges data that are not durable.
"""
