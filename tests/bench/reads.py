"""Measures the edge reads that pass the whole path: `make bench-reads`, or `python -m tests.bench.reads`.

Authenticated devices post reads over HTTP; Kafka carries them; hotlist matches them against 100,000
entries, retention stores them in Postgres, audit records the disclosures. All on this machine.

1. 60 s of 1,000 reads a POST, 2% of the POSTs sent twice. The load waits whenever a consumer is more
   than a second or so behind, and the clock runs until the last read is worked: the reported rate was
   sustained, not queued. 2. One read a POST, 64 cameras at once. 3. From POST to the alert stream, at 1,000 reads/s.
At the end the rows in Postgres are compared with the acknowledged reads. SMOKE=1 runs for seconds.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import httpx
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.registry import names
from shared.core.permissions import Permission
from shared.events import ReadsBackfilled, ReadsRecorded
from shared.kafka.topics import topic_of
from shared.service.spec import Kind
from tests.bench.link import Link, head, sized
from tests.bench.rig import (
    SMOKE,
    Rig,
    machine,
    ms,
    options,
    print_result,
    rig,
    say,
    spent_us,
)
from tests.bench.traffic import Traffic, hot_list

SERVICES = tuple(name for name in names(Kind.API) if name not in {"identity", "release"})
ENTRIES = 2_000 if SMOKE else 100_000
VEHICLES = 20_000 if SMOKE else 500_000
LISTED_SHARE = 1 / 1000
LOAD_S = 2.0 if SMOKE else 60.0
SINGLE_S = 1.0 if SMOKE else 15.0
ALERTS_S = 2.0 if SMOKE else 30.0
DEVICES = 8
SINGLE_CAMERAS = 64
"""So many post one read at a time at once, each on a connection of its own."""

PER_POST = 1000
SENT_TWICE = 0.02
MOST_BEHIND = 15_000
ALERT_POSTS_PER_S, ALERT_READS_PER_POST = 100, 10
ALERT_SHARE = 0.2
AT_LEAST_PER_S, SINGLE_AT_LEAST_PER_S, AT_MOST_P99_MS = 10_000, 1_500, 250


@dataclass
class Sent:
    """The settings of the load."""

    acknowledged: int = 0
    """Different reads that ingest acknowledged."""

    again: int = 0
    refused: int = 0
    latencies_s: list[float] = field(default_factory=list)


class Lag:
    """The lag of the slowest service in the topics of reads, sampled a few times a second."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        topics = [topic_of(ReadsRecorded), topic_of(ReadsBackfilled)]
        self._partitions = [
            TopicPartition(t.name, n) for t in topics for n in range(t.partitions_on(1))
        ]
        self._consumers = topics[0].consumers
        self.per_record = float(ReadsRecorded.MOST)
        """The mean number of reads in a record of the traffic: Kafka's offsets count records."""

        self.now = 0
        self.seen: list[int] = []
        self._may_send = asyncio.Event()
        self._may_send.set()

    async def watch(self) -> None:
        """Look until cancelled."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap)
        await admin.start()
        await consumer.start()
        try:
            while True:
                ends = await consumer.end_offsets(self._partitions)
                records = sum(ends.values()) - await self._committed(admin)
                self.now = round(records * self.per_record)
                self.seen.append(self.now)
                (self._may_send.set if self.now < MOST_BEHIND else self._may_send.clear)()
                await asyncio.sleep(0.2)
        finally:
            await admin.close()
            await consumer.stop()

    async def _committed(self, admin: AIOKafkaAdminClient) -> int:
        """Return how many records the slowest service has worked."""
        worked = dict.fromkeys(self._consumers, 0)
        for group, _ in await admin.list_consumer_groups():
            service = group.partition("-")[0]
            offsets = await admin.list_consumer_group_offsets(group)
            found = [offsets[p].offset for p in self._partitions if p in offsets]
            if service in worked and found:
                worked[service] += sum(max(0, offset) for offset in found)
        return min(worked.values())

    async def may_send(self) -> None:
        """Return once no consumer is far behind."""
        await self._may_send.wait()

    async def drained(self, within_s: float = 120) -> None:
        """Return once everything is worked. Raises: TimeoutError."""
        async with asyncio.timeout(within_s):
            looked = len(self.seen)
            while len(self.seen) < looked + 2 or self.now > 0:
                await asyncio.sleep(0.05)


def posting(credential: str) -> bytes:
    """Return the head of a device's POST."""
    return head(
        "POST",
        "/v1/reads",
        Authorization=f"Bearer {credential}",
        Content_Type="application/json",
    )


