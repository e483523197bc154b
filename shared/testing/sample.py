"""A sample service, for tests of the code that all services share."""

from shared.objects.settings import ObjectSettings
from shared.service.settings import ApiSettings, CaptureSettings
from shared.service.spec import ServiceSpec

SAMPLE = ServiceSpec(name="sample", description="")


class SampleSettings(ApiSettings, ObjectSettings, CaptureSettings):
    """Settings of a service that uses every resource."""
