"""Searches reads, newest first, in pages that do not shift while records arrive.

A search starts at an index: at the plates that match, or at the devices at the place. From each start it reads a
window of time, the newest first, until the page is full or the time for a page is over (ADR-0057, ADR-0064). One for a
plate also finds the reads of other plates that were corrected to it (ADR-0135).
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs
from sqlalchemy import Row, TextClause, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria, Cursor, scope_of
from services.retention.domain.lookalikes import Lookalikes
from services.retention.domain.plates import plate_number, plate_of
from services.retention.domain.problem_codes import Code
from services.retention.domain.search_cost import check_cost
from services.retention.domain.search_windows import Windows
from services.retention.store.conditions import Conditions, of_reads
from services.retention.store.corrections import IS_LAST
from services.retention.store.records import COLUMNS, Read, Records
from services.retention.store.replica import Replica
from services.retention.store.search_plan import MOST_PLATES, SearchPlans, Starts, starts_at
from shared.access.grant import Grant
from shared.core.errors import InvalidInput
from shared.core.plates import PlatePattern
from shared.postgres.database import is_timed_out

PAGE_S = 2.0
"""A search ends its page after this time, full or not; the next page continues. One for look-alikes ends, too."""

# Plans know the window, so that they leave out the other months; and searches leave the cores to others. The newest
# reads of a start come from its index in order, not from a sort of all its reads: a plate that passes daily has many
# more than the planner expects of one, and a page shows few of them. What must be sorted still is.
_SETTINGS = text(
    "SELECT set_config('statement_timeout', :timeout_ms, true), set_config('jit', 'off', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('max_parallel_workers_per_gather', '0', true), set_config('enable_sort', 'off', true)"
)
_NO_LIMIT = text("SET LOCAL statement_timeout = DEFAULT")
"""The limit is of the search, not of the disclosure of what it found."""

_NEWEST = "ORDER BY r.captured_at DESC, r.read_id DESC LIMIT :limit"
_IN_WINDOW = "r.captured_at >= :window_from AND r.captured_at < :window_to"


MOST_COUNTED = 10_000
"""A count is exact up to this."""

_PLATES_AT_ONCE = 200
"""So many plates at once are looked up for their newest reads."""


@dataclass(frozen=True)
class MatchCount:
    """The number of reads that match a search."""

    value: int
    at_least: bool
    """Whether there may be more."""


@dataclass(frozen=True)
class SearchPage:
    """A page of a search."""

    reads: Sequence[Read]
    more: bool
    """Whether further reads follow."""

    rest_until: datetime | None = None
    """The end of what is not searched yet, if the page ended for its time."""

    count: MatchCount | None = None
    """The number of all reads that match, if it was asked for."""


@dataclass(frozen=True)
class LookalikePlate:
    """A plate that matches with look-alikes, and its newest read."""

    likelihood: float
    """Relative to a plate that matches as typed, which has 1."""

    newest: Read


@dataclass(frozen=True)
class LookalikePlates:
    """The plates that match with look-alikes, the most likely first."""

    plates: Sequence[LookalikePlate]
    more: bool
    """Whether further plates match, none of them more likely, or may match, as the search ended for its time."""


@dataclass(frozen=True)
class _Found:
    rows: Sequence[Row[Any]]
    rest_until: datetime | None = None
    count: MatchCount | None = None
    is_cut: bool = False
    """Whether a search for look-alikes ended for its time."""


@dataclass(frozen=True)
class _Asked:
    """A search in SQL: where it starts, and the conditions on a read."""

    starts: Starts
    conditions: Conditions

    def newest(self) -> TextClause:
        """Return the statement that reads the newest reads of a window."""
        return text(f"{self._newest_of_each} {_NEWEST}")

    def newest_of_each(self) -> TextClause:
        """Return the statement that reads the newest reads of each start in a window."""
        return text(self._newest_of_each)

    def number(self) -> TextClause:
        """Return the statement that counts the reads of a window, up to a limit."""
        return text(
            f"SELECT count(*) FROM (SELECT FROM {self.starts.rows} CROSS JOIN LATERAL ("  # noqa: S608 - constants
            f"SELECT FROM {self._reads} LIMIT :limit) AS r LIMIT :limit) AS counted"
        )

    @property
    def _newest_of_each(self) -> str:
        return (
            f"SELECT {COLUMNS} FROM {self.starts.rows} CROSS JOIN LATERAL ("  # noqa: S608 - constants
            f"SELECT {COLUMNS} FROM {self._reads} {_NEWEST}) AS r"
        )

    @property
    def _reads(self) -> str:
        starts = self.starts
        of_start = f"r.{starts.column} = start.id AND {starts.also}"
        return f"reads r WHERE {of_start} AND {_IN_WINDOW} AND {self.conditions.sql}"

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of the statements, without those of a window."""
        return {**self.conditions.parameters, **self.starts.parameters}

    def windows(self, criteria: Criteria) -> Windows:
        """Return the windows of a search, for the time of a page."""
        since, until = criteria.window
        first = until - since if self.starts.first is None else self.starts.first
        return Windows(
            since,
            until,
            first,
            least_growth=self.starts.least_growth,
            most_s=PAGE_S,
            monotonic=time.monotonic,
        )


