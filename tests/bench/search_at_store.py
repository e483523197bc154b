"""The searches of a store without HTTP, by one person: the service's own, and the same by two plain designs.

The plain table has the plate as text, with indexes on plate and time, on time, and of trigrams (`pg_trgm`), the usual
design; the second design reads the same table from end to end. Answers are compared: each design must find the same
reads.
"""

import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.registry import SPECS
from services.retention.domain.criteria import Criteria
from services.retention.domain.plates import like
from services.retention.service import RetentionService
from services.retention.store.records import Read
from shared.access.grant import Grant
from shared.access.system_grant import system_grant
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.events import Actor, PurposeRecord
from shared.service.api_runtime import ApiRuntime
from shared.testing import FakeBus, FakeObjects
from tests.bench.purge import settings_at
from tests.bench.rig import ms, say

PAGE = 100
SCANNED = 2
"""Questions of each kind that are answered by a scan: each takes seconds."""

_TABLE = """
CREATE UNLOGGED TABLE plain_reads AS
SELECT read_id, captured_at, device_id, agency_ori, plate_as_read AS plate FROM reads
"""
_INDEXES = {
    "trigrams": "CREATE INDEX ON plain_reads USING gin (plate gin_trgm_ops)",
    "plate and time": "CREATE INDEX ON plain_reads (plate, captured_at)",
    "time": "CREATE INDEX ON plain_reads (captured_at)",
}
_PLAIN = """
SELECT read_id FROM plain_reads WHERE plate {like} $1 AND captured_at >= $2 AND captured_at < $3
ORDER BY captured_at DESC, read_id DESC LIMIT 100
"""
_NO_INDEX = (
    "SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off"
)


class Question(NamedTuple):
    """A search of reads."""

    kind: str
    criteria: Criteria


Numbered = tuple[int, Question]
Pages = dict[int, list[UUID]]
"""The reads of an answer by the question's number."""


