"""The audit log's costs: appends, findings, verification and searches, on a log of ENTRIES realistic entries.

    python -m tests.bench.audit --entries 1000000

Prints one line of JSON: append_per_s in batches, single_per_s one by one, findings_per_s of all rules over the whole
log, verify_s of the whole log with its sealed values, the milliseconds of a page of each search, and bytes on disk and
WAL of an entry. Entries are made outside the measured time. Postgres is durable.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any
from uuid import UUID, uuid4

from msgspec import structs
from sqlalchemy import text

from local.stack.postgres import Postgres
from services.audit.actions.verify import verify_stored
from services.audit.actions.writer import Writer
from services.audit.settings import Settings
from services.audit.store.search import Entries, Query
from services.audit.workers.watch import Watch
from services.registry import SPECS
from shared.access.system_grant import system_grant
from shared.core.collector import spare_collector
from shared.core.ids import new_id
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    Event,
    HitRaised,
    PurposeRecord,
    RecordsDisclosed,
    SessionChanged,
    TrainingRecorded,
)
from shared.kafka.codec import Message, encode
from shared.kafka.event_mac import with_mac
from shared.kafka.topics import topic_of
from shared.service.api_runtime import ApiRuntime
from shared.testing import (
    FakeBus,
    FakeClock,
    FakeObjects,
    TestRoot,
    all_mac_keys,
    mac_key,
    mac_key_text,
)
from tests.bench.rig import machine

ROOT = Path(__file__).parents[2]
SMOKE = os.environ.get("SMOKE", "") not in ("", "0")
DAYS = 174
"""The days over which the entries occur."""

APART = timedelta(milliseconds=10)
PEOPLE = 400
CHUNK = 20_000
"""The most entries that are in memory at a time."""

REPEATS = 20
ORI = Ori("CA0520100")
USES = (
    *[("retention", "record:search", "/v1/reads/search", "criminal_investigation")] * 6,
    ("retention", "image:read", "/v1/reads/{read_id}/image", "criminal_investigation"),
    ("retention", "pass:read", "/v1/passes", "patrol"),
    ("retention", "hold:read", "/v1/holds", "audit"),
)
"""What people do, as often as it stands here: service, permission, route, kind of purpose."""


def messages(number: int, clock: FakeClock) -> list[Message]:
    """Return attempts and their disclosures, in turn, as consumers get them: the mix of `tests.bench.pairs`."""
    made = [event for n in range(number // 2) for event in _search(n, clock.now(), USES[0])]
    return [_message(event, "retention", n) for n, event in enumerate(made)]


def life(began: datetime, batch: int, gap: timedelta) -> Iterator[Message]:
    """Yield messages as a department's services publish them, without an end.

    Events of one batch occur `APART` from each other, as those that a consumer gets at once; batches begin `gap` apart.
    """
    number = 0
    for n in count():
        at = began + gap * (number // batch) + APART * (number % batch)
        use = USES[n % len(USES)]
        made: list[tuple[str, Event]] = [(use[0], event) for event in _search(n, at, use)]
        if n % 50 == 7:  # refused: the attempt alone
            made = [(use[0], structs.replace(made[0][1], allowed=False, reason="no training"))]
        if n % 10 == 3:
            made.append((_producer(SessionChanged), _session(n, at)))
        if n % 10 == 8:
            made.append((_producer(HitRaised), _hit(n, at)))
        if n < 400 and n % 20 == 0:  # a kind that only the log's beginning has
            made.append((_producer(TrainingRecorded), _training(n, at)))
        for service, event in made:
            yield _message(event, service, number)
            number += 1


def _message(event: Event, service: str, offset: int) -> Message:
    record = with_mac(encode(event, service), mac_key(service))
    return Message(record.topic, 0, offset, record.key, record.value, dict(record.headers))


def _actor(n: int) -> Actor:
    person = n % PEOPLE
    return Actor(
        person_id=f"00000000-0000-4000-8000-{person:012}",
        name=f"Officer {person}",
        title="Police Officer",
        agency_ori=ORI,
    )


def _search(n: int, at: datetime, use: tuple[str, str, str, str]) -> list[Event]:
    service, permission, route, kind = use
    plate = f"{n % 9 + 1}ABC{n % 1000:03}"
    about: dict[str, Any] = {
        "occurred_at": at,
        "attempt_id": new_id(),
        "actor": _actor(n),
        "service": service,
        "permission": permission,
        "purpose": PurposeRecord(kind=kind, case_number=f"26-{n % 5000}"),
        "request_id": str(new_id()),
    }
    attempt = AccessAttempted(
        **about,
        method="POST",
        route=route,
        elements={"body": {"plate": plate, "captured_from": "2026-05-01T00:00:00Z"}},
        allowed=True,
        client_address="192.0.2.7",
    )
    shown = [DisclosedRecord(record_id=str(new_id()), plates=[plate]) for _ in range(3)]
    day = at.date() - timedelta(days=n % 30)
    disclosed = RecordsDisclosed(
        **about, record_kind="read", records=[DisclosedDay(captured_on=day, shown=shown)], count=3
    )
    return [attempt, disclosed]


def _producer(kind: type[Event]) -> str:
    """Return the one service that publishes a kind of event."""
    [producer] = topic_of(kind).producers
    return producer


def _session(n: int, at: datetime) -> Event:
    return SessionChanged(
        occurred_at=at, actor=_actor(n), change="opened", session_id=uuid4(), account_id=uuid4()
    )


def _training(n: int, at: datetime) -> Event:
    return TrainingRecorded(
        occurred_at=at,
        actor=_actor(n),
        account_id=uuid4(),
        course="ALPR operator",
        completed_on=at,
        valid_until=at + timedelta(days=365),
    )


def _hit(n: int, at: datetime) -> Event:
    plate = f"{n % 9 + 1}XYZ{n % 1000:03}"
    return HitRaised(
        occurred_at=at,
        hit_id=uuid4(),
        read_id=new_id(),
        device_id=UUID(int=n % 40),
        agency_ori=ORI,
        captured_at=at,
        plate_read=plate,
        plate_listed=plate,
        confidence=0.97,
        list_id=UUID(int=1),
        list_name="SVS",
        list_version=3,
        entry_id=uuid4(),
        source="department",
        record_kind="read",
        tier="high",
        list_age_s=3,
    )


async def append(writer: Writer, given: Sequence[Message], batch: int) -> float:
    """Append `given` in batches; return entries a second."""
    began = time.perf_counter()
    for start in range(0, len(given), batch):
        await writer.append(given[start : start + batch])
    return len(given) / (time.perf_counter() - began)


class Bench:
    """One log and what is measured on it."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock()
        self.settings = Settings(
            database_url=url,
            policy_file=ROOT / "policy.toml",
            audit_signing_key=b64encode(bytes(32)).decode(),
            audit_event_mac_keys=all_mac_keys(),
            event_mac_key=mac_key_text("audit"),
            audit_values_key=b64encode(bytes(32)).decode(),
            root_public_keys=TestRoot().public,
        )
        self.runtime = ApiRuntime(
            SPECS["audit"], self.settings, bus=FakeBus(), objects=FakeObjects(), clock=self.clock
        )
        self.writer = Writer(self.runtime, self.settings)

    async def fill(self, entries: int, batch: int) -> float:
        """Append `entries` as in life, over `DAYS` days; return entries a second of the appends alone."""
        gap = timedelta(days=DAYS) / max(entries / batch, 1)
        made, spent = life(self.clock.now(), batch, gap), 0.0
        for start in range(0, entries, CHUNK):
            given = [next(made) for _ in range(min(CHUNK, entries - start))]
            for first in range(0, len(given), batch):
                some = given[first : first + batch]
                spent += len(some) / await append(self.writer, some, batch)
                self.clock.advance(seconds=gap.total_seconds())
        return entries / spent

    async def findings_per_s(self, entries: int) -> float:
        """Run all rules over the whole log; return entries a second."""
        began = time.perf_counter()
        await Watch(self.runtime, self.settings).catch_up()
        return entries / (time.perf_counter() - began)

    async def verify(self) -> tuple[float, bool]:
        """Verify the whole log; return the seconds, and whether it has no fault."""
        await self.writer.sign_if_grown()
        began = time.perf_counter()
        async with self.runtime.db.begin() as connection:
            verdict = await verify_stored(
                connection,
                self.settings.log_origin,
                [self.settings.signers[0].verifier],
                cadence=self.settings.cadence,
                now=self.clock.now(),
                link=self.settings.database_link(),
            )
        return time.perf_counter() - began, verdict.ok

    async def searches(self) -> dict[str, dict[str, float]]:
        """Return the median and 95th percentile of the milliseconds of a page, by search."""
        grant = await system_grant(
            self.runtime,
            Permission.AUDIT_READ,
            on_behalf_of=_actor(0),
            purpose=PurposeRecord(kind="audit"),
            elements={},
            work="bench",
        )
        async with self.runtime.db.begin() as connection:
            # As autovacuum does each minute: a log grows over months, and only this one within less than that.
            await connection.execute(text("ANALYZE entries, sealed_values"))
        found: dict[str, dict[str, float]] = {}
        for name, query in queries(self.clock.now()).items():
            took = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                async with self.runtime.db.begin() as connection:
                    await Entries(connection).search(grant, query)
                took.append((time.perf_counter() - began) * 1000)
            cut = quantiles(took, n=20)
            found[name] = {"p50_ms": round(cut[9], 1), "p95_ms": round(cut[18], 1)}
        return found

    async def value(self, statement: str) -> float:
        """Return the number that a statement gives."""
        async with self.runtime.db.begin() as connection:
            return float((await connection.execute(text(statement))).scalar_one())


