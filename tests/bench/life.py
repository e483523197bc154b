"""Measures the edge reads that pass the whole path, in everyday traffic: `make bench-reads`.

200 devices, whose clocks are up to 2 s off, post their reads: half of the POSTs have one read, the others 20 or 500.
A vehicle is read once to six times, so retention votes passes. 5% of the reads arrive hours late, in POSTs of 2,000; 2%
of the POSTs are sent twice; 1 read in 1,000 is a hit. The store begins with two million reads, and knows nine in ten of
the vehicles. All on this machine.

1. 120 s of that; the load waits whenever a consumer is more than a second or so behind, or passes are due for over
20 s. 30 s after the last POST, `lag_left` counts reads not stored, matched or logged by then, and spans whose passes
are due for over 20 s. 2. One read a POST. 3. From POST to the alert stream, at 1,000 reads/s. At the end the rows in
Postgres are compared with the acknowledged reads. SMOKE=1 runs for seconds, on a busy machine too: it waits until every
pass is made. SHAPE=burst runs `tests.bench.reads`.
"""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from shared.core.policy import load_policy
from shared.events import ReadsRecorded
from shared.kafka.client import Kafka
from tests.bench.county import Device, Vehicles
from tests.bench.link import Link
from tests.bench.reads import (
    ENTRIES,
    LISTED_SHARE,
    SENT_TWICE,
    SERVICES,
    VEHICLES,
    Lag,
    Sent,
    background,
    ended,
    measure_all,
    posting,
    put_in_force,
    send_counted,
)
from tests.bench.rig import SMOKE, Rig, ms, rig, say, spent_us
from tests.bench.traffic import Traffic
from tests.bench.warm_store import fill
from tests.lag import behind

LOAD_S = 3.0 if SMOKE else 120.0
SETTLE_S = 0.0 if SMOKE else 30.0
ALL_MADE_WITHIN_S = 90.0
"""How long a smoke run waits for its passes: they settle for 6 s, and other programs may take the processor."""

OVERDUE_S = 20
CAMERAS = 20 if SMOKE else 200
MOBILE_SHARE = 0.2
"""Of the devices, those on vehicles: they may send late."""
LINKS = 8
IDLE_S = 2.0
"""After a longer wait a link is opened anew: services close idle ones after 5 s."""

WARM_READS = 5_000 if SMOKE else 2_000_000
POPULATION = 50_000 if SMOKE else 3_000_000
SIZES = (1, 1, 20, 500)
"""Reads of a POST; each is as likely."""
LATE_READS = 2_000
LATE_SHARE = 0.05
_ON_TIME, _LATE = (1 - LATE_SHARE) / (sum(SIZES) / len(SIZES)), LATE_SHARE / LATE_READS
LATE_POSTS = _LATE / (_LATE + _ON_TIME)
"""The share of the POSTs whose reads are late, so that `LATE_SHARE` of the reads are."""
OVERDUE = (
    "SELECT count(*) FROM retention.pass_due WHERE stored_at < now() - $1 * interval '1 second'"
)
SEED = 20260601
AT_LEAST_PER_S = 5_000


@dataclass
class Cameras:
    """The devices, and the reads that were sent of them."""

    fixed: list[Device]
    mobile: list[Device]
    draw: random.Random
    listed: Traffic
    sent: Sent = field(default_factory=Sent)
    late: int = 0

    @property
    def ids(self) -> list[UUID]:
        """The devices' ids, which their credentials begin with."""
        return [UUID(d.credential.partition(".")[0]) for d in (*self.fixed, *self.mobile)]

    def next_post(self, now_s: float) -> tuple[Device, int, bytes]:
        """Return the device that posts next, its number of reads, and the body."""
        if self.draw.random() < LATE_POSTS:
            device = self.draw.choice(self.mobile)
            self.late += LATE_READS
            return device, LATE_READS, device.late_batch(LATE_READS, now_s)
        device = self.draw.choice([*self.fixed, *self.mobile])
        size = self.draw.choice(SIZES)
        hit = self.draw.random() < LISTED_SHARE * size
        listed = [self.listed.next_listed()] if hit else []
        return device, size, device.batch(size, now_s, listed)


class Vote:
    """Whether the vote on passes keeps up."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.is_on_time = asyncio.Event()
        self.is_on_time.set()

    async def watch(self) -> None:
        """Look until cancelled."""
        connection = await asyncpg.connect(self._url)
        try:
            while True:
                if await connection.fetchval(OVERDUE, OVERDUE_S):
                    self.is_on_time.clear()
                else:
                    self.is_on_time.set()
                await asyncio.sleep(0.5)
        finally:
            await connection.close()


async def post(
    url: str,
    cameras: Cameras,
    busy: set[Device],
    may_send: Callable[[], Awaitable[None]],
    until_s: float,
) -> None:
    """Post the devices' reads, some of them twice, until the time is up; a device has one POST at a time."""
    link = await Link.to(url)
    while (asked_s := time.perf_counter()) < until_s:
        await may_send()
        if time.perf_counter() - asked_s > IDLE_S:
            link.close()
            link = await Link.to(url)
        device, count, body = cameras.next_post(time.time())
        while device in busy:
            await asyncio.sleep(0.001)
        busy.add(device)
        twice = cameras.draw.random() < SENT_TWICE
        await send_counted(link, posting(device.credential), body, count, cameras.sent, twice=twice)
        busy.remove(device)
    link.close()


