"""The service object of release, which its routes use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from services.release.settings import Settings
from services.release.workers import expiry, file_ends
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import needs
from shared.service.runtime import Task


@dataclass(frozen=True)
class ReleaseService(ApiService):
    """One process of release: its runtime and settings."""

    settings: Settings

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> "ReleaseService":
        """Build the service without starting it."""
        return cls(runtime, settings)

    def tasks(self) -> Sequence[Task]:
        """Return the tasks that end packages and files that are due, not started."""
        return (
            expiry.task(self.runtime, self.settings),
            file_ends.task(self.runtime, self.settings),
        )


Running = Annotated[ReleaseService, needs(ReleaseService)]
