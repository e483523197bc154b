"""Runs the vote on passes in processes of its own, so that it delays no storing, search or alert (ADR-0091).

The processes connect to Postgres themselves. This one learns from them what waits and what was decided, shows both in
`/metrics`, and relays the events to Kafka. A second process starts when more reads wait than one transaction takes, and
each votes on the devices of its share (ADR-0108).
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from time import process_time
from typing import Final

import uvloop

from services.retention.settings import Settings
from services.retention.workers.pass_progress import Voted, show
from services.retention.workers.passes import READS_AT_ONCE, SETS_AT_ONCE, PassWorker, Share
from shared.core.child_process import Child, ChildEnded, begin_as_child
from shared.core.clock import SystemClock
from shared.core.collector import spare_collector
from shared.core.errors import AlprError, InternalFault
from shared.core.logs import configure_logging
from shared.postgres.database import Database
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

ANSWERS_WITHIN_S: Final = 120.0
"""Twice the limit of a statement: a process that reports nothing for so long is killed and replaced."""

BEAT_S: Final = 30.0
LEAST_COMPUTED_S: Final = 0.5
"""How often a process that computes says so, and the CPU time since the last time that shows it."""

MOST_BEATS: Final = 120
"""An hour: a process that has no result by then is killed, too. A hard set would begin anew for ever otherwise."""


OBJECTS: Final = 200_000
"""New objects before the garbage collector looks at them: those of some sets, which end with their set."""

NICENESS: Final = 5
"""The process's share of a busy core is a third of another process's: an alert waits less for a vote."""


class VoteFailed(InternalFault):
    """The process that votes on passes ended or failed. The next run starts another, and nothing is lost."""

    title = "The vote on passes failed"


@dataclass(frozen=True, slots=True)
class Finished:
    """A run of the vote has ended."""

    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Computing:
    """A run goes on, and has nothing else to report yet."""


class PassProcesses:
    """The processes that vote, as many as what waits needs. Use from one task."""

    def __init__(self, runtime: ApiRuntime, settings: Settings, worker: PassWorker) -> None:
        self._worker = worker
        self._processes = [
            PassProcess(runtime, settings) for _ in range(settings.retention_pass_processes)
        ]
        self._able: list[PassProcess] = []
        """Those that the next turn uses, if others failed in this one; else it uses all."""

    @property
    def pids(self) -> list[int]:
        """The ids of those that run."""
        return [one.pid for one in self._processes if one.pid is not None]

    async def work(self) -> None:
        """Decide the passes of all reads that have settled by now. Raises: Unavailable, VoteFailed.

        A turn of which some processes fail is followed by one of the others: the devices of a process that cannot start
        would wait for ever otherwise, as long as there is enough for it to do.
        """
        reads = await self._worker.count_settled()
        if not reads:
            return
        voting = (self._able or self._processes)[: -(-reads // READS_AT_ONCE)]
        runs = (one.work(Share(number, len(voting))) for number, one in enumerate(voting))
        # Each finishes its share, whatever becomes of another's.
        faults = await asyncio.gather(*runs, return_exceptions=True)
        able = [one for one, fault in zip(voting, faults, strict=True) if fault is None]
        self._able = able if len(able) < len(voting) else []
        for fault in faults:
            if fault is not None:
                raise fault

    async def close(self) -> None:
        """End those that run. What they were deciding is rolled back, and decided by the next run."""
        for one in self._processes:
            await one.close()


class PassProcess:
    """One process, started when it first has a share, and replaced when it ended. Use from one task."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._settings = settings
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None if it does not run."""
        return None if self._child is None else self._child.pid

    async def work(self, share: Share) -> None:
        """Decide the passes of a share's reads that have settled by now. Raises: VoteFailed."""
        child = await self._running()
        try:
            finished = await self._run(child, share)
        except ChildEnded as exc:
            raise VoteFailed(str(exc)) from exc
        except asyncio.CancelledError:
            child.kill()
            raise
        if finished.fault is not None:
            raise VoteFailed(finished.fault)

    async def _running(self) -> Child:
        """Return the process; another one if it has ended."""
        if self._child is None or not self._child.is_alive():
            await self.close()
            service = self._runtime.service
            self._child = Child.spawn(vote, self._settings, service, name="vote on passes")
        return self._child

    async def _run(self, child: Child, share: Share) -> Finished:
        child.send(share, ANSWERS_WITHIN_S)
        beats = 0
        while True:
            message = await asyncio.to_thread(child.receive, ANSWERS_WITHIN_S)
            if isinstance(message, Finished):
                return message
            if isinstance(message, Computing):
                beats += 1
                if beats == MOST_BEATS:
                    child.kill()
                    raise ChildEnded(f"it computed for {beats * BEAT_S:g} s without a result")
                continue
            beats = 0
            show(message)
            if isinstance(message, Voted):
                self._runtime.relay.wake()

    async def close(self) -> None:
        """End the process, if it runs."""
        child, self._child = self._child, None
        if child is not None:
            await asyncio.to_thread(child.close)


def vote(pipe: Connection, settings: Settings, service: str) -> None:
    """Vote on each share that comes, until the pipe closes. The target of the process."""
    begin_as_child()
    os.nice(NICENESS)
    configure_logging(settings.log_format)
    spare_collector(OBJECTS)
    uvloop.run(_vote(pipe, settings, service))


async def _vote(pipe: Connection, settings: Settings, service: str) -> None:
    db = Database(
        settings.database_link(),
        service,
        pool_size=SETS_AT_ONCE,
        mac_key=settings.mac_key_of(service),
    )
    worker = PassWorker(db, SystemClock(), service, settings, show=pipe.send)
    try:
        while True:
            share = await asyncio.to_thread(pipe.recv)
            beating = asyncio.create_task(_beat(pipe.send))
            finished = await _finished(partial(worker.work, share))
            beating.cancel()
            pipe.send(finished)
    except (EOFError, OSError):
        return
    finally:
        await db.close()


async def _beat(send: Callable[[Computing], None]) -> None:
    """Say from time to time that the process computes. What it awaits of Postgres has limits of its own."""
    while True:
        used_s = process_time()
        await asyncio.sleep(BEAT_S)
        if process_time() - used_s >= LEAST_COMPUTED_S:
            send(Computing())


async def _finished(work: Callable[[], Awaitable[None]]) -> Finished:
    try:
        await work()
    except AlprError as exc:
        return Finished(exc.detail)
    except Exception as exc:  # of any kind: the next run may succeed
        log.exception("the vote on passes failed")
        return Finished(type(exc).__name__)
    return Finished()