async def registered(
    stack: Rig, vehicles: Vehicles, draw: random.Random, listed: Traffic
) -> Cameras:
    """Register the devices; fixed ones and those on vehicles."""
    mobile = round(CAMERAS * MOBILE_SHARE)
    fixed = await stack.register(CAMERAS - mobile)
    on_vehicles = await stack.register(mobile, kind="vehicle", place=None)
    return Cameras(
        fixed=[Device(credential, vehicles, draw) for credential in fixed],
        mobile=[Device(credential, vehicles, draw, mobile=True) for credential in on_vehicles],
        draw=draw,
        listed=listed,
    )


async def all_passes_made(stack: Rig) -> None:
    """Wait until no span awaits its passes. Raises: TimeoutError."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        async with asyncio.timeout(ALL_MADE_WITHIN_S):
            while await connection.fetchval(OVERDUE, 0):
                await asyncio.sleep(0.5)
    finally:
        await connection.close()


async def passes(stack: Rig) -> tuple[int, int]:
    """Return how many passes there are, and how many spans are due for longer than `OVERDUE_S`."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        made = await connection.fetchval("SELECT count(*) FROM retention.passes")
        overdue = await connection.fetchval(OVERDUE, OVERDUE_S)
    finally:
        await connection.close()
    return int(made), int(overdue)


async def sustained(stack: Rig, cameras: Cameras, _: list[str], lag: Lag) -> dict[str, Any]:
    """Run part 1: as many reads as pass."""
    sent, before, begun_s = cameras.sent, stack.cpu_s(), time.perf_counter()
    lag.per_record = sum(SIZES) / sum(-(-size // ReadsRecorded.MOST) for size in SIZES)
    busy: set[Device] = set()
    until_s = begun_s + LOAD_S
    vote = Vote(stack.database_url)

    async def may_send() -> None:
        await lag.may_send()
        await vote.is_on_time.wait()

    async with background(asyncio.create_task(vote.watch())):
        await asyncio.gather(
            *[post(stack.url("ingest"), cameras, busy, may_send, until_s) for _ in range(LINKS)]
        )
    loaded_s = time.perf_counter() - begun_s
    await lag.drained()
    worked_s = time.perf_counter() - begun_s
    await asyncio.sleep(max(0.0, loaded_s + SETTLE_S - worked_s))
    if SMOKE:
        await all_passes_made(stack)
    settled_s = time.perf_counter() - begun_s
    waiting = await behind(Kafka.at(stack.bootstrap), SERVICES)
    made, overdue = await passes(stack)
    return {
        "reads_per_s": round(sent.acknowledged / worked_s, 1),
        "cpu_us_per_read": spent_us(before, stack.cpu_s(), sent.acknowledged),
        "passes_per_s": round(made / settled_s, 1),
        "lag_left": waiting + overdue,
        "lag_left_of": {"events": waiting, "pass_spans": overdue},
        "loaded_s": round(loaded_s, 1),
        "drained_s": round(worked_s - loaded_s, 1),
        "post_ms_p50": ms(sent.latencies_s, 0.5),
        "post_ms_p99": ms(sent.latencies_s, 0.99),
        "sent_twice": sent.again,
        "sent_late": cameras.late,
        "refused": sent.refused,
        "acknowledged": sent.acknowledged,
        "devices": CAMERAS,
        "warm_reads": WARM_READS,
    }


async def bench(kafka: str) -> dict[str, Any]:
    """Run the three parts and return the figures."""
    draw = random.Random(SEED)
    vehicles = Vehicles(POPULATION, SEED)
    traffic = Traffic(listed=ENTRIES, others=VEHICLES, listed_share=LISTED_SHARE)
    ori = load_policy(Path("policy.toml")).department.ori
    async with rig(kafka, SERVICES) as stack:
        await put_in_force(stack)
        cameras = await registered(stack, vehicles, draw, traffic)
        say(f"storing {WARM_READS:,} reads of the last month")
        # In a thread: here it would hold up the ticks, without which services refuse all requests after seconds.
        seen = vehicles.store(WARM_READS)
        await asyncio.to_thread(asyncio.run, fill(stack.database_url, seen, cameras.ids, ori))
        figures = await measure_all(stack, traffic, partial(sustained, stack, cameras))
        return {"bench": "reads", "shape": "life", "kafka": kafka, **figures}


def main() -> int:
    """Return 0 when the bars of the bench are met, or only smoke was asked for."""
    return ended(
        bench, lambda result: result["reads_per_s"] >= AT_LEAST_PER_S and not result["lag_left"]
    )


if __name__ == "__main__":
    sys.exit(main())
