"""Searches reads, newest first, in pages that do not shift while records arrive.

A search starts at an index: at the plates that match, if they are few, or else at the devices and their days in the
area. From each start it reads a window of time, the newest first, until the page is full (ADR-0057).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.area import Area
from services.retention.domain.criteria import Criteria, Cursor, scope_of
from services.retention.domain.plates import plate_number
from services.retention.domain.problem_codes import Code
from services.retention.domain.search_windows import Windows
from services.retention.store.conditions import Conditions, of_reads
from services.retention.store.records import COLUMNS, Read, Records
from services.retention.store.replica import Replica
from shared.access.grant import Grant
from shared.core.errors import InvalidInput
from shared.core.plates import PlatePattern
from shared.postgres.database import QUERY_CANCELED, sqlstate

MOST_PLATES = 5_000
"""The most plates from which a search starts. A search for more of them starts at the devices."""

MOST_PLATES_AT_A_PLACE = 200
"""The same, for a search that names an area or devices."""

_FEW_PLATES, _FEW_DEVICES = 20, 2
"""So many are read without windows: a further statement costs more."""

_PLATES_FIRST = timedelta(days=2)
_DEVICES_FIRST = timedelta(hours=2)
"""The newest window of a search that starts at plates, and of one that starts at devices."""

# Plans know the window, so that they leave out the other months; and searches leave the cores to others.
_SETTINGS = text(
    "SELECT set_config('statement_timeout', :timeout_ms, true), set_config('jit', 'off', true),"
    " set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('max_parallel_workers_per_gather', '0', true)"
)
_NEWEST = "ORDER BY r.captured_at DESC, r.read_id DESC LIMIT :limit"
_IN_WINDOW = "r.captured_at >= :window_from AND r.captured_at < :window_to"


@dataclass(frozen=True)
class _Starts:
    """The indexed values from which a search reads."""

    column: str
    """The column of reads whose index begins with the values."""

    rows: str
    """SQL of the values, as rows `start` with a column `id`."""

    parameters: dict[str, Any] = field(default_factory=dict)
    first: timedelta | None = None
    """The width of the newest window; None for a search without windows."""

    least_growth: float = 1
    also: str = "TRUE"
    """A further condition on `r` and `start`."""


_DEVICES = _Starts(
    "device_id", "(SELECT device_id AS id FROM devices) AS start", first=_DEVICES_FIRST
)

# Consecutive days of a device in the area are one start.
_AREA_DAYS = (
    "(SELECT device_id AS id, CAST(min(day) AS timestamp) AT TIME ZONE 'UTC' AS since,"
    " CAST(max(day) + 1 AS timestamp) AT TIME ZONE 'UTC' AS until FROM ("
    "SELECT device_id, day,"
    " day - CAST(dense_rank() OVER (PARTITION BY device_id ORDER BY day) AS integer) AS run FROM device_days"
    " WHERE lat_cell BETWEEN :lat0 AND :lat1 AND lon_cell BETWEEN :lon0 AND :lon1"
    " AND day BETWEEN CAST(CAST(:window_from AS timestamptz) AT TIME ZONE 'UTC' AS date)"
    " AND CAST(CAST(:window_to AS timestamptz) AT TIME ZONE 'UTC' AS date)"
    ") AS days GROUP BY device_id, run) AS start"
)


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
        self, grant: Grant, criteria: Criteria, *, limit: int, after: Cursor | None = None
    ) -> tuple[list[Read], bool]:
        """Return up to `limit` reads after a cursor, disclosed, and whether more follow.

        Raises: InvalidInput if the query exceeds the time limit.
        """
        try:
            rows = await self._found(grant, criteria, limit + 1, after)
        except DBAPIError as exc:
            if sqlstate(exc) == QUERY_CANCELED:
                raise InvalidInput(Code.SEARCH_TOO_SLOW, field="captured_from") from None
            raise
        reads = await Records(self._connection).released(grant, rows[:limit])
        return reads, len(rows) > limit

    async def _found(
        self, grant: Grant, criteria: Criteria, limit: int, after: Cursor | None
    ) -> list[Row[Any]]:
        if self._replica is not None:
            return await self._replica.read(
                self._connection,
                lambda connection: Searches(connection, timeout_s=self._timeout_s)._found(
                    grant, criteria, limit, after
                ),
            )
        timeout_ms = str(int(self._timeout_s * 1000))
        await self._connection.execute(_SETTINGS, {"timeout_ms": timeout_ms})
        return await self._newest(grant, criteria, limit, after)

    async def _newest(
        self, grant: Grant, criteria: Criteria, limit: int, after: Cursor | None
    ) -> list[Row[Any]]:
        starts = await self._starts(criteria)
        asked = Conditions()
        asked.add_place_and_time(criteria)
        asked.add_read(criteria)
        asked.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        if criteria.pattern is not None and starts.column != "plate_id":
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
        rows: list[Row[Any]] = []
        windows = _windows(criteria, starts, after)
        while len(rows) < limit and (window := windows.next()) is not None:
            missing = limit - len(rows)
            own = {"window_from": window[0], "window_to": window[1], "limit": missing}
            found = list(await self._connection.execute(query, parameters | own))
            windows.widen(len(found), missing - len(found))
            rows += found
        return rows

    async def _starts(self, criteria: Criteria) -> _Starts:
        at_a_place = criteria.area is not None or bool(criteria.device_ids)
        if criteria.pattern is not None:
            most = MOST_PLATES_AT_A_PLACE if at_a_place else MOST_PLATES
            plates = await self._plates(criteria.pattern, most)
            if plates is not None:
                return _of_plates(plates)
        if criteria.area is not None:
            return _of_area(criteria.area)
        return _of_devices(criteria.device_ids) if criteria.device_ids else _DEVICES

    async def _plates(self, pattern: PlatePattern, most: int) -> list[int] | None:
        """Return the matching plates; None if they are too many to start from."""
        if pattern.exact:
            return [plate_number(pattern.text)]
        if not pattern.indexed:
            return None
        matching = Conditions()
        matching.add_pattern(pattern)
        query = f"SELECT p.plate_id FROM plates p WHERE {matching.sql} LIMIT :limit"  # noqa: S608
        found = await self._connection.execute(
            text(query), {**matching.parameters, "limit": most + 1}
        )
        plates = list(found.scalars())
        return plates if len(plates) <= most else None


def _windows(criteria: Criteria, starts: _Starts, after: Cursor | None) -> Windows:
    since, until = criteria.window
    if after is not None:
        until = min(until, after.captured_at + timedelta(microseconds=1))
    first = until - since if starts.first is None else starts.first
    return Windows(since, until, first, least_growth=starts.least_growth)


def _of_plates(plates: list[int]) -> _Starts:
    return _Starts(
        "plate_id",
        "unnest(CAST(:starts AS bigint[])) AS start (id)",
        {"starts": plates},
        first=_PLATES_FIRST if len(plates) > _FEW_PLATES else None,
        least_growth=2,
    )


def _of_devices(device_ids: Sequence[UUID]) -> _Starts:
    return _Starts(
        "device_id",
        "unnest(CAST(:starts AS uuid[])) AS start (id)",
        {"starts": list(device_ids)},
        first=_DEVICES_FIRST if len(device_ids) > _FEW_DEVICES else None,
    )


def _of_area(area: Area) -> _Starts:
    south, west, north, east = area.bounds.cells
    return _Starts(
        "device_id",
        _AREA_DAYS,
        {"lat0": south, "lat1": north, "lon0": west, "lon1": east},
        first=_DEVICES_FIRST,
        also="r.captured_at >= start.since AND r.captured_at < start.until",
    )
