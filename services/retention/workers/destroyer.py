"""Destroys the due records of a run in steps, each as large as the times of those before it allow."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from services.retention.domain.destruction import State
from services.retention.store.destroying import (
    LEFT_BEHIND,
    LONG_AGO,
    Destruction,
    StepOutdated,
    Window,
)
from services.retention.store.locks import LOCK_NOT_AVAILABLE
from services.retention.store.partitions import TABLES, Month, Partitions
from services.retention.store.runs import DueRun, Runs
from services.retention.store.slices import NOWHERE, Slice, Span
from shared.core.errors import DependencyDown
from shared.postgres.database import sqlstate
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

T = TypeVar("T")
P = TypeVar("P")
Work = Callable[[Destruction], Awaitable[T]]

ATTEMPTS = 200
"""Tries of a step in one turn; new holds and records, and locks, may interrupt that many."""

PAUSE_S = 0.1
"""Pause after a step that met a lock; storing and searching go on meanwhile."""

ROUNDS = 20
"""Tries to drop a month in one turn; before each, its slices get the holds and changes that they miss."""

STEP_S = 0.5
"""Time that a step should take."""

FEWEST, MOST = 500, 50_000
"""Bounds of the records of one step."""

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=31)
"""Bounds of the span of one step."""


class RunStopped(Exception):
    """The run was withdrawn, or another worker ended it."""


class Pace:
    """How many rows a step handles, by the time that the last ones took for them.

    A step without rows shows what any step costs, however few its rows: each hold in force has statements of its own.
    """

    def __init__(self) -> None:
        self.rows = 4 * FEWEST
        self._empty_s: float | None = None

    def learn(self, rows: int, duration_s: float) -> None:
        """Adapt to a step that handled `rows` rows."""
        empty_s = self._empty_s
        if rows:
            of_rows_s = max(duration_s - (empty_s or 0.0), duration_s / 100)
            wanted = int(rows * STEP_S / of_rows_s)
            self.rows = max(FEWEST, min(MOST, 2 * self.rows, wanted))
        else:
            self._empty_s = duration_s if empty_s is None else min(empty_s, duration_s)


class Destroyer:
    """Destroys the records of runs."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def destroy(self, run: DueRun) -> None:
        """Destroy all due records of a run, oldest month first, then what their destruction leaves behind.

        Raises: RunStopped; DependencyDown if locks or holds interrupt a step too often.
        """
        async with self._runtime.db.begin() as connection:
            months = await Partitions(connection).months()
        for month in months:
            if month.end <= run.before:
                await self._destroy_month(run, month)
            elif month.start < run.before:
                await self._destroy_part(run, month.start, run.before)
        await self._destroy_freed(run)
        await self._tidy(run)

    async def _destroy_month(self, run: DueRun, month: Month) -> None:
        """Prepare a month and drop it; whatever step the work ends after, the next turn goes on from there."""
        await self._run_step(run, lambda d: d.begin_month(month))
        pace = Pace()
        for _ in range(ROUNDS):
            seen = await self._run_step(run, lambda d: d.last_change(month))
            await self._refresh(run, month, seen)
            await self._prepare(run, month, seen, pace)
            if await self._run_step(run, lambda d: d.drop(run.run_id, month)):
                return
            log.info(
                "purge %s: records or holds came; a part of the month is prepared again", run.run_id
            )
        raise DependencyDown("the purge could not drop a month")

    async def _refresh(self, run: DueRun, month: Month, seen: int) -> None:
        for stale in await self._run_step(run, lambda d: d.stale(run.run_id, month)):
            await self._prepare_again(run, stale, seen)

    async def _prepare_again(self, run: DueRun, stale: Slice, seen: int) -> None:
        await self._run_step(run, lambda d: d.prepare_again(run.run_id, stale, seen))

    async def _prepare(self, run: DueRun, month: Month, seen: int, pace: Pace) -> None:
        start = await self._run_step(run, lambda d: d.prepared_to(run.run_id, month))
        await self._in_windows(
            run, start, month.end, pace, lambda d, span: d.prepare(run.run_id, span, seen)
        )

    async def _destroy_part(self, run: DueRun, start: datetime, end: datetime) -> None:
        await self._in_windows(run, start, end, Pace(), lambda d, span: d.destroy(run.run_id, span))

    async def _in_windows(
        self,
        run: DueRun,
        start: datetime,
        end: datetime,
        pace: Pace,
        work: Callable[[Destruction, Span], Awaitable[None]],
    ) -> None:
        """Work on adjacent windows from `start` to `end`, each of about as many rows as the pace allows."""
        length = timedelta(hours=1)
        while start < end:
            window, length = await self._window(start, end, length, pace.rows)
            began = perf_counter()
            await self._work_on(run, window.span, work)
            pace.learn(window.rows, perf_counter() - began)
            start = window.span.end

    async def _work_on(
        self, run: DueRun, span: Span, work: Callable[[Destruction, Span], Awaitable[None]]
    ) -> None:
        await self._run_step(run, lambda d: work(d, span))

    async def _window(
        self, start: datetime, end: datetime, length: timedelta, rows: int
    ) -> tuple[Window, timedelta]:
        """Return the next window, and the length to try for the one after it."""
        while True:
            async with self._runtime.db.begin() as connection:
                stop = min(start + length, end)
                window = await Destruction(connection).window(start, stop, rows + 1)
            if window.rows <= rows or length <= SHORTEST:
                break
            length = max(SHORTEST, length / 2)
        return window, min(LONGEST, 2 * length) if 2 * window.rows < rows else length

    async def _destroy_freed(self, run: DueRun) -> None:
        """Destroy the records that released holds free."""
        for table in TABLES:
            await self._in_pieces(
                run,
                NOWHERE,
                partial(_destroy_freed, run=run, table=table),
            )

    async def _tidy(self, run: DueRun) -> None:
        """Delete past places of devices, changes of what is destroyed, and flags and passes without reads."""
        await self._run_step(run, lambda d: d.forget_changes(run.run_id, run.before))
        while await self._run_step(run, lambda d: d.tidy_day(run.before)):
            pass
        for table in LEFT_BEHIND:
            await self._in_pieces(run, LONG_AGO, partial(_tidy, run=run, table=table))

    async def _in_pieces(
        self, run: DueRun, after: P, work: Callable[[Destruction, P, int], Awaitable[P | None]]
    ) -> None:
        """Repeat a step from where the last one ended, each of as many rows as the pace allows."""
        pace = Pace()
        following: P | None = after
        while following is not None:
            began, most = perf_counter(), pace.rows
            following = await self._piece(run, following, most, work)
            pace.learn(most, perf_counter() - began)

    async def _piece(
        self,
        run: DueRun,
        after: P,
        most: int,
        work: Callable[[Destruction, P, int], Awaitable[P | None]],
    ) -> P | None:
        return await self._run_step(run, lambda d: work(d, after, most))

    async def _run_step(self, run: DueRun, work: Work[T]) -> T:
        """Do a step in a transaction; repeat it if a hold is placed or a record stored, or a lock is not to be had.

        Raises: RunStopped; DependencyDown.
        """
        for _ in range(ATTEMPTS):
            try:
                async with self._runtime.db.begin() as connection:
                    found = await Runs(connection).get(run.run_id, lock=True)
                    if found is None or found.state is not State.EXECUTING:
                        raise RunStopped
                    return await work(Destruction(connection))
            except StepOutdated as exc:
                log.info("purge %s: %s; the step starts again", run.run_id, type(exc).__name__)
            except DBAPIError as exc:
                if sqlstate(exc) != LOCK_NOT_AVAILABLE:
                    raise
                await asyncio.sleep(PAUSE_S)
        raise DependencyDown("the purge could not lock its records")


async def _destroy_freed(
    destruction: Destruction, after: UUID, most: int, *, run: DueRun, table: str
) -> UUID | None:
    return await destruction.destroy_freed(run.run_id, run.before, table, after, most)


async def _tidy(
    destruction: Destruction, after: datetime, most: int, *, run: DueRun, table: str
) -> datetime | None:
    return await destruction.tidy(table, run.before, after, most)
