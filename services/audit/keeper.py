"""What audit does by the clock: checkpoints, findings, and an eye on its own consumer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from services.audit.settings import Settings
from services.audit.store.findings import Findings, a_finding
from services.audit.watch import Watch
from services.audit.writer import Writer
from shared.errors import AlprError
from shared.runtime import Runtime

log = logging.getLogger(__name__)


class Keeper:
    """Runs the loops until stopped; a turn that fails is tried again, and never stops the log."""

    def __init__(self, runtime: Runtime, settings: Settings, writer: Writer) -> None:
        self._runtime = runtime
        self._settings = settings
        self._writer = writer
        self._watch = Watch(runtime, settings)
        self._standing_since: datetime | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin in the background."""
        loops: list[tuple[str, float, Callable[[], Awaitable[object]]]] = [
            ("checkpoints", self._settings.audit_checkpoint_s, self._writer.sign_if_grown),
            ("findings", self._settings.audit_watch_s, self._watch.catch_up),
            ("standstill", self._settings.audit_stall_minutes * 60 / 10, self.look_at_consumer),
        ]
        self._tasks = [
            asyncio.create_task(_repeat(every_s, turn, name), name=name)
            for name, every_s, turn in loops
        ]

    async def stop(self) -> None:
        """Stop the loops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def look_at_consumer(self) -> None:
        """Raise a finding when what feeds the log has stood still too long (CJIS AU-5: within an hour)."""
        state = await self._runtime.check()
        fault = state.get("consumers")
        if fault is None and state["kafka"] != "ok":
            fault = state["kafka"]
        now = self._runtime.clock.now()
        if fault is None:
            self._standing_since = None
            return
        since = self._standing_since or now
        self._standing_since = since
        if now - since < timedelta(minutes=self._settings.audit_stall_minutes):
            return
        log.error("the audit log stands still since %s: %s", since.isoformat(), fault)
        finding = a_finding(
            "log_failure", "audit", now, since, since=since.isoformat(), fault=fault
        )
        async with self._runtime.db.begin() as connection:
            await Findings(connection, self._runtime.service).raise_once(finding)


async def _repeat(every_s: float, turn: Callable[[], Awaitable[object]], name: str) -> None:
    while True:
        await asyncio.sleep(every_s)
        try:
            await turn()
        except AlprError as exc:
            log.warning("%s wait: %s", name, exc.detail)
        except Exception:
            log.exception("%s failed; tried again in %.0f s", name, every_s)
