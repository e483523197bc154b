"""Publishes the time up to which the log contains all audited partitions (ADR-0024)."""

from collections import deque
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.audit.actions.upgrade import ends_by
from services.audit.domain.findings import a_finding
from services.audit.settings import GROUP
from services.audit.store.before_macs import Ends
from services.audit.store.findings import Findings
from shared.core.errors import DependencyDown
from shared.core.periodic import PeriodicTask
from shared.events import LogCovered
from shared.kafka.client import stop_client
from shared.service.api_runtime import ApiRuntime
from shared.service.coverage import REPORTED_AFTER_S

EVERY_S = 10.0
MOST_PROBES = 2000


class CoverageReport:
    """Records the partitions' end offsets and checks later whether audit has committed them.

    Audit commits an offset once its entries are durable. Once the ends of a record are committed, the log therefore
    contains every event up to the record's time. If no event is published, the newest record is covered at once.
    """

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self._since = runtime.clock.now()
        self._probes: deque[tuple[datetime, Ends]] = deque()
        self._until: datetime | None = None
        self._clients: tuple[AIOKafkaAdminClient, AIOKafkaConsumer] | None = None

    async def report(self) -> None:
        """Publish the log's coverage, and raise a finding if the log is behind.

        Raises: DependencyDown if Kafka does not answer; Unavailable if Postgres does not.
        """
        if not self._runtime.live:
            return
        now = self._runtime.clock.now()
        self.note(now, *await self._ends_and_committed())
        if self._until is not None:
            covered = LogCovered(occurred_at=now, covered_until=self._until)
            await self._runtime.bus.publish([covered])
        await self.check_lag(now)

    async def _ends_and_committed(self) -> tuple[Ends, Ends]:
        """Return the end and the committed offsets. The clients stay open for the next report.

        Raises: DependencyDown if Kafka does not answer.
        """
        kafka = self._runtime.kafka
        try:
            if self._clients is None:
                self._clients = kafka.admin(), kafka.consumer(enable_auto_commit=False)
                for client in self._clients:
                    await client.start()
            admin, consumer = self._clients
            ends = await ends_by(consumer)
            return ends, await committed(admin, consumer, ends)
        except (KafkaError, OSError) as exc:
            await self.close()
            raise DependencyDown(await kafka.fault()) from exc
        except BaseException:  # a cancelled report may leave a client half started
            await self.close()
            raise

    async def close(self) -> None:
        """Close the clients; the next report connects again."""
        if self._clients is None:
            return
        (admin, consumer), self._clients = self._clients, None
        await stop_client(consumer)
        await admin.close()

    def note(self, now: datetime, ends: Ends, done: Ends) -> None:
        """Record the partitions' ends at `now`, and advance the coverage by the committed offsets `done`."""
        self._probes.append((now, ends))
        while self._probes and all(
            done.get(partition, 0) >= end for partition, end in self._probes[0][1].items()
        ):
            self._until, _ = self._probes.popleft()
        if len(self._probes) > MOST_PROBES:  # behind for hours: a coarser measure is enough
            self._probes = deque(list(self._probes)[::2])

    @property
    def until(self) -> datetime | None:
        """The time up to which the log contains all audited events; None while this process does not know it."""
        return self._until

    async def check_lag(self, now: datetime) -> None:
        """Raise a finding, at most one an hour, if the log is behind by more than `REPORTED_AFTER_S`."""
        since = self._until or self._since
        behind = now - since
        if behind <= timedelta(seconds=REPORTED_AFTER_S):
            return
        finding = a_finding(
            "log_behind",
            "audit",
            now,
            f"{now:%Y-%m-%dT%H}",
            since=since.isoformat(),
            delay_s=int(behind.total_seconds()),
        )
        async with self._runtime.db.begin() as connection:
            await Findings(connection, self._runtime.service).raise_once(finding)


async def committed(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, ends: Ends) -> Ends:
    """Return the offset that audit's group has committed in each partition.

    Events that Kafka has deleted count as committed, because audit can no longer append them.
    """
    offsets = await admin.list_consumer_group_offsets(GROUP)
    done = {(p.topic, p.partition): max(0, at.offset) for p, at in offsets.items()}
    waiting = [TopicPartition(*p) for p, end in ends.items() if done.get(p, 0) < end]
    begins = await consumer.beginning_offsets(waiting) if waiting else {}
    for p, begin in begins.items():
        key = (p.topic, p.partition)
        done[key] = max(begin, done.get(key, 0))
    return done


class CoverageTask(PeriodicTask):
    """Reports the coverage every 10 s, and closes its clients when it stops."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self.report = CoverageReport(runtime)
        super().__init__("coverage", self.report.report, EVERY_S, at_once=True)

    async def stop(self) -> None:
        """Stop the task, then close its clients."""
        await super().stop()
        await self.report.close()