async def send_counted(
    link: Link, begun: bytes, body: bytes, reads: int, sent: Sent, *, twice: bool
) -> None:
    """Send a body of so many reads, once or twice, and count the acknowledged ones."""
    for turn in range(2 if twice else 1):
        at_s = time.perf_counter()
        answer = await link.send(sized(begun, len(body)), body)
        if answer.status != 202:
            sent.refused += reads
            continue
        sent.latencies_s.append(time.perf_counter() - at_s)
        if turn == 0:
            sent.acknowledged += reads
        else:
            sent.again += reads


async def bulk(
    url: str, credential: str, traffic: Traffic, sent: Sent, lag: Lag, until_s: float
) -> None:
    """Post batches one after another, some of them twice, until the time is up."""
    link, begun = await Link.to(url), posting(credential)
    while time.perf_counter() < until_s:
        await lag.may_send()
        body = traffic.batch(PER_POST)
        await send_counted(link, begun, body, PER_POST, sent, twice=traffic.chance(SENT_TWICE))
    link.close()


async def singles(url: str, credential: str, traffic: Traffic, sent: Sent, until_s: float) -> None:
    """Post one read at a time until the time is up."""
    link, begun = await Link.to(url), posting(credential)
    while (at_s := time.perf_counter()) < until_s:
        body = traffic.batch(1)
        answer = await link.send(sized(begun, len(body)), body)
        if answer.status == 202:
            sent.acknowledged += 1
            sent.latencies_s.append(time.perf_counter() - at_s)
        else:
            sent.refused += 1
    link.close()


class Alerts:
    """An officer's open alert stream: when the alert of which plate came."""

    def __init__(self, stack: Rig) -> None:
        self._stack = stack
        self.came_s: dict[str, float] = {}
        self.open = asyncio.Event()

    async def listen(self) -> None:
        """Listen until cancelled; the stream is opened again when it ends."""
        last = ""
        while True:
            headers = self._stack.authority.headers(Permission.ALERT_RECEIVE, purpose=False)
            if last:
                headers["Last-Event-ID"] = last
            async with (
                httpx.AsyncClient(timeout=None) as client,
                client.stream(
                    "GET", f"{self._stack.url('hotlist')}/v1/alerts", headers=headers
                ) as answer,
            ):
                answer.raise_for_status()
                self.open.set()
                async for line in answer.aiter_lines():
                    now_s = time.perf_counter()
                    if line.startswith("id:"):
                        last = line[3:].strip()
                    elif line.startswith('data: {"hit_id"') or '"plate_read"' in line:
                        shown = json.loads(line.partition(":")[2])
                        self.came_s.setdefault(shown["plate_read"], now_s)


async def paced(
    stack: Rig, credentials: list[str], traffic: Traffic, run_s: float
) -> tuple[dict[str, float], Sent]:
    """Post 1,000 reads/s at an even pace; return when the POST of each listed plate began."""
    links = [(await Link.to(stack.url("ingest")), posting(c)) for c in credentials]
    free: asyncio.Queue[tuple[Link, bytes]] = asyncio.Queue()
    for link in links:
        free.put_nowait(link)
    posted_s: dict[str, float] = {}
    sent = Sent()

    async def post() -> None:
        more = [traffic.next_listed()] if traffic.chance(ALERT_SHARE) else []
        body = traffic.batch(ALERT_READS_PER_POST, *more)
        at_s = time.perf_counter()  # waiting for a free connection counts: the vehicle passed
        link, begun = await free.get()
        answer = await link.send(sized(begun, len(body)), body)
        free.put_nowait((link, begun))
        if answer.status != 202:
            sent.refused += ALERT_READS_PER_POST
            return
        sent.acknowledged += ALERT_READS_PER_POST
        sent.latencies_s.append(time.perf_counter() - at_s)
        for listed in more:
            posted_s[listed.decode()] = at_s

    begun_s = time.perf_counter()
    async with asyncio.TaskGroup() as posts:
        for number in range(int(run_s * ALERT_POSTS_PER_S)):
            due_s = begun_s + number / ALERT_POSTS_PER_S
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            posts.create_task(post())
    for opened, _ in links:
        opened.close()
    return posted_s, sent


