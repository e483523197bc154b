"""The running service: the objects that routes and consumers use."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from services.retention.actions.heavy_searches import HeavySearches
from services.retention.actions.searches import ReadSearch
from services.retention.actions.signer import SigningKeys
from services.retention.settings import Settings
from services.retention.store.record_writer import Recorder
from services.retention.store.replica import Replica
from services.retention.workers import missed_purges
from services.retention.workers.accuracy import AccuracyMeter
from services.retention.workers.evidence import EvidenceMaker
from services.retention.workers.hold_reviews import HoldReviewer
from services.retention.workers.month_counts import MonthCounter
from services.retention.workers.packager import Packager
from services.retention.workers.pass_process import PassProcesses
from services.retention.workers.pass_progress import show
from services.retention.workers.passes import PassWorker
from services.retention.workers.purger import Purger
from shared.core.periodic import PeriodicTask
from shared.events.signed_captures import CaptureProofs
from shared.postgres.database import Database
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.month_counts import MonthReport
from shared.service.running import needs
from shared.service.runtime import Task

MONTHS_EVERY_S = 6 * 3600
"""Interval of making partitions of coming months."""

HEARTBEAT_EVERY_S = 1
"""Interval of the times by which a read replica shows how far it is behind."""


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
    reviewer: HoldReviewer
    accuracy: AccuracyMeter
    purger: Purger
    passes: PassWorker
    """Votes in this process, as tests do."""
    vote: PassProcesses
    search: ReadSearch
    replica: Replica | None
    """The read replica that answers searches, if one is set."""

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
        reviewer = HoldReviewer(runtime)
        accuracy = AccuracyMeter(runtime, settings.retention_crop_reader)
        purger = Purger(runtime, keys)
        passes = PassWorker(runtime.db, runtime.clock, runtime.service, settings, show=show)
        vote = PassProcesses(runtime, settings, passes)
        every_s, pass_every_s = settings.retention_work_every_s, settings.retention_pass_every_s
        replica = _replica_of(runtime, settings)
        periodic = (
            PeriodicTask("packager", packager.work, every_s, at_once=True),
            PeriodicTask("evidence", evidence.work, every_s, at_once=True),
            PeriodicTask("hold_reviews", reviewer.work, every_s, at_once=True),
            PeriodicTask("accuracy", accuracy.work, every_s, at_once=True),
            PeriodicTask("purger", purger.work, every_s, at_once=True),
            missed_purges.task(runtime),
            PeriodicTask("passes", vote.work, pass_every_s, at_once=True),
            PeriodicTask("months", recorder.make_ahead, MONTHS_EVERY_S, at_once=True),
            MonthReport(runtime, MonthCounter(runtime).count).task,
            *_heartbeat_of(replica),
        )
        return cls(
            runtime=runtime,
            settings=settings,
            keys=keys,
            recorder=recorder,
            proofs=proofs,
            packager=packager,
            evidence=evidence,
            reviewer=reviewer,
            accuracy=accuracy,
            purger=purger,
            passes=passes,
            vote=vote,
            search=_search_of(runtime, settings, replica),
            replica=replica,
            periodic=periodic,
        )

    async def prepare(self) -> None:
        """Open the signing keys and make the partitions of coming months. Raises: KeyFault, Unavailable."""
        await self.keys.open(self.settings, self.runtime.clock.now())
        await self.recorder.make_ahead()

    def tasks(self) -> Sequence[Task]:
        """Return the periodic tasks, not started; none on the bus of a test, which runs the workers itself."""
        return self.periodic if self.runtime.live else ()

    async def finish(self) -> None:
        """End the vote, and close the connections to the read replica."""
        await self.vote.close()
        if self.replica is not None:
            await self.replica.close()

    def wake(self) -> None:
        """Run every periodic task now."""
        for task in self.periodic:
            task.wake()


def _search_of(runtime: ApiRuntime, settings: Settings, replica: Replica | None) -> ReadSearch:
    # Each heavy search holds a connection of the pool, and others need one, too.
    at_once = min(settings.retention_heavy_searches, settings.database_pool_size)
    return ReadSearch(runtime, HeavySearches(at_once), settings.retention_search_timeout_s, replica)


def _replica_of(runtime: ApiRuntime, settings: Settings) -> Replica | None:
    link = settings.replica_link()
    if link is None:
        return None
    database = Database(link, runtime.service, pool_size=settings.database_pool_size)
    most_behind = timedelta(seconds=settings.retention_replica_most_behind_s)
    return Replica(runtime.db, database, most_behind=most_behind)


def _heartbeat_of(replica: Replica | None) -> Sequence[PeriodicTask]:
    if replica is None:
        return ()
    return (PeriodicTask("heartbeat", replica.send_heartbeat, HEARTBEAT_EVERY_S, at_once=True),)


Running = Annotated[RetentionService, needs(RetentionService)]
