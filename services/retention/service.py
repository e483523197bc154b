"""The running service: the objects that routes and consumers use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from services.retention.actions.signer import SigningKeys
from services.retention.settings import Settings
from services.retention.store.record_writer import Recorder
from services.retention.workers.evidence import EvidenceMaker
from services.retention.workers.packager import Packager
from services.retention.workers.passes import PassWorker
from services.retention.workers.purger import Purger
from shared.core.periodic import PeriodicTask
from shared.events.signed_captures import CaptureProofs
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import needs
from shared.service.runtime import Task

MONTHS_EVERY_S = 6 * 3600
"""Interval of making partitions of coming months."""


@dataclass(frozen=True)
class RetentionService(ApiService):
    """One process of retention."""

    settings: Settings
    keys: SigningKeys
    recorder: Recorder
    proofs: CaptureProofs
    """Verifies that ingest signed the captures of reads and outcomes."""

    packager: Packager
    evidence: EvidenceMaker
    purger: Purger
    passes: PassWorker
    periodic: tuple[PeriodicTask, ...]
    """The periodic tasks of the workers."""

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> "RetentionService":
        """Build the service without starting it."""
        keys = SigningKeys(runtime.db)
        recorder = Recorder(
            runtime.db, runtime.clock, floor_days=runtime.policy.retention.floor_days
        )
        proofs = CaptureProofs(
            runtime.trust, runtime.clock, unsigned_until=settings.unsigned_captures_until
        )
        packager, evidence = Packager(runtime, keys), EvidenceMaker(runtime, keys)
        purger, passes = Purger(runtime, keys), PassWorker(runtime, settings)
        every_s, pass_every_s = settings.retention_work_every_s, settings.retention_pass_every_s
        periodic = (
            PeriodicTask("packager", packager.work, every_s, at_once=True),
            PeriodicTask("evidence", evidence.work, every_s, at_once=True),
            PeriodicTask("purger", purger.work, every_s, at_once=True),
            PeriodicTask("passes", passes.work, pass_every_s, at_once=True),
            PeriodicTask("months", recorder.make_ahead, MONTHS_EVERY_S, at_once=True),
        )
        return cls(
            runtime, settings, keys, recorder, proofs, packager, evidence, purger, passes, periodic
        )

    async def prepare(self) -> None:
        """Open the signing keys and make the partitions of coming months. Raises: KeyFault, Unavailable."""
        await self.keys.open(self.settings, self.runtime.clock.now())
        await self.recorder.make_ahead()

    def tasks(self) -> Sequence[Task]:
        """Return the periodic tasks, not started; none on the bus of a test, which runs the workers itself."""
        return self.periodic if self.runtime.live else ()

    def wake(self) -> None:
        """Run every periodic task now."""
        for task in self.periodic:
            task.wake()


Running = Annotated[RetentionService, needs(RetentionService)]
