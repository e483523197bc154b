"""Checks the ranges of a log, in this process or in several that share the work."""

import asyncio
import gc
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.range_check import CheckedRange, check_range
from services.audit.store.log import Log
from shared.core.merkle import Span
from shared.kafka.topics import AUDITOR
from shared.postgres.database import database_of
from shared.postgres.settings import DatabaseLink

ENTRIES = 25_000
"""The entries of a range."""

AHEAD = 2
"""Ranges that wait for a process, beside those that are being checked."""


class _Source(NamedTuple):
    """The log that a process reads."""

    link: DatabaseLink
    snapshot: str


@asynccontextmanager
async def checked_ranges(
    connection: AsyncConnection, size: int, link: DatabaseLink | None
) -> AsyncIterator[AsyncIterator[CheckedRange]]:
    """Give the checked ranges of a log of `size` entries, in order, as of the snapshot of `connection`.

    With a `link`, as many processes as there are cores check them, each with connections to the same snapshot.
    """
    spans = [Span(start, min(start + ENTRIES, size)) for start in range(0, size, ENTRIES)]
    processes = min(len(spans), len(os.sched_getaffinity(0)))
    if link is None or processes < 2:
        yield _alone(connection, spans)
        return
    source = _Source(link, await Log(connection).export_snapshot())
    # Forked: the link's TLS context cannot be serialised.
    fork = get_context("fork")
    with ProcessPoolExecutor(processes, fork, initializer=_begin, initargs=(source,)) as pool:
        rest = iter(spans)
        waiting = deque(pool.submit(_checked, span) for span in _some(rest, processes + AHEAD))

        async def shared() -> AsyncIterator[CheckedRange]:
            while waiting:
                checked = await asyncio.wrap_future(waiting.popleft())
                waiting.extend(pool.submit(_checked, span) for span in _some(rest, 1))
                yield checked

        try:
            yield shared()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


async def _alone(connection: AsyncConnection, spans: Iterable[Span]) -> AsyncIterator[CheckedRange]:
    for span in spans:
        yield await check_range(connection, span)


def _some(spans: Iterator[Span], count: int) -> list[Span]:
    return [span for _, span in zip(range(count), spans, strict=False)]


_sources: list[_Source] = []
"""The source of this process, if it is one of the pool."""


def _begin(source: _Source) -> None:
    # A terminal's Ctrl-C is the parent's to handle: a worker that ends by it leaves the pool waiting for ever.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The collector need not visit the program's own objects, as often as entries are decoded: a fifth of the time.
    gc.freeze()
    _sources[:] = [source]


def _checked(span: Span) -> CheckedRange:
    return asyncio.run(_check(_sources[0], span))


async def _check(source: _Source, span: Span) -> CheckedRange:
    async with database_of(source.link, AUDITOR) as db, db.begin() as connection:
        await Log(connection).snapshot(source.snapshot)
        return await check_range(connection, span)
