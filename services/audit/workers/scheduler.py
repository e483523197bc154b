"""Audit's periodic tasks: checkpoints, findings, and checks of its own consumer."""

import logging
from datetime import datetime, timedelta

from services.audit.actions.old_log import OldLogEnd
from services.audit.actions.writer import Writer
from services.audit.domain.findings import a_finding
from services.audit.settings import Settings
from services.audit.store.findings import Findings
from services.audit.workers.coverage import CoverageTask
from services.audit.workers.erasing import Eraser
from services.audit.workers.figures import EVERY_S as FIGURES_S
from services.audit.workers.figures import FigureCounter
from services.audit.workers.gauges import Gauges
from services.audit.workers.heartbeat import EVERY_S as HEARTBEAT_S
from services.audit.workers.heartbeat import Heartbeat
from services.audit.workers.notices import notice_tasks
from services.audit.workers.watch import Watch
from shared.core.periodic import PeriodicTask
from shared.kafka.disks import disks
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

OLD_LOG_S = 3600.0
"""Seconds between checks whether the previous log is due for destruction."""


class Scheduler:
    """The tasks that the runtime runs. A failed run is retried; it never stops the log."""

    def __init__(self, runtime: ApiRuntime, settings: Settings, writer: Writer) -> None:
        self._runtime = runtime
        self._settings = settings
        self._writer = writer
        self._watch = Watch(runtime, settings)
        self._stopped_since: datetime | None = None
        stall_s = settings.audit_stall_minutes * 60 / 10
        coverage = CoverageTask(runtime)
        self.tasks: tuple[PeriodicTask, ...] = (
            PeriodicTask("checkpoints", writer.sign_if_grown, settings.audit_checkpoint_s),
            PeriodicTask("first checkpoint", writer.sign_first, settings.audit_watch_s),
            PeriodicTask("findings", self._watch.catch_up, settings.audit_watch_s),
            PeriodicTask("erasing", Eraser(runtime, writer).catch_up, settings.audit_watch_s),
            PeriodicTask("old log", OldLogEnd(runtime).destroy_if_due, OLD_LOG_S),
            PeriodicTask("periods", self.fix_periods, settings.audit_watch_s),
            PeriodicTask("standstill", self.check_consumer, stall_s),
            PeriodicTask("disks of Kafka", self.check_disks, settings.audit_disk_s),
            coverage,
            Gauges(runtime).task,
            PeriodicTask("figures", FigureCounter(runtime).catch_up, FIGURES_S),
            *notice_tasks(runtime, settings),
        )
        if settings.audit_heartbeat_url:
            beat = Heartbeat(runtime, settings, coverage.report).beat
            self.tasks += (PeriodicTask("heartbeat", beat, HEARTBEAT_S),)

    async def fix_periods(self) -> int:
        """Append the entries that fix the ended periods of the audit plan; return their number."""
        fixed, months = 0, self._runtime.policy.audits.period_months
        while await self._writer.fix_period(months) is not None:
            fixed += 1
        return fixed

    async def check_disks(self) -> None:
        """Raise a finding, once a day, for each broker whose disk is at or above the limit.

        A full disk stops Kafka, and with it all recording.
        Raises: DependencyDown if Kafka does not answer; Unavailable if Postgres does not.
        """
        if not self._runtime.live:
            return
        now, limit = self._runtime.clock.now(), self._settings.audit_disk_share
        for disk in await disks(self._runtime.kafka):
            if disk.used < limit:
                continue
            log.error("the disk of Kafka's broker %d is %.0f%% full", disk.broker, 100 * disk.used)
            finding = a_finding(
                "kafka_disk",
                f"broker {disk.broker}",
                now,
                now.date(),
                used_percent=round(100 * disk.used),
                limit_percent=round(100 * limit),
            )
            async with self._runtime.db.begin() as connection:
                await Findings(connection, self._runtime.service).raise_once(finding)

    async def check_consumer(self) -> None:
        """Raise a finding if the log's consumer or Kafka has been stopped for too long (CJIS AU-5: within an hour)."""
        state = await self._runtime.check()
        fault = state.get("consumers")
        if fault is None and state["kafka"] != "ok":
            fault = state["kafka"]
        now = self._runtime.clock.now()
        if fault is None:
            self._stopped_since = None
            return
        since = self._stopped_since or now
        self._stopped_since = since
        if now - since < timedelta(minutes=self._settings.audit_stall_minutes):
            return
        log.error("the audit log has been stopped since %s: %s", since.isoformat(), fault)
        finding = a_finding(
            "log_failure", "audit", now, since, since=since.isoformat(), fault=fault
        )
        async with self._runtime.db.begin() as connection:
            await Findings(connection, self._runtime.service).raise_once(finding)