_Statement = tuple[TextClause, Mapping[str, Any]]
"""A statement with its parameters, without those of a window."""


class Searches:
    """Runs searches for a grant."""

    def __init__(
        self,
        connection: AsyncConnection,
        *,
        timeout_s: float = 20,
        replica: Replica | None = None,
    ) -> None:
        """`replica` may read the records; their disclosure is written to `connection`."""
        self._connection = connection
        self._replica = replica
        self._timeout_s = timeout_s

    async def page(
        self,
        grant: Grant,
        criteria: Criteria,
        *,
        limit: int,
        after: Cursor | None = None,
        counted: bool = False,
    ) -> SearchPage:
        """Return up to `limit` reads after a cursor, disclosed; `counted` adds the number of all that match.

        Raises: InvalidInput for a search that would compare too many reads, or of which a statement exceeds the time
        limit.
        """
        found = await self._read(
            lambda searches: searches._page(grant, criteria, limit + 1, after, counted=counted)
        )
        reads = await Records(self._connection).released(grant, found.rows[:limit])
        if len(found.rows) > limit:
            return SearchPage(reads, more=True, count=found.count)
        return SearchPage(reads, more=False, rest_until=found.rest_until, count=found.count)

    async def lookalikes(self, grant: Grant, criteria: Criteria, *, most: int) -> LookalikePlates:
        """Return up to `most` plates that match with look-alikes and have a read that the caller may see.

        The newest read of each is disclosed. Raises: InvalidInput for a pattern of too many plates, and as `page`.
        """
        found = await self._read(lambda searches: searches._lookalikes(grant, criteria, most + 1))
        reads = await Records(self._connection).released(grant, found.rows[:most])
        rated = Lookalikes(_pattern_of(criteria))
        plates = [LookalikePlate(rated.likelihood(read.plate), read) for read in reads]
        return LookalikePlates(plates, more=found.is_cut or len(found.rows) > most)

    async def _read(self, query: Callable[["Searches"], Awaitable[_Found]]) -> _Found:
        """Return what `query` finds, on the replica if there is one that may answer."""

        async def limited(connection: AsyncConnection) -> _Found:
            timeout_ms = str(int(self._timeout_s * 1000))
            await connection.execute(_SETTINGS, {"timeout_ms": timeout_ms})
            found = await query(Searches(connection))
            await connection.execute(_NO_LIMIT)
            return found

        try:
            if self._replica is None:
                return await limited(self._connection)
            return await self._replica.read(self._connection, limited)
        except DBAPIError as exc:
            if is_timed_out(exc):
                raise InvalidInput(Code.SEARCH_TOO_SLOW, field="captured_from") from None
            raise

    async def _page(
        self, grant: Grant, criteria: Criteria, limit: int, after: Cursor | None, *, counted: bool
    ) -> _Found:
        rest = _rest(criteria, after)
        plan = await SearchPlans(self._connection).of(rest, limit)
        check_cost(criteria, plan.cost)
        asked = [_Asked(plan.starts, _conditions(grant, criteria, plan.starts))]
        if (corrected := await self._corrected(grant, criteria)) is not None:
            asked.append(corrected)
        count = await self._count(asked, criteria) if counted else None
        if after is not None:
            for one in asked:
                one.conditions.add(
                    "(r.captured_at, r.read_id) < (:{p}after_at, :{p}after_id)",
                    after_at=after.captured_at,
                    after_id=after.read_id,
                )
        statements = [(one.newest(), one.parameters) for one in asked]
        windows = asked[0].windows(rest)
        rows: list[Row[Any]] = []
        while len(rows) < limit and (window := windows.next()) is not None:
            missing = limit - len(rows)
            own = {"window_from": window[0], "window_to": window[1], "limit": missing}
            found = await self._newest(statements, own, missing)
            windows.widen(len(found), missing - len(found))
            rows += found
        return _Found(rows, windows.rest_until, count)

    async def _newest(
        self, statements: Sequence[_Statement], own: Mapping[str, Any], most: int
    ) -> list[Row[Any]]:
        """Return the newest reads of a window; the statements find none in common."""
        found: list[Row[Any]] = []
        for statement, parameters in statements:
            found += await self._connection.execute(statement, {**parameters, **own})
        if len(statements) > 1:
            found.sort(key=lambda row: (row.captured_at, row.read_id), reverse=True)
        return found[:most]

    async def _count(self, asked: Sequence[_Asked], criteria: Criteria) -> MatchCount:
        statements = [(one.number(), one.parameters) for one in asked]
        windows = asked[0].windows(criteria)
        most, value = MOST_COUNTED + 1, 0
        while value < most and (window := windows.next()) is not None:
            missing, found = most - value, 0
            own = {"window_from": window[0], "window_to": window[1], "limit": missing}
            for statement, parameters in statements:
                rows = await self._connection.execute(statement, {**parameters, **own})
                found += rows.scalar_one()
            windows.widen(found, missing - found)
            value += found
        at_least = value > MOST_COUNTED or windows.rest_until is not None
        return MatchCount(min(value, MOST_COUNTED), at_least)

    async def _corrected(self, grant: Grant, criteria: Criteria) -> _Asked | None:
        """Return the search for reads of other plates that were corrected to one that matches; None if there are none.

        Under a purpose for a plate, a read is found by the plate on record alone: the purpose's scope is of records.
        """
        if criteria.pattern is None:
            return None
        starts = _corrected_to(criteria.pattern)
        since, until = criteria.window
        own = {"window_from": since, "window_to": until}
        found = await self._connection.execute(
            text(f"SELECT EXISTS (SELECT FROM {starts.rows})"),  # noqa: S608 - constants
            starts.parameters | own,
        )
        if not found.scalar_one():
            return None
        others = _conditions(grant, structs.replace(criteria, plate=None, lookalike=False), starts)
        others.add_plate_of_read(criteria.pattern, other=True)
        return _Asked(starts, others)

    async def _lookalikes(self, grant: Grant, criteria: Criteria, limit: int) -> _Found:
        pattern = _pattern_of(criteria)
        listed = await SearchPlans(self._connection).matching(pattern)
        if listed is None:
            raise InvalidInput(Code.LOOKALIKES_TOO_MANY, field="plate", most_plates=MOST_PLATES)
        ranked = Lookalikes(pattern).ranked([plate_of(number) for number in listed])
        rows: list[Row[Any]] = []
        since, until = criteria.window
        own = {"window_from": since, "window_to": until, "limit": 1}
        ends_at_s = time.monotonic() + PAGE_S
        for begin in range(0, len(ranked), _PLATES_AT_ONCE):
            if begin and time.monotonic() >= ends_at_s:
                return _Found(rows, is_cut=True)
            numbers = [plate_number(plate) for plate, _ in ranked[begin : begin + _PLATES_AT_ONCE]]
            starts = starts_at(numbers)
            asked = _Asked(starts, _conditions(grant, criteria, starts))
            found = await self._connection.execute(asked.newest_of_each(), asked.parameters | own)
            by_plate = {row.plate_id: row for row in found}
            rows += [by_plate[number] for number in numbers if number in by_plate]
            if len(rows) >= limit:
                break
        return _Found(rows[:limit])


