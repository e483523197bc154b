"""The service object of release, which its routes use."""

from dataclasses import dataclass
from typing import Annotated

from services.release.settings import Settings
from services.release.workers import expiry
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import needs
from shared.service.runtime import Task


@dataclass(frozen=True)
class ReleaseService(ApiService):
    """One process of release: its runtime, settings and background tasks."""

    settings: Settings
    tasks: tuple[Task, ...]

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> "ReleaseService":
        """Build the service without starting it."""
        return cls(runtime, settings, tasks=(expiry.task(runtime, settings),))


Running = Annotated[ReleaseService, needs(ReleaseService)]
