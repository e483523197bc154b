"""Ingest: the door for cameras.

Owns: the device registry, device credentials and when each device was last seen.
Consumes: `alpr.device.changed`, to forget what it remembered of a device; `alpr.records.purged`, to
destroy the secrets of purged months' ids.
Publishes: `alpr.capture.received`, which it signs, `alpr.read.recorded` (reads that a camera made itself),
`alpr.device.changed`, `alpr.access.attempted`.
Never: decodes pixels, keeps plates, or acknowledges what is not safe.
"""
