"""The service object of audit, which its routes use."""

from asyncio import Semaphore
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from services.audit.actions.exports import Begun
from services.audit.actions.figures import PublicFigures
from services.audit.actions.writer import Writer
from services.audit.domain.problem_codes import Code
from services.audit.settings import Settings
from services.audit.workers.consumer_start import ConsumerStart
from services.audit.workers.scheduler import Scheduler
from shared.access.grant import Grant
from shared.access.rechecks import check_account
from shared.core.errors import Unavailable
from shared.kafka.consumer import AnySubscription
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import needs
from shared.service.runtime import Task

MAX_EXPORTS = 2
"""The most exports at a time: each holds a database connection."""


@dataclass(frozen=True)
class AuditService(ApiService):
    """One process of audit: its runtime, settings, writer and background tasks."""

    settings: Settings
    writer: Writer
    scheduler: Scheduler
    figures: PublicFigures
    exports: Semaphore = field(default_factory=lambda: Semaphore(MAX_EXPORTS))
    """Limits the running exports; each holds it until it ends."""

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> "AuditService":
        """Build the service without starting it. Raises: ValueError if a previous MAC key ends too far ahead."""
        writer = Writer(runtime, settings)
        writer.producer_keys.check_ends(runtime.clock.now())
        scheduler = Scheduler(runtime, settings, writer)
        return cls(runtime, settings, writer, scheduler, PublicFigures(runtime))

    async def prepare(self) -> None:
        """Close the log before this one if this one is empty, and sign the newest entries. Raises: Unavailable."""
        await self.writer.begin()
        await self.writer.sign_what_is_left()

    def consume(self, subscriptions: Sequence[AnySubscription]) -> None:
        """Start the consumer once the log has recorded which events need no MAC (ADR-0022)."""
        self.runtime.run(ConsumerStart(self.runtime, self.writer, subscriptions).task)

    def tasks(self) -> Sequence[Task]:
        """Return the scheduler's tasks, not started."""
        return self.scheduler.tasks

    async def finish(self) -> None:
        """Sign the newest entries."""
        await self.writer.sign_what_is_left()

    def check_exports(self) -> None:
        """Raise Unavailable while `MAX_EXPORTS` are running."""
        if self.exports.locked():
            raise Unavailable(Code.LOG_EXPORTS_BUSY, retry_after_s=30)

    async def exporting(self, begun: Begun, grant: Grant) -> AsyncIterator[bytes]:
        """Yield an export in pieces of whole lines, until the account of the grant's person ends.

        It holds a connection until its reader is done; `exports` leaves the other connections free for requests.
        Raises: CredentialEnded; the reader then has a file without its last checkpoint.
        """
        async with self.exports, self.runtime.db.begin() as connection:
            async for piece in begun.lines(connection):
                check_account(self.runtime, grant)
                yield piece


Running = Annotated[AuditService, needs(AuditService)]