def queries(end: datetime) -> dict[str, Query]:
    """Return the searches to measure, by name, on a log that ends at `end`: each filter that a search has."""
    began, day = end - timedelta(days=DAYS), timedelta(days=1)
    old = {"occurred_from": began + 10 * day, "occurred_to": began + 11 * day}
    made = {
        "newest": Query(),
        "person_id": Query(person_id=_actor(7).person_id),
        "person_id, unknown": Query(person_id="nobody"),
        "person_name": Query(person_name="officer 7"),
        "person_name, unknown": Query(person_name="nobody"),
        "plate": Query(plate="1ABC000"),
        "plate, unknown": Query(plate="9ZZZ999"),
        "purpose_kind": Query(purpose_kind="audit"),
        "purpose_kind, unknown": Query(purpose_kind="none"),
        "case_number": Query(case_number="26-7"),
        "occurred_from": Query(occurred_from=end - 9 * day),
        "occurred_to": Query(occurred_to=began + 10 * day),
        "a day of the oldest tenth": Query(**old),
        "kind": Query(kind="hit.raised"),
        "kind, only at the beginning": Query(kind="training.recorded"),
        "kind, unknown": Query(kind="none"),
        "allowed": Query(allowed=False),
        "service": Query(service=_producer(HitRaised)),
        "service, unknown": Query(service="none"),
        "permission": Query(permission="hold:read"),
        "permission, unknown": Query(permission="none"),
        "request_id, unknown": Query(request_id="none"),
        "old_log": Query(old_log=True),
        "before": Query(before=CHUNK),
        "limit": Query(limit=500),
        "person and week": Query(
            person_id=_actor(7).person_id, occurred_from=end - 8 * day, occurred_to=end - day
        ),
        "person and refusals": Query(person_id=_actor(8).person_id, allowed=False),
        "kind and old day": Query(kind="access.attempted", **old),
        "plate and month": Query(plate="1ABC000", occurred_from=end - 30 * day),
    }
    missing = {field.name for field in fields(Query)} - {
        name for query in made.values() for name, value in vars(query).items() if value is not None
    }
    if missing:
        raise SystemExit(f"no search uses {', '.join(sorted(missing))}")
    return made