@dataclass
class Timed:
    """Seconds of the answers, by kind of question."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def of(self, *groups: str) -> list[float]:
        """Return the seconds of all kinds whose names begin with one of these."""
        return [s for kind, found in self.seconds.items() if kind.startswith(groups) for s in found]

    def p50_p95(self) -> dict[str, list[float]]:
        """Return the median and 95th percentile of each kind, in milliseconds."""
        return {kind: [ms(found, 0.5), ms(found, 0.95)] for kind, found in self.seconds.items()}


Ask = Callable[[Sequence[Numbered]], Awaitable[tuple[Timed, Pages]]]


class StoreSearches:
    """Asks retention's own code, and plain tables of the same reads, in this process."""

    def __init__(self, service_url: str, owner_url: str, ori: str) -> None:
        """`service_url` is the database as the service opens it, `owner_url` as its owner does."""
        settings = settings_at(service_url)
        self._runtime = ApiRuntime(
            SPECS["retention"], settings, bus=FakeBus(), objects=FakeObjects()
        )
        self._search = RetentionService.of(self._runtime, settings).search
        self._owner_url = owner_url
        self._ori = Ori(ori)

    async def measure(
        self, questions: Sequence[Question], others: Sequence[Question]
    ) -> dict[str, Any]:
        """Ask all questions; then those about plates in each way, each twice, of which the second time counts.

        The `others` are asked before, not counted: a new connection's first questions are slower.
        Returns the figures, and how many answers of the plain designs differed from the service's.
        """
        numbered = list(enumerate(questions))
        plain = [(n, one) for n, one in numbered if _is_plain(one)]
        await self._runtime.start()
        owner = await asyncpg.connect(self._owner_url, server_settings={"search_path": "retention"})
        try:
            await self._ask(list(enumerate(others)))
            first, pages = await self._ask(numbered)
            built_s, sizes = await self._build(owner)
            ours = await _again(self._ask, plain)
            # As the service plans its own: with the values, and not once for all.
            await owner.execute("SET plan_cache_mode = force_custom_plan; SET jit = off")
            ask_plain = partial(_ask, owner)
            trigrams, by_trigrams = await _again(ask_plain, plain)
            await owner.execute(_NO_INDEX)
            scan, by_scan = await _again(ask_plain, _first_of_each(plain, SCANNED))
            await owner.execute("RESET ALL; DROP TABLE plain_reads")
        finally:
            await owner.close()
            await self._runtime.stop()
        differing = [n for found in (by_trigrams, by_scan) for n in found if found[n] != pages[n]]
        groups = ("exact", "partial", "lookalike", "canvass")
        designs = {"ours": ours[0], "pg_trgm": trigrams, "scan": scan}
        return {
            "at_store_ms_p50": {group: ms(first.of(group), 0.5) for group in groups},
            "at_store_ms_p95": {group: ms(first.of(group), 0.95) for group in groups},
            "designs": {name: timed.p50_p95() for name, timed in designs.items()},
            "pg_trgm_built_s": built_s,
            "pg_trgm_bytes_per_row": sizes,
            "answers_differing": len(differing),
        }

    async def _ask(self, questions: Sequence[Numbered]) -> tuple[Timed, Pages]:
        """Ask the service, which discloses each answer; return the times, and the reads found."""
        timed, pages = Timed(), Pages()
        grant = await self._grant()
        for number, (kind, criteria) in questions:
            began = time.perf_counter()
            reads = await self._read(grant, kind, criteria)
            timed.seconds[kind].append(time.perf_counter() - began)
            pages[number] = [read.read_id for read in reads]
        return timed, pages

    async def _read(self, grant: Grant, kind: str, criteria: Criteria) -> Sequence[Read]:
        if kind == "lookalike plates":
            found = await self._search.lookalikes(grant, criteria)
            return [plate.newest for plate in found.plates]
        page = await self._search.page(grant, criteria, limit=PAGE, after=None)
        return page.page.reads

    async def _grant(self) -> Grant:
        return await system_grant(
            self._runtime,
            Permission.RECORD_SEARCH,
            on_behalf_of=Actor(person_id="p", name="n", title="t", agency_ori=self._ori),
            purpose=PurposeRecord(kind="audit"),
            elements={},
            work="bench",
            agency_ori=self._ori,
        )

    @staticmethod
    async def _build(owner: asyncpg.Connection) -> tuple[float, dict[str, float]]:
        """Make the plain table; return how long it took, and its bytes a read, by index."""
        began = time.perf_counter()
        await owner.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA retention")
        await owner.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
        await owner.execute(_TABLE)
        for sql in _INDEXES.values():
            await owner.execute(sql)
        await owner.execute("VACUUM (ANALYZE) plain_reads")
        built_s = round(time.perf_counter() - began, 1)
        say(f"made a plain table with its indexes in {built_s} s")
        rows, table, indexes = await owner.fetchrow(
            "SELECT count(*), pg_table_size('plain_reads'), pg_indexes_size('plain_reads') FROM plain_reads"
        )
        return built_s, {
            "table": round(table / rows, 1),
            "indexes": round(indexes / rows, 1),
        }


def _is_plain(question: Question) -> bool:
    """Whether the plain table can answer: a plate or parts of one, without look-alikes."""
    return question.kind.startswith(("exact", "partial"))


def _first_of_each(questions: Sequence[Numbered], most: int) -> list[Numbered]:
    """Return the first questions of each kind."""
    found = defaultdict[str, list[Numbered]](list)
    for one in questions:
        found[one[1].kind].append(one)
    return [one for every in found.values() for one in every[:most]]


async def _ask(owner: asyncpg.Connection, questions: Sequence[Numbered]) -> tuple[Timed, Pages]:
    """Ask the plain table; return the times, and the reads found."""
    timed, pages = Timed(), Pages()
    for number, (kind, criteria) in questions:
        pattern = criteria.pattern
        if pattern is None:
            raise ValueError(f"{kind} has no plate")
        sql = _PLAIN.format(like="=" if kind == "exact" else "LIKE")
        began = time.perf_counter()
        rows = await owner.fetch(sql, like(pattern), *criteria.window)
        timed.seconds[kind].append(time.perf_counter() - began)
        pages[number] = [row["read_id"] for row in rows]
    return timed, pages


async def _again(ask: Ask, questions: Sequence[Numbered]) -> tuple[Timed, Pages]:
    """Ask twice and return the second answers: what a design costs once Postgres has the pages in memory."""
    await ask(questions)
    return await ask(questions)
