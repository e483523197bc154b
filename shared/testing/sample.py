"""A service that is none of ours, for tests of what all services have."""

from shared.service.spec import ServiceSpec

SAMPLE = ServiceSpec(name="sample", description="")
