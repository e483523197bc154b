"""Faults of processes, disks and the object store."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from local.stack.data import port_of
from local.stack.postgres import Postgres
from tests.chaos.installation import signal_all
from tests.dashboards.site import Cause, Site
from tests.prometheus import at_every_s

RUNS_S, STANDS_S = 0.04, 0.44
"""Of a part that is slowed: in a second it still answers Prometheus."""
FILLED_BYTES = 6 * 2**30
"""What `disk_filled` takes of the disk."""


def stopped(*parts: str) -> Cause:
    """Stop parts, as a machine that hangs."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        pids = [pid for part in parts for pid in site.pids(part)]
        signal_all(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            signal_all(pids, signal.SIGCONT)

    return during


def slowed(part: str) -> Cause:
    """Let a part run for a twelfth of the time, as on a machine that does too much else."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        slowing = asyncio.create_task(_slow(site.pids(part)))
        try:
            yield
        finally:
            slowing.cancel()
            await asyncio.wait([slowing])

    return during


async def _slow(pids: Sequence[int]) -> None:
    try:
        while True:
            signal_all(pids, signal.SIGSTOP)
            await asyncio.sleep(STANDS_S)
            signal_all(pids, signal.SIGCONT)
            await asyncio.sleep(RUNS_S)
    finally:
        signal_all(pids, signal.SIGCONT)


def hung_for(part: str, hung_s: float) -> Cause:
    """Stop a part for so long: what waited meanwhile comes late."""

    @asynccontextmanager
    async def during(site: Site) -> AsyncIterator[None]:
        async with stopped(part)(site):
            await asyncio.sleep(hung_s)
        yield

    return during


@asynccontextmanager
async def objects_away(site: Site) -> AsyncIterator[None]:
    """Take the object store's folder away, and leave a file in its place."""
    objects, away = site.folder / "objects", site.folder / "objects.away"
    objects.rename(away)
    objects.touch()
    try:
        yield
    finally:
        objects.unlink()
        away.rename(objects)


@asynccontextmanager
async def unknown_targets(site: Site) -> AsyncIterator[None]:
    """Have Prometheus find no service."""
    lost = {"job_name": "plateward", "static_configs": []}
    config = {"global": at_every_s(1), "scrape_configs": [lost]}
    await asyncio.to_thread(site.prometheus.reload, config)
    try:
        yield
    finally:
        await asyncio.to_thread(site.prometheus.reload)


@asynccontextmanager
async def workers_killed(site: Site) -> AsyncIterator[None]:
    """Kill recognition's workers, as the kernel does when memory is short."""
    for _ in range(6):
        below = site.pids("recognition")[1:]
        signal_all(below, signal.SIGKILL)
        await asyncio.sleep(2)
    yield


@asynccontextmanager
async def checkpoints_locked(site: Site) -> AsyncIterator[None]:
    """Lock the table of checkpoints against writing, as maintenance in a transaction that does not end."""
    async with owner(site) as connection, connection.transaction():
        await connection.execute("LOCK TABLE audit.checkpoints IN EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def owner(site: Site) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection to the stack's database as the tables' owner."""
    servers = site.folder / "postgres"
    connection = await asyncpg.connect(Postgres(servers, port=port_of(servers)).url())
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def disk_filled(site: Site) -> AsyncIterator[None]:
    """Take more of the disk than the rules in a hurry allow, by a file of zeros. Raises: OSError without the room."""
    del site
    with tempfile.TemporaryFile(prefix="plateward-filling-") as file:
        os.posix_fallocate(file.fileno(), 0, FILLED_BYTES)
        yield


def mount_point(folder: Path) -> Path:
    """Return where the disk of a folder is mounted."""
    return next(one for one in (folder, *folder.parents) if one.is_mount())
