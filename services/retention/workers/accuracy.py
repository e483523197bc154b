"""Measures requested reports on accuracy: reads crops of judged reads again, and stores counts alone (ADR-0085).

A crop is in the memory of this process and of the program that reads it until its read is counted. Counts are stored
once, at the end: a report that was cut off is measured from its beginning, with an access record of its own.
"""

import logging
from datetime import datetime, timedelta

from services.retention.actions.crop_engine import CropEngine, crop_engine
from services.retention.domain.accuracy import JudgedRead, Row, Tally
from services.retention.domain.problem_codes import Code
from services.retention.store.accuracy import AccuracyQueue, JudgedReads, Report
from services.retention.store.locks import ACCURACY, only_holder
from services.retention.workers.evidence import fault_of
from shared.access.system_grant import system_grant
from shared.core.errors import Conflict, NotFound
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

PIECE = 16
"""Reads between two checks that no purge has destroyed them."""

MAX_PAUSE = timedelta(minutes=10)
MAX_ATTEMPTS = 5
"""Tries of a report; each is an access to all of its reads, with a record of its own."""


class AccuracyMeter:
    """The worker. One of all replicas measures, one report at a time."""

    def __init__(self, runtime: ApiRuntime, crop_reader: str | None) -> None:
        """`crop_reader` is the command line of the program that reads crops; None without one."""
        self._runtime = runtime
        self._crop_reader = crop_reader

    @property
    def can_read(self) -> bool:
        """Whether this process has a program that reads crops."""
        return self._crop_reader is not None

    async def work(self) -> None:
        """Measure every waiting report, then delete reports that are past the schedule. Raises: Unavailable."""
        async with only_holder(self._runtime.db, ACCURACY) as is_only:
            if not is_only:
                return
            while await self._one():
                pass
            days = timedelta(days=self._runtime.policy.retention.schedule_days)
            async with self._runtime.db.begin() as connection:
                await AccuracyQueue(connection).end(self._runtime.clock.now() - days)

    async def _one(self) -> bool:
        """Measure one report; False if none waits."""
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            report = await AccuracyQueue(connection).next(now)
        if report is None:
            return False
        try:
            rows, engine = await self._measure(report)
        except Exception as exc:  # noqa: BLE001 - no error may block the other reports
            await self._not_measured(report, exc, now)
            return True
        async with self._runtime.db.begin() as connection:
            await AccuracyQueue(connection).measured(
                report.report_id, rows, engine=engine, at=self._runtime.clock.now()
            )
        return True

    async def _measure(self, report: Report) -> tuple[list[Row], str]:
        """Return the counts of a report, and the engine as `name@digest`.

        Raises: Conflict without a program; Unavailable.
        """
        if self._crop_reader is None:
            raise Conflict(Code.ACCURACY_WITHOUT_ENGINE)
        policy_file = self._runtime.settings.policy_file
        async with crop_engine(self._crop_reader, policy_file) as engine:
            judged = await self._disclosed(report)
            tally = Tally()
            for start in range(0, len(judged), PIECE):
                await self._count(judged[start : start + PIECE], engine, tally)
            return tally.rows(), engine.engine

    async def _disclosed(self, report: Report) -> list[JudgedRead]:
        """Return the reads to measure, once the access and each of them are on record."""
        grant = await system_grant(
            self._runtime,
            Permission.ACCURACY_MEASURE,
            on_behalf_of=report.requested_by,
            purpose=report.purpose,
            elements={
                "report_id": str(report.report_id),
                "captured_from": report.captured_from.isoformat(),
                "captured_to": report.captured_to.isoformat(),
                "device_ids": [str(device_id) for device_id in report.device_ids],
            },
            work="report on accuracy",
            agency_ori=Ori(report.agency_ori),
        )
        async with self._runtime.db.begin() as connection:
            return await JudgedReads(connection).of_report(grant, report)

    async def _count(self, judged: list[JudgedRead], engine: CropEngine, tally: Tally) -> None:
        """Read the crops of a piece and count them; skips what a purge has destroyed, and crops that are no image."""
        async with self._runtime.db.begin() as connection:
            stored = await JudgedReads(connection).still_stored([one.read_id for one in judged])
        for one in judged:
            if one.read_id not in stored:
                continue
            try:
                crop = await self._runtime.objects.get(one.crop_key)
            except NotFound:
                continue
            reading = await engine.read(crop)
            if reading is not None:
                tally.count(one, reading)

    async def _not_measured(self, report: Report, exc: Exception, now: datetime) -> None:
        """Schedule a retry; or fail the report if it cannot be measured or its tries are used up."""
        fault = fault_of(exc)
        if isinstance(exc, Conflict) or report.attempts + 1 >= MAX_ATTEMPTS:
            log.error("report on accuracy %s failed: %s", report.report_id, fault)
            async with self._runtime.db.begin() as connection:
                await AccuracyQueue(connection).failed(report.report_id, fault=fault)
            return
        pause = min(timedelta(seconds=2 ** min(report.attempts, 10)), MAX_PAUSE)
        log.warning("report on accuracy %s waits: %s; again in %s", report.report_id, fault, pause)
        async with self._runtime.db.begin() as connection:
            await AccuracyQueue(connection).again(report.report_id, again=now + pause, fault=fault)
