"""Finds orphans: objects that no record names, so that a purge of records misses them.

A run sweeps after it has destroyed its records and before its certificate, on the same authority, and leaves
two days before the run's cutoff alone. It lists only earlier days, camera by camera. One transaction saves the
counts of a page together with its last key, so a crash, the end of a turn or another purger neither loses nor
repeats a page. Orphans join the run's other objects to delete; those in doubt stay and are counted. Keys are
never logged: they contain a camera and a time.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.orphans import (
    DATED,
    PACKAGES,
    SETTLED,
    Bounds,
    Day,
    SweepAction,
    cutoff,
    day_of,
    id_in,
    is_settled,
    sweep_action,
)
from services.retention.store.orphans import Named, Orphans, SweepCounts
from services.retention.store.runs import DueRun, Runs
from shared.core.errors import DependencyDown, NotFound, Unavailable
from shared.objects.store import PAGE, Stored
from shared.service.api_runtime import ApiRuntime

T = TypeVar("T")

log = logging.getLogger(__name__)

DELETED = Counter(
    "alpr_orphans_deleted", "Objects without a record that sweeps listed for deletion"
)
LEFT = Gauge(
    "alpr_orphans_left",
    "Objects that the last complete sweep left: in doubt, or with an odd name",
    ["why"],
)

TURN_S = 60.0
"""Length of a turn; a longer sweep continues in the next turn, so that the purger's other work gets done."""

_END = "\U0010ffff"
"""Sorts after every name: `folder + _END` means that the folder is done."""


class _Unlisted(Exception):
    """The object store answers but cannot list a folder: the folder contains an invalid key."""


class _TurnOver(Exception):
    """This turn ends: the next one continues, another purger does, or the run may not continue."""


class Sweeper:
    """Sweeps for runs that have destroyed their records."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def sweep(self, run: DueRun) -> None:
        """Continue the run's sweep for one turn. Raises: Unavailable."""
        try:
            await _Sweep(self._runtime, run).resume()
        except _TurnOver:
            return


