"""A sample service, for tests of the code that all services share."""

from shared.service.spec import ServiceSpec

SAMPLE = ServiceSpec(name="sample", description="")
