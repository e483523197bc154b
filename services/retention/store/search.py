"""Searches reads, newest first, in pages that do not shift while records arrive.

The criteria choose one of three queries, each starting at an index: matching plates and then each plate's reads;
the days on which devices were in an area and then their reads; the devices' reads.
"""

from datetime import UTC, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria, Cursor, scope_of
from services.retention.domain.plates import plate_number
from services.retention.domain.problem_codes import Code
from services.retention.store.conditions import Conditions, of_reads
from services.retention.store.records import COLUMNS, Read, Records
from shared.access.grant import Grant
from shared.core.errors import InvalidInput
from shared.core.plates import PlatePattern
from shared.postgres.database import sqlstate

QUERY_CANCELED = "57014"
"""The SQLSTATE of a statement that its time limit ended (PostgreSQL documentation, appendix A)."""

MAX_PLATES = 50_000
"""The most plates that a pattern may match. A wider pattern does not describe a vehicle."""

_NEWEST = "ORDER BY r.captured_at DESC, r.read_id DESC LIMIT :limit"


class Searches:
    """Runs searches for a grant."""

    def __init__(self, connection: AsyncConnection, *, timeout_s: float = 20) -> None:
        self._connection = connection
        self._timeout_s = timeout_s

    async def page(
        self, grant: Grant, criteria: Criteria, *, limit: int, after: Cursor | None = None
    ) -> tuple[list[Read], bool]:
        """Return up to `limit` reads after a cursor, disclosed, and whether more follow.

        Raises: InvalidInput if too little of the plate is known, too many plates match, or the query exceeds the time
        limit.
        """
        try:
            await self._set_timeout()
            rows = await self._rows(grant, criteria, limit + 1, after)
        except DBAPIError as exc:
            if sqlstate(exc) == QUERY_CANCELED:
                raise InvalidInput(Code.SEARCH_TOO_SLOW, field="captured_from") from None
            raise
        reads = await Records(self._connection).released(grant, rows[:limit])
        return reads, len(rows) > limit

    async def _set_timeout(self) -> None:
        timeout_ms = int(self._timeout_s * 1000)
        await self._connection.execute(text(f"SET LOCAL statement_timeout = {timeout_ms}"))
        await self._connection.execute(text("SET LOCAL jit = off"))

    async def _rows(
        self, grant: Grant, criteria: Criteria, limit: int, after: Cursor | None
    ) -> list[Row[Any]]:
        pattern = criteria.pattern
        plates = await self._plates(criteria, pattern) if pattern is not None else None
        asked = Conditions()
        asked.add_place_and_time(criteria)
        asked.add_read(criteria)
        asked.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        if pattern is not None and plates is None:
            asked.add_plate(pattern)
        if after is not None:
            asked.add(
                # The first condition uses the index; the second cannot.
                "r.captured_at <= :{p}after_at"
                " AND (r.captured_at, r.read_id) < (:{p}after_at, :{p}after_id)",
                after_at=after.captured_at,
                after_id=after.read_id,
            )
        if grant.purpose is not None and grant.purpose.scope:
            scope = of_reads(scope_of(grant.purpose.scope), "s")
            asked.terms += scope.terms
            asked.parameters |= scope.parameters
        sql, more = _query_of(criteria, plates)
        parameters = {**asked.parameters, **more, "limit": limit}
        return list(await self._connection.execute(text(sql.format(asked=asked.sql)), parameters))

    async def _plates(self, criteria: Criteria, pattern: PlatePattern) -> list[int] | None:
        """Return the matching plates; None if the query tests the plate of each read by area or device."""
        if pattern.exact:
            return [plate_number(pattern.text)]
        narrow = criteria.area is not None or bool(criteria.device_ids)
        if not pattern.indexed:
            if narrow:
                return None
            raise InvalidInput(Code.SEARCH_TOO_LITTLE_KNOWN, field="plate")
        matching = Conditions()
        matching.add_pattern(pattern)
        query = f"SELECT p.plate_id FROM plates p WHERE {matching.sql} LIMIT :limit"  # noqa: S608
        found = await self._connection.execute(
            text(query), {**matching.parameters, "limit": MAX_PLATES + 1}
        )
        plates = list(found.scalars())
        if len(plates) <= MAX_PLATES:
            return plates
        if narrow:
            return None
        raise InvalidInput(Code.SEARCH_TOO_MANY_PLATES, field="plate", max_plates=MAX_PLATES)


def _query_of(criteria: Criteria, plates: list[int] | None) -> tuple[str, dict[str, Any]]:
    """Return the query, with the placeholder `{asked}` for its conditions, and its own parameters."""
    if plates is not None:
        return _each("plate_id", "unnest(CAST(:starts AS bigint[]))"), {"starts": plates}
    if criteria.area is None:
        return _each("device_id", "unnest(CAST(:starts AS uuid[]))"), {
            "starts": list(criteria.device_ids)
        }
    south, west, north, east = criteria.area.bounds.cells
    captured_from, captured_to = criteria.window
    return _AREA, {
        "lat0": south,
        "lat1": north,
        "lon0": west,
        "lon1": east,
        "day0": captured_from.astimezone(UTC).date(),
        "day1": (captured_to - timedelta(microseconds=1)).astimezone(UTC).date(),
    }


def _each(column: str, starts: str) -> str:
    return (
        f"SELECT {COLUMNS} FROM {starts} AS start (id) CROSS JOIN LATERAL ("  # noqa: S608 - constants
        f"SELECT {COLUMNS} FROM reads r WHERE r.{column} = start.id AND {{asked}} {_NEWEST}"
        f") AS r {_NEWEST}"
    )


_AREA = (
    f"SELECT {COLUMNS} FROM ("  # noqa: S608 - constants
    "SELECT DISTINCT device_id, day FROM device_days"
    " WHERE lat_cell BETWEEN :lat0 AND :lat1 AND lon_cell BETWEEN :lon0 AND :lon1"
    " AND day BETWEEN :day0 AND :day1"
    ") AS been JOIN reads r ON r.device_id = been.device_id"
    " AND r.captured_at >= CAST(been.day AS timestamp) AT TIME ZONE 'UTC'"
    " AND r.captured_at < CAST(been.day + 1 AS timestamp) AT TIME ZONE 'UTC'"
    f" WHERE {{asked}} {_NEWEST}"
)