class _Sweep:
    """One turn. An exception discards it with its unsaved counts."""

    def __init__(self, runtime: ApiRuntime, run: DueRun) -> None:
        self._runtime = runtime
        self._objects = runtime.objects
        self._run_id = run.run_id
        self._now = runtime.clock.now()
        self._cutoff = cutoff(run.before)
        self._bounds = Bounds.of(run.before, self._now)
        self._tally = SweepCounts(begun=run.sweep_after)
        self._ends_at = asyncio.get_running_loop().time() + TURN_S

    async def resume(self) -> None:
        """Sweep to the end. Raises: _TurnOver if the turn ends before; Unavailable."""
        try:
            for folder in DATED:
                if not self._is_behind(f"{folder}/"):
                    await self._sweep_level(folder)
            await self._sweep_packages()
        except _Unlisted:
            raise DependencyDown("the object store does not list") from None
        async with self._runtime.db.begin() as connection:
            await self._claim(connection)
            await Orphans(connection).save_progress(self._run_id, self._tally)
            await Orphans(connection).end(self._run_id, self._now)
            await Orphans(connection).forget(self._now)
            run = await Runs(connection).due(self._run_id)
        LEFT.labels("in doubt").set(run.orphans_left)
        LEFT.labels("odd").set(run.odd_objects)
        log.info(
            "purge %s: %d objects without a record are deleted, %d are in doubt, %d have odd names",
            run.run_id,
            run.orphans,
            run.orphans_left,
            run.odd_objects,
        )

    async def _sweep_level(self, folder: str) -> None:
        level = await self._listed(self._objects.level(folder))
        entries = [*(f"{one}/" for one in level.folders), *(one.key for one in level.objects)]
        for entry in sorted(entries):
            if self._is_behind(entry):
                continue
            if not entry.endswith("/"):
                self._tally.odd += 1
                self._tally.after = entry
                continue
            try:
                await self._sweep_folder(entry.removesuffix("/"))
            except _Unlisted:
                log.warning("purge %s: a folder cannot be listed and is counted", self._run_id)
                self._tally.odd += 1
            self._tally.after = f"{entry}{_END}"
            await self._pause()

    async def _sweep_folder(self, folder: str) -> None:
        match sweep_action(folder, self._bounds):
            case SweepAction.INTO:
                await self._sweep_level(folder)
            case SweepAction.SWEEP:
                await self._sweep_day(day_of(folder))
            case SweepAction.ODD:
                await self._count_odd(folder)
            case SweepAction.PASS:
                pass

    async def _listed(self, listing: Awaitable[T]) -> T:
        """Return a listing. Raises: _Unlisted; Unavailable if the store does not answer a ping either."""
        try:
            return await listing
        except (NotFound, Unavailable) as exc:
            await self._objects.ping()
            raise _Unlisted from exc

    def _is_behind(self, entry: str) -> bool:
        """Return whether the sweep has passed an object, or a whole folder."""
        after = self._tally.after
        if after is None or entry > after:
            return False
        in_it = entry.endswith("/") and after.startswith(entry)
        return not in_it or after == f"{entry}{_END}"

    async def _pages(self, folder: str) -> AsyncIterator[Sequence[Stored]]:
        """Yield the remaining pages of a folder; the caller moves `after` to the end of each page."""
        full = True
        while full:
            begun = self._tally.after is not None and self._tally.after.startswith(f"{folder}/")
            after = self._tally.after if begun else None
            page = await self._listed(self._objects.page(folder, after=after, limit=PAGE))
            full = len(page) == PAGE
            if page:
                yield page

    async def _count_odd(self, folder: str) -> None:
        async for page in self._pages(folder):
            self._tally.odd += len(page)
            self._tally.after = page[-1].key
            await self._pause()

    async def _sweep_day(self, day: Day) -> None:
        """Sweep a day. A day without orphans is stored as clean and skipped by later sweeps."""
        async with self._runtime.db.begin() as connection:
            if await Orphans(connection).is_clean(day.folder):
                return
        after = self._tally.after
        clean = after is None or not after.startswith(
            f"{day.folder}/"
        )  # else an earlier turn swept some pages
        left = 0
        async for page in self._pages(day.folder):
            found = await self._sweep_page(day, page)
            DELETED.inc(found.deleted)
            clean = clean and not found.left and not found.odd
            left += len(page) - found.deleted
            await self._pause()
        if clean and left and day.end <= self._cutoff - SETTLED:
            async with self._runtime.db.begin() as connection:
                await Orphans(connection).remember(day.folder, self._now)

    async def _sweep_page(self, day: Day, page: Sequence[Stored]) -> SweepCounts:
        named = _named(page, day.folder)
        async with self._runtime.db.begin() as connection:
            await self._claim(connection)
            found = await Orphans(connection).without_record(day, named)
            go = found - {one.key for one in page if not is_settled(one.put_at, self._now)}
            if go:
                go -= await Orphans(connection).held(day, named)
            if go and not await Orphans(connection).is_known(day):
                go = set()
            if go and await Orphans(connection).has_pending_event(day.folder):
                go = set()
            return await self._write_down(connection, page, named, found, go)

    async def _sweep_packages(self) -> None:
        """Sweep packages by the time of their upload: their keys contain no date."""
        if self._is_behind(f"{PACKAGES}/"):
            return
        async for page in self._pages(PACKAGES):
            named = _named(page, PACKAGES)
            old = {one.key for one in page if one.put_at < self._cutoff}
            async with self._runtime.db.begin() as connection:
                await self._claim(connection)
                found = await Orphans(connection).without_release(named, self._now)
                go = found = found & old
                if go and await Orphans(connection).has_pending_event(PACKAGES):
                    go = set()
                of_page = await self._write_down(connection, page, named, found, go)
            DELETED.inc(of_page.deleted)
            await self._pause()

    async def _claim(self, connection: AsyncConnection) -> None:
        if not await Orphans(connection).may_go_on(self._run_id, self._tally.begun):
            raise _TurnOver

    async def _write_down(
        self,
        connection: AsyncConnection,
        page: Sequence[Stored],
        named: Sequence[Named],
        found: set[str],
        go: set[str],
    ) -> SweepCounts:
        """List `go`, of the orphans `found` in a page, for deletion; save and return the page's counts."""
        tally = self._tally
        deleted = await Orphans(connection).doom(self._run_id, sorted(go))
        of_page = SweepCounts(begun=tally.begun, after=page[-1].key)
        of_page.deleted, of_page.left = deleted, len(found) - len(go)
        of_page.odd = len(page) - len(named)
        tally.deleted += of_page.deleted
        tally.left += of_page.left
        tally.odd += of_page.odd
        tally.after = of_page.after
        await Orphans(connection).save_progress(self._run_id, tally)
        self._tally = SweepCounts(begun=of_page.after)
        return of_page

    async def _pause(self) -> None:
        """Save the counts and end the turn if its time is over. Raises: _TurnOver."""
        if asyncio.get_running_loop().time() < self._ends_at:
            return
        async with self._runtime.db.begin() as connection:
            await self._claim(connection)
            await Orphans(connection).save_progress(self._run_id, self._tally)
        raise _TurnOver


def _named(page: Sequence[Stored], folder: str) -> list[Named]:
    ids = ((one.key, id_in(one.key, folder)) for one in page)
    return [Named(key, one) for key, one in ids if one is not None]
