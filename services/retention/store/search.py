"""Searches reads, newest first, in pages that do not shift while records arrive.

A search starts at an index: at the plates that match, or at the devices at the place. From each start it reads a
window of time, the newest first, until the page is full or the time for a page is over (ADR-0057, ADR-0064).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria, Cursor, scope_of
from services.retention.domain.problem_codes import Code
from services.retention.domain.search_cost import check_cost
from services.retention.domain.search_windows import Windows
from services.retention.store.conditions import Conditions, of_reads
from services.retention.store.records import COLUMNS, Read, Records
from services.retention.store.replica import Replica
from services.retention.store.search_plan import SearchPlans, Starts
from shared.access.grant import Grant
from shared.postgres.database import refused_when_slow

PAGE_S = 2.0
"""A search ends its page after this time, full or not; the next page continues."""

# Plans know the window, so that they leave out the other months; and searches leave the cores to others.
_SETTINGS = text(
    "SELECT set_config('statement_timeout', :timeout_ms, true), set_config('jit', 'off', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('max_parallel_workers_per_gather', '0', true)"
)
_NEWEST = "ORDER BY r.captured_at DESC, r.read_id DESC LIMIT :limit"
_IN_WINDOW = "r.captured_at >= :window_from AND r.captured_at < :window_to"


@dataclass(frozen=True)
class SearchPage:
    """A page of a search."""

    reads: Sequence[Read]
    more: bool
    """Whether further reads follow."""

    rest_until: datetime | None = None
    """The end of what is not searched yet, if the page ended for its time."""


@dataclass(frozen=True)
class _Found:
    rows: Sequence[Row[Any]]
    rest_until: datetime | None


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
    ) -> SearchPage:
        """Return up to `limit` reads after a cursor, disclosed.

        Raises: InvalidInput for a search that would compare too many reads, or of which a statement exceeds the time
        limit.
        """
        with refused_when_slow(Code.SEARCH_TOO_SLOW, field="captured_from"):
            found = await self._found(grant, criteria, limit + 1, after)
        reads = await Records(self._connection).released(grant, found.rows[:limit])
        if len(found.rows) > limit:
            return SearchPage(reads, more=True)
        return SearchPage(reads, more=False, rest_until=found.rest_until)

    async def _found(
        self, grant: Grant, criteria: Criteria, limit: int, after: Cursor | None
    ) -> _Found:
        if self._replica is not None:
            return await self._replica.read(
                self._connection,
                lambda connection: Searches(connection, timeout_s=self._timeout_s)._found(
                    grant, criteria, limit, after
                ),
            )
        timeout_ms = str(int(self._timeout_s * 1000))
        await self._connection.execute(_SETTINGS, {"timeout_ms": timeout_ms})
        plan = await SearchPlans(self._connection).of(_rest(criteria, after), limit)
        check_cost(criteria, plan.cost)
        return await self._newest(grant, criteria, plan.starts, limit, after)

    async def _newest(
        self,
        grant: Grant,
        criteria: Criteria,
        starts: Starts,
        limit: int,
        after: Cursor | None,
    ) -> _Found:
        asked = Conditions()
        asked.add_place_and_time(criteria)
        asked.add_read(criteria)
        asked.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        if criteria.pattern is not None and not starts.are_plates:
            asked.add_plate_of_read(criteria.pattern)
        if after is not None:
            asked.add(
                "(r.captured_at, r.read_id) < (:{p}after_at, :{p}after_id)",
                after_at=after.captured_at,
                after_id=after.read_id,
            )
        if grant.purpose is not None and grant.purpose.scope:
            scope = of_reads(scope_of(grant.purpose.scope), "s")
            asked.terms += scope.terms
            asked.parameters |= scope.parameters
        query = text(
            f"SELECT {COLUMNS} FROM {starts.rows} CROSS JOIN LATERAL ("  # noqa: S608 - constants
            f"SELECT {COLUMNS} FROM reads r WHERE r.{starts.column} = start.id AND {starts.also}"
            f" AND {_IN_WINDOW} AND {asked.sql} {_NEWEST}) AS r {_NEWEST}"
        )
        parameters = {**asked.parameters, **starts.parameters}
        since, until = _rest(criteria, after).window
        windows = Windows(
            since,
            until,
            until - since if starts.first is None else starts.first,
            least_growth=starts.least_growth,
            most_s=PAGE_S,
            monotonic=time.monotonic,
        )
        rows: list[Row[Any]] = []
        while len(rows) < limit and (window := windows.next()) is not None:
            missing = limit - len(rows)
            own = {"window_from": window[0], "window_to": window[1], "limit": missing}
            found = list(await self._connection.execute(query, parameters | own))
            windows.widen(len(found), missing - len(found))
            rows += found
        return _Found(rows, windows.rest_until)


def _rest(criteria: Criteria, after: Cursor | None) -> Criteria:
    """Return the criteria of what follows a cursor."""
    since, until = criteria.window
    if after is None:
        return criteria
    until = min(until, after.captured_at + timedelta(microseconds=1))
    return structs.replace(criteria, captured_to=max(since, until))
