"""Searches at the HTTP door of a store of ROWS reads: eight people, who ask 2 s after their last answer.

    python -m tests.bench.search --rows 20000000 --seconds 120

Prints one line of JSON: the 95th percentile in milliseconds of exact searches, parts of plates, look-alikes, canvasses
and next pages, each with its access record and disclosures; the same of one person alone, without a pause; each kind of
question by itself; bytes on disk and WAL of a read. Then, without HTTP, the same kinds of questions by the service's
own code, by trigrams and by a scan; and reads stored in order, and late ones of random moments. The store is filled in
SQL, in order of time. Postgres is durable, and sized as docs/sizing.md says.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from services.retention.domain.criteria import Criteria
from shared.testing import TestAuthority
from tests.bench.late_reads import LateReads
from tests.bench.rig import SMOKE, deployed_settings, machine, ms, print_result, rig, say
from tests.bench.search_at_store import Question, StoreSearches, Timed
from tests.bench.search_store import Filled, fill

ORI = "CA0520100"
PEOPLE = 8
PAUSE_S = 2.0
ALONE = 10
"""Questions of each kind that one person asks alone, at the HTTP door."""

AT_STORE = 2 if SMOKE else 40
"""Questions of each kind that one person asks the store itself."""

QUESTIONS_A_PERSON = 50
"""After so many questions another account asks, so that none reaches its records of a day."""

MONTH, ALL = timedelta(days=31), timedelta(days=399)
_SAMPLE = "SELECT plate_as_read, latitude, longitude FROM retention.reads TABLESAMPLE SYSTEM ({share}) LIMIT 20000"

Draw = random.Random
Body = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """What a question is about."""

    plate: str
    latitude: float
    longitude: float


@dataclass
class Answers(Timed):
    """Seconds of the answers of each kind of question, and the codes of those refused."""

    refused: Counter[str] = field(default_factory=Counter)
    short: int = 0
    """Pages that ended for their time."""


def _pieces(size: int) -> Iterator[tuple[str, Callable[[str, Draw], str]]]:
    """Yield kinds of patterns with `size` known characters: anchored at either end, both or not."""
    yield f"partial {size} start", lambda plate, _: f"{plate[:size]}*"
    yield f"partial {size} end", lambda plate, _: f"*{plate[-size:]}"
    yield f"partial {size} middle", lambda plate, _: f"*{plate[1 : 1 + size]}*"
    if size > 2:
        yield f"partial {size} both", lambda plate, draw: _apart(plate, size, draw)


def _apart(plate: str, size: int, draw: Draw) -> str:
    """Return a plate of which the first, the last and others beside them are known."""
    known = {0, len(plate) - 1, 1, *draw.sample(range(2, len(plate) - 1), size - 3)}
    return "".join(c if at in known else "?" for at, c in enumerate(plate))


PATTERNS = dict([*_pieces(2), *_pieces(3), *_pieces(5)])
RADII = {"canvass 400 m": 400, "canvass 2 km": 2_000, "canvass 20 km": 20_000}
KINDS = {
    "exact": 6,
    "lookalike reads": 2,
    "lookalike plates": 2,
    **dict.fromkeys(PATTERNS, 0.7),
    **dict.fromkeys(RADII, 1.5),
}
"""Kinds of questions, and how often each is asked."""


def question(kind: str, read: Read, now: datetime, draw: Draw) -> tuple[str, Body]:
    """Return the path and the body of a question."""
    narrow = kind.startswith(("partial 2", "canvass"))
    since = now - (MONTH if narrow or draw.random() < 0.5 else ALL)
    body: Body = {"captured_from": since.isoformat(), "captured_to": now.isoformat()}
    if kind in RADII:
        place = {"latitude": read.latitude, "longitude": read.longitude, "radius_m": RADII[kind]}
        return "/v1/reads/search", body | {"area": place}
    plate = PATTERNS[kind](read.plate, draw) if kind in PATTERNS else read.plate
    if kind == "lookalike plates":
        return "/v1/reads/lookalikes", body | {"plate": plate}
    return "/v1/reads/search", body | {"plate": plate, "lookalike": kind == "lookalike reads"}


class Asking:
    """Asks questions about a filled store."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        authority: TestAuthority,
        reads: list[Read],
        until: datetime,
    ) -> None:
        self._client = client
        self._authority = authority
        self._reads = reads
        self._until = until
        self._asked = 0
        self.answers = Answers()

    async def person(self, number: int, until_s: float) -> None:
        """Ask as one person until a time of the monotonic clock: a new question after a pause, or the next page."""
        draw = random.Random(number)
        await asyncio.sleep(draw.random() * PAUSE_S)
        while time.monotonic() < until_s:
            [kind] = draw.choices(list(KINDS), list(KINDS.values()))
            path, body = question(kind, draw.choice(self._reads), self._until, draw)
            found = await self.ask(kind, path, body)
            while found and found.get("next") and draw.random() < 0.3:
                await asyncio.sleep(PAUSE_S)
                found = await self.ask("next", path, body | {"after": found["next"]})
            await asyncio.sleep(PAUSE_S)

    async def alone(self, each: int) -> None:
        """Ask `each` questions of every kind, one after the other."""
        draw = random.Random(0)
        for kind in KINDS:
            for _ in range(each):
                path, body = question(kind, draw.choice(self._reads), self._until, draw)
                await self.ask(kind, path, body)

    async def ask(self, kind: str, path: str, body: Body) -> Body | None:
        """Ask one question; return its answer, None if it was refused."""
        account = str(UUID(int=0xA000 + self._asked // QUESTIONS_A_PERSON))
        self._asked += 1
        headers = self._authority.headers(account_id=account)
        begun = time.perf_counter()
        answer = await self._client.post(path, json=body, headers=headers)
        answer_s = time.perf_counter() - begun
        found: Body = answer.json()
        if answer.status_code != 200:
            self.answers.refused[f"{kind}: {found.get('code')}"] += 1
            return None
        self.answers.seconds[kind].append(answer_s)
        self.answers.short += found.get("searched_from") is not None
        return found


async def measure(rows: int, seconds: float) -> dict[str, Any]:
    """Fill a store, ask, and return the figures."""
    rare_votes = {"RETENTION_PASS_EVERY_S": "86400"}
    sized = deployed_settings()
    async with rig("embedded", ["retention"], rare_votes, postgres_settings=sized) as here:
        begun = time.monotonic()
        filled = await fill(here.database_url, rows, ORI)
        say(f"filled {rows} reads in {time.monotonic() - begun:.0f} s")
        connection = await asyncpg.connect(here.database_url)
        share = min(100.0, 100 * 20_000 / rows)
        sample = await connection.fetch(_SAMPLE.format(share=share))
        await connection.close()
        reads = [Read(*row.values()) for row in sample]
        async with httpx.AsyncClient(base_url=here.url("retention"), timeout=60) as client:
            alone = Asking(client, here.authority, reads, filled.until)
            await alone.alone(1)
            alone.answers = Answers()
            await alone.alone(ALONE if not SMOKE else 1)
            asking = Asking(client, here.authority, reads, filled.until)
            until_s = time.monotonic() + seconds
            await asyncio.gather(*(asking.person(number, until_s) for number in range(PEOPLE)))
        service_url = here.environment["RETENTION__DATABASE_URL"]
        at_store = StoreSearches(service_url, here.database_url, ORI)
        others = _questions(reads, filled.until, each=1, seed=2)
        measured = _questions(reads, filled.until, each=AT_STORE, seed=1)
        by_design = await at_store.measure(measured, others)
        late = await LateReads(service_url, here.superuser_url, ORI).measure(rows, filled.since)
        return {
            **figures(filled, asking.answers, alone.answers),
            **by_design,
            **late,
            "machine": machine(here.folder),
        }


def _questions(reads: list[Read], until: datetime, *, each: int, seed: int) -> list[Question]:
    """Return `each` questions of every kind for the store itself."""
    draw = random.Random(seed)
    return [
        Question(kind, _criteria(question(kind, draw.choice(reads), until, draw)[1]))
        for kind in KINDS
        for _ in range(each)
    ]


def _criteria(body: Body) -> Criteria:
    area = {"area": {"type": "circle", **body["area"]}} if "area" in body else {}
    return Criteria.from_json(body | area)


def figures(filled: Filled, answers: Answers, alone: Answers) -> dict[str, Any]:
    """Return the figures of a run."""
    groups = ("exact", "partial", "lookalike", "canvass", "next")
    return {
        "bench": "search",
        "smoke": SMOKE,
        "rows": filled.rows,
        "people": PEOPLE,
        **{f"{group}_ms_p95": ms(answers.of(group), 0.95) for group in groups},
        **{f"{group}_ms_p50": ms(answers.of(group), 0.5) for group in groups},
        "alone_ms_p95": {group: ms(alone.of(group), 0.95) for group in groups[:-1]},
        "bytes_per_row": filled.bytes_per_row,
        "wal_per_row": filled.wal_per_row,
        "questions": {
            kind: {"n": len(found), "ms_p50": ms(found, 0.5), "ms_p95": ms(found, 0.95)}
            for kind, found in sorted(answers.seconds.items())
        },
        "refused": dict(answers.refused + alone.refused),
        "short_pages": answers.short + alone.short,
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000 if SMOKE else 20_000_000)
    parser.add_argument("--seconds", type=float, default=6 if SMOKE else 120)
    asked = parser.parse_args()
    print_result(asyncio.run(measure(asked.rows, asked.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
