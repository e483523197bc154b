"""Console: server-rendered pages for people.

Owns: no data. It has no database; a person's session is sealed in their own cookie.
Consumes and publishes: no events.
Calls: the public HTTP APIs of identity, ingest, hotlist, retention, release and audit, as the signed-in person
(ADR-0008).
Never: has rights of its own, stores ALPR data, or says that a hit is right before a person verified it.
"""
