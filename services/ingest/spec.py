"""Ingest's declaration."""

from services.ingest.domain.problem_codes import Code
from shared.service.spec import Dependency, ServiceSpec

DESCRIPTION = """Cameras post frames and reads here, and administrators register devices.

A receipt (202) means that the data are durable: the image in the object store, the event in Kafka.
Any other response means that they were not stored; after 429 or 503 they may be sent again later."""

SPEC = ServiceSpec(
    name="ingest",
    description=DESCRIPTION,
    tags={
        "cameras": "Frames and reads from cameras, by a device's credential.",
        "devices": "The register of devices and their credentials.",
    },
    problem_codes=Code,
    uploads=(r"/v1/captures$", r"/v1/reads$", r"/v1/makers/[a-z-]+$"),
    # Cameras post without them: it writes the data of known cameras to the objects and Kafka.
    ready_without=frozenset({Dependency.POSTGRES, Dependency.AUDIT_LOG, Dependency.TICK}),
)
