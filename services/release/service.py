"""The service object of release, which its routes use."""

from dataclasses import dataclass
from typing import Annotated

from services.release.settings import Settings
from shared.service.running import needs
from shared.service.runtime import RuntimeService


@dataclass(frozen=True)
class ReleaseService(RuntimeService):
    """One process of release: its runtime and settings."""

    settings: Settings


Running = Annotated[ReleaseService, needs(ReleaseService)]
