"""Recognition's declaration."""

from shared.service.spec import Kind, ServiceSpec

SPEC = ServiceSpec(
    name="recognition",
    kind=Kind.WORKER,
    description="Reads plates from frames, as events; its only routes are health and metrics.",
)