async def measure(url: str, entries: int, batch: int) -> dict[str, object]:
    """Append the mix of `tests.bench.pairs` to an empty database; return entries a second."""
    bench = Bench(url)
    await bench.runtime.start()
    rate = await append(bench.writer, messages(entries, bench.clock), batch)
    await bench.runtime.stop()
    return {"entries_per_s": round(rate)}


async def measure_all(url: str, entries: int, batch: int) -> dict[str, object]:
    """Return all figures, on an empty database."""
    bench = Bench(url)
    await bench.runtime.start()
    spare_collector()  # as a service does at its start
    begun = await bench.value("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
    rate = await bench.fill(entries, batch)
    wal = await bench.value("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn") - begun
    single = await append(bench.writer, messages(200, bench.clock), 1)
    findings = await bench.findings_per_s(entries)
    verify_s, ok = await bench.verify()
    searches = await bench.searches()
    stored = await bench.value(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c"
        " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
        " AND (c.relname IN ('entries', 'nodes') OR c.relname LIKE 'values_%')"
    )
    await bench.runtime.stop()
    return {
        "bench": "audit",
        "smoke": SMOKE,
        "entries": entries,
        "append_per_s": round(rate),
        "single_per_s": round(single),
        "findings_per_s": round(findings),
        "verify_s": round(verify_s, 1),
        "ok": ok,
        "search": searches,
        "bytes_per_entry": round(stored / entries),
        "wal_bytes_per_entry": round(wal / entries),
    }


def main() -> int:
    """Measure and print; 1 if the log does not verify."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.audit", description=__doc__)
    parser.add_argument("--entries", type=int, default=2_000 if SMOKE else 1_000_000)
    parser.add_argument("--batch", type=int, default=2000)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as folder,
        Postgres(Path(folder) / "postgres") as postgres,
    ):
        database = postgres.create_database("audit")
        figures = asyncio.run(measure_all(database, asked.entries, asked.batch))
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({**figures, "load_average": load, "machine": machine(Path(folder))}))
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