def _conditions(grant: Grant, criteria: Criteria, starts: Starts) -> Conditions:
    """Return the conditions on the reads of a search, for its person and purpose."""
    asked = Conditions()
    asked.add_place_and_time(criteria)
    asked.add_read(criteria)
    asked.add_vehicle(criteria)
    asked.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
    if criteria.pattern is not None and not starts.are_plates:
        asked.add_plate_of_read(criteria.pattern)
    if grant.purpose is not None and grant.purpose.scope:
        scope = of_reads(scope_of(grant.purpose.scope), "s")
        asked.terms += scope.terms
        asked.parameters |= scope.parameters
    return asked


def _corrected_to(pattern: PlatePattern) -> Starts:
    """Return, as starts, the reads of a window whose last correction gives a plate that matches."""
    of_plate = Conditions("corrected_")
    of_plate.add_plate_of_read(pattern, "c.plate_id")
    return Starts(
        "read_id",
        "(SELECT c.read_id AS id, c.captured_at FROM read_corrections c"  # noqa: S608 - constants
        f" WHERE {of_plate.sql} AND {IS_LAST}"
        " AND c.captured_at >= :window_from AND c.captured_at < :window_to) AS start",
        of_plate.parameters,
        also="r.captured_at = start.captured_at",
    )


def _pattern_of(criteria: Criteria) -> PlatePattern:
    """Return the pattern of a search for look-alikes. Raises: InvalidInput without one."""
    if criteria.pattern is None:
        raise InvalidInput(Code.SEARCH_LOOKALIKE_WITHOUT_PLATE, field="plate")
    return criteria.pattern


def _rest(criteria: Criteria, after: Cursor | None) -> Criteria:
    """Return the criteria of what follows a cursor."""
    since, until = criteria.window
    if after is None:
        return criteria
    until = min(until, after.captured_at + timedelta(microseconds=1))
    return structs.replace(criteria, captured_to=max(since, until))
