"""The object that the routes of a running audit use."""

from asyncio import Semaphore
from dataclasses import dataclass, field
from typing import Annotated

from services.audit.actions.writer import Writer
from services.audit.settings import Settings
from shared.service.api_runtime import ApiService
from shared.service.running import needs

MAX_EXPORTS = 2
"""The most exports at a time: each holds a database connection."""


@dataclass(frozen=True)
class AuditService(ApiService):
    """One process of audit."""

    settings: Settings
    writer: Writer
    exports: Semaphore = field(default_factory=lambda: Semaphore(MAX_EXPORTS))
    """Limits the running exports; each holds it until it ends."""


Running = Annotated[AuditService, needs(AuditService)]
