"""What the routes of a running release work with."""

from dataclasses import dataclass
from typing import Annotated

from services.release.settings import Settings
from shared.service.running import needs
from shared.service.runtime import RuntimeService


@dataclass(frozen=True)
class ReleaseService(RuntimeService):
    """One process of release."""

    settings: Settings


Running = Annotated[ReleaseService, needs(ReleaseService)]