async def put_in_force(stack: Rig) -> None:
    """Make a hot list of 100,000 entries count."""
    headers = stack.authority.headers(Permission.HOTLIST_MANAGE, Permission.HOTLIST_READ)
    async with httpx.AsyncClient(base_url=stack.url("hotlist"), timeout=120) as client:
        made = await client.post(
            "/v1/lists", json={"name": "Stolen vehicles", "source": "state"}, headers=headers
        )
        made.raise_for_status()
        version = await client.post(
            f"/v1/lists/{made.json()['list_id']}/versions?activate=true",
            content=hot_list(ENTRIES).encode(),
            headers={**headers, "Content-Type": "text/csv"},
        )
        version.raise_for_status()


async def counted(stack: Rig) -> dict[str, int]:
    """Count rows in Postgres: reads, different reads, hits, different reads with a hit."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        reads = await connection.fetchrow(
            "SELECT count(*) AS rows, count(DISTINCT read_id) AS ids FROM retention.reads"
        )
        hits = await connection.fetchrow(
            "SELECT count(*) AS rows, count(DISTINCT (read_id, entry_id)) AS ids FROM hotlist.hits"
        )
    finally:
        await connection.close()
    assert reads is not None
    assert hits is not None
    return {
        "reads": reads["rows"],
        "read_ids": reads["ids"],
        "hits": hits["rows"],
        "hit_ids": hits["ids"],
    }


@contextlib.asynccontextmanager
async def background(*tasks: asyncio.Task[None]) -> AsyncIterator[None]:
    """Run tasks beside the body; one that fails fails the bench at its end."""
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


First = Callable[[list[str], Lag], Awaitable[dict[str, Any]]]
"""Part 1 of a bench, with the credentials of fixed devices; its figures have `acknowledged`, and `warm_reads` if the
store began with some."""


async def bench(kafka: str) -> dict[str, Any]:
    """Run the three parts and return the figures."""
    traffic = Traffic(listed=ENTRIES, others=VEHICLES, listed_share=LISTED_SHARE)
    async with rig(kafka, SERVICES) as stack:
        await put_in_force(stack)
        figures = await measure_all(stack, traffic, partial(sustained, stack, traffic))
        return {"bench": "reads", "kafka": kafka, **figures}


async def measure_all(stack: Rig, traffic: Traffic, first: First) -> dict[str, Any]:
    """Run a first part, one read a POST, and from POST to alert; return the figures, and the counts in Postgres."""
    credentials = await stack.register(DEVICES)
    lag, alerts = Lag(stack.bootstrap), Alerts(stack)
    watching = asyncio.create_task(lag.watch())
    listening = asyncio.create_task(alerts.listen())
    async with background(watching, listening):
        async with asyncio.timeout(30):
            await alerts.open.wait()
        figures = await first(credentials, lag)
        say(f"part 1: {figures}")
        cameras = await stack.register(SINGLE_CAMERAS)
        single, single_sent = await one_by_one(stack, cameras, traffic, lag)
        say(f"one a POST: {single}")
        await asyncio.sleep(1)
        alert, alert_sent = await to_the_stream(stack, credentials, traffic, lag, alerts)
        say(f"POST to alert: {alert}")
    held = await counted(stack)
    acknowledged = figures.pop("acknowledged") + single_sent + alert_sent
    return {
        **figures,
        **single,
        **alert,
        "lost": max(0, acknowledged + figures.get("warm_reads", 0) - held["read_ids"]),
        "doubled": held["reads"] - held["read_ids"] + held["hits"] - held["hit_ids"],
        "acknowledged": acknowledged,
        "stored": held["reads"],
        "hits": held["hits"],
        "listed_reads_sent": traffic.listed_sent,
        "entries": ENTRIES,
        "machine": machine(stack.folder),
        "smoke": SMOKE,
    }


async def sustained(
    stack: Rig, traffic: Traffic, credentials: list[str], lag: Lag
) -> dict[str, Any]:
    """Run part 1: as many reads as pass."""
    sent, before, begun_s = Sent(), stack.cpu_s(), time.perf_counter()
    looked = len(lag.seen)
    loads = [
        bulk(stack.url("ingest"), c, traffic, sent, lag, begun_s + LOAD_S) for c in credentials[:4]
    ]
    await asyncio.gather(*loads)
    loaded_s = time.perf_counter() - begun_s
    seen = lag.seen[looked:]
    await lag.drained()
    worked_s = time.perf_counter() - begun_s
    cpu = spent_us(before, stack.cpu_s(), sent.acknowledged)
    half = len(seen) // 2
    return {
        "reads_per_s": round(sent.acknowledged / worked_s, 1),
        "cpu_us_per_read": cpu,
        "loaded_s": round(loaded_s, 1),
        "drained_s": round(worked_s - loaded_s, 1),
        "lag_first_half": round(sum(seen[:half]) / max(1, half)),
        "lag_second_half": round(sum(seen[half:]) / max(1, len(seen) - half)),
        "post_ms_p50": ms(sent.latencies_s, 0.5),
        "post_ms_p99": ms(sent.latencies_s, 0.99),
        "sent_twice": sent.again,
        "refused": sent.refused,
        "acknowledged": sent.acknowledged,
    }


async def one_by_one(
    stack: Rig, credentials: list[str], traffic: Traffic, lag: Lag
) -> tuple[dict[str, Any], int]:
    """Run part 2: one read a POST."""
    sent, begun_s = Sent(), time.perf_counter()
    lag.per_record = 1.0
    url = stack.url("ingest")
    await asyncio.gather(*[singles(url, c, traffic, sent, begun_s + SINGLE_S) for c in credentials])
    await lag.drained()
    worked_s = time.perf_counter() - begun_s
    figures = {
        "single_reads_per_s": round(sent.acknowledged / worked_s, 1),
        "single_cameras": len(credentials),
        "single_ms_p50": ms(sent.latencies_s, 0.5),
        "single_ms_p99": ms(sent.latencies_s, 0.99),
        "single_refused": sent.refused,
    }
    return figures, sent.acknowledged


async def to_the_stream(
    stack: Rig, credentials: list[str], traffic: Traffic, lag: Lag, alerts: Alerts
) -> tuple[dict[str, Any], int]:
    """Run part 3: from POST to alert, at 1,000 reads/s."""
    before_s = time.perf_counter()
    posted_s, sent = await paced(stack, credentials, traffic, ALERTS_S)
    await lag.drained()
    end_s = time.perf_counter() + 10
    while posted_s.keys() - alerts.came_s.keys() and time.perf_counter() < end_s:
        await asyncio.sleep(0.05)
    took_s = [
        alerts.came_s[plate] - at_s
        for plate, at_s in posted_s.items()
        if alerts.came_s.get(plate, 0) > before_s
    ]
    figures = {
        "alert_ms_p50": ms(took_s, 0.5),
        "alert_ms_p99": ms(took_s, 0.99),
        "alerts": len(took_s),
        "alerts_missed": len(posted_s) - len(took_s),
        "alert_refused": sent.refused,
    }
    return figures, sent.acknowledged


def main() -> int:
    """Return 0 when the bars of the bench are met, or only smoke was asked for."""
    return ended(bench, lambda result: bool(result["reads_per_s"] >= AT_LEAST_PER_S))


def ended(
    bench: Callable[[str], Coroutine[Any, Any, dict[str, Any]]],
    is_fast: Callable[[dict[str, Any]], bool],
) -> int:
    """Run a bench of reads and print its line; 0 when part 1 and the others meet their bars, or for smoke alone."""
    result: dict[str, Any] = {}
    with contextlib.suppress(KeyboardInterrupt):
        result = uvloop.run(bench(options("reads").kafka))
    if not result:
        return 130
    print_result(result)
    whole = not (result["lost"] or result["doubled"] or result["alerts_missed"])
    fast = (
        is_fast(result)
        and result["single_reads_per_s"] >= SINGLE_AT_LEAST_PER_S
        and result["alert_ms_p99"] <= AT_MOST_P99_MS
    )
    return 0 if whole and (fast or SMOKE) else 1


if __name__ == "__main__":
    sys.exit(main())
