"""Ingest's declaration."""

from shared.service.spec import ServiceSpec

DESCRIPTION = """Where cameras post frames and reads, and where devices are registered.

A receipt (202) means that what was sent is safe: the image in the object store, the event in Kafka.
Anything else means that it was not kept; what was answered 429 or 503 may be sent again later."""

SPEC = ServiceSpec(
    name="ingest",
    description=DESCRIPTION,
    called_by_pages=False,
    uploads=(r"/v1/captures$", r"/v1/reads$"),
)
