"""Plans searches: from which indexed values a search starts, and how much it compares (ADR-0057, ADR-0064)."""

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.area import cells_of
from services.retention.domain.criteria import Criteria
from services.retention.domain.plates import plate_number
from services.retention.domain.search_cost import (
    LIGHT_CHARACTERS,
    Scope,
    cost_of_area,
    cost_of_plates,
    share_of_vehicle,
)
from services.retention.store.conditions import Conditions
from shared.core.areas import Area
from shared.core.plates import PlatePattern

MOST_PLATES = 10_000
"""The most plates from which a search starts. A search for more of them starts at the devices."""

_SOME_PLATES = 200
"""From so many plates a search starts, without an estimate of what another way costs, unless it names a place."""

_FEW_PLATES, _FEW_DEVICES = 20, 2
"""So many are read without windows: a further statement costs more."""

_SAMPLED_BYTES = 1e6
"""About so much of the table of plates shows how many match a pattern, in a millisecond: the same pages each time."""

_PLATES_FIRST = timedelta(days=2)
_DEVICES_FIRST = timedelta(hours=2)
"""The least width of the newest window of a search that starts at plates, and of one that starts at devices."""

_MARGIN = 1.3
"""The newest window is so much wider than what is expected to fill the page."""

_MOST_AT_ONCE = 100_000
"""So many reads at most are expected to be compared in the newest window from devices: some tenths of a second."""

_LEAST_ESTIMATED = 1_000
"""Fewer expected reads do not widen a window: Postgres may not know the newest ones yet."""

_LEAST_GROWTH = 1 / 8
"""A window from devices may be so much narrower than the one before: what it costs follows its reads."""

_PLATES = "SELECT p.plate_id FROM plates p WHERE"
_SAMPLE = """
SELECT count(*) FILTER (WHERE {matches}) AS matching, count(*) AS sampled,
    count(*) * greatest(1, pg_relation_size('plates') / CAST(:bytes AS float8)) AS plates
FROM plates p TABLESAMPLE SYSTEM (
    least(100, 100 * CAST(:bytes AS float8) / greatest(1, pg_relation_size('plates')))) REPEATABLE (1)
"""
_DAYS_THERE = (
    "FROM device_days"
    " WHERE lat_cell BETWEEN :lat0 AND :lat1 AND lon_cell BETWEEN :lon0 AND :lon1"
    " AND day BETWEEN CAST(CAST(:window_from AS timestamptz) AT TIME ZONE 'UTC' AS date)"
    " AND CAST(CAST(:window_to AS timestamptz) AT TIME ZONE 'UTC' AS date)"
)
"""The days of each device in the cells of an area, within a window."""

_DEVICES_OF_AREA = text(
    f"SELECT device_id, count(DISTINCT day) AS days {_DAYS_THERE} GROUP BY device_id"
)

# Consecutive days of a device in the area are one start.
_AREA_DAYS = (
    "(SELECT device_id AS id, CAST(min(day) AS timestamp) AT TIME ZONE 'UTC' AS since,"  # noqa: S608 - constants
    " CAST(max(day) + 1 AS timestamp) AT TIME ZONE 'UTC' AS until FROM ("
    "SELECT device_id, day,"
    " day - CAST(dense_rank() OVER (PARTITION BY device_id ORDER BY day) AS integer) AS run"
    f" {_DAYS_THERE}) AS days GROUP BY device_id, run) AS start"
)


@dataclass(frozen=True)
class Starts:
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

    def expecting(self, page_in: timedelta) -> "Starts":
        """Return them with a newest window in which a page is found, if it is expected within `page_in`."""
        if self.first is None:
            return self
        return replace(self, first=max(self.first, _MARGIN * page_in))

    @property
    def are_plates(self) -> bool:
        """Whether they are plates, so that the plate of a read needs no further condition."""
        return self.column == "plate_id"


@dataclass(frozen=True)
class Plan:
    """How a search is carried out."""

    starts: Starts
    cost: float


class _Sample(NamedTuple):
    """How many plates match a pattern, and how many there are, estimated."""

    matching: float
    """At least half a plate, however rare it seems."""

    plates: float


class SearchPlans:
    """Makes plans from the tables and their statistics."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, criteria: Criteria, wanted: int) -> Plan:
        """Return the plan of a search that shows `wanted` reads."""
        pattern = criteria.pattern
        if pattern is not None and pattern.exact:
            return Plan(starts_at([plate_number(pattern.text)]), cost_of_plates(1))
        of_area = cost_of_area(criteria)
        if pattern is None:
            share = await self._share(criteria)
            # Without conditions on single reads, the newest ones fill the page.
            reads = await self._reads(criteria) if share < 1 else wanted
            return Plan(_of_place(criteria), Scope(reads, share).compared(wanted) + of_area)
        is_rare = pattern.is_prefix or pattern.known_characters >= LIGHT_CHARACTERS
        listed = await self.matching(pattern) if is_rare else None
        at_a_place = criteria.area is not None or bool(criteria.device_ids)
        if listed is not None and len(listed) <= (_FEW_PLATES if at_a_place else _SOME_PLATES):
            return Plan(starts_at(listed), cost_of_plates(len(listed)))
        sample = await self._sample(pattern)
        expected = sample.matching if listed is None else len(listed)
        share = expected / sample.plates * await self._share(criteria)
        reads = await self._reads(criteria)
        compared = Scope(reads, share).compared(wanted)
        since, until = criteria.window
        of_read = (until - since) / reads if reads >= _LEAST_ESTIMATED else timedelta(0)
        if not is_rare and cost_of_plates(expected) < compared + of_area:
            listed = await self.matching(pattern)
        if listed is not None and cost_of_plates(len(listed)) < compared + of_area:
            starts = starts_at(listed).expecting(compared * of_read)
            return Plan(starts, cost_of_plates(len(listed)))
        starts = _of_place(criteria).expecting(min(compared, _MOST_AT_ONCE) * of_read)
        return Plan(starts, compared + of_area)

    async def matching(self, pattern: PlatePattern) -> list[int] | None:
        """Return the plates that match, by number; None if they are too many to start from, or no index finds them."""
        if not pattern.indexed:
            return None
        matching = Conditions()
        matching.add_pattern(pattern)
        limited = {**matching.parameters, "limit": MOST_PLATES + 1}
        found = await self._connection.execute(
            text(f"{_PLATES} {matching.sql} LIMIT :limit"), limited
        )
        listed = list(found.scalars())
        return listed if len(listed) <= MOST_PLATES else None

    async def _sample(self, pattern: PlatePattern) -> _Sample:
        """Return about how many plates match a pattern, by a part of the table."""
        text_alone = Conditions()
        text_alone.add_text(pattern)
        query = text(_SAMPLE.format(matches=text_alone.sql))
        given = {**text_alone.parameters, "bytes": _SAMPLED_BYTES}
        found = (await self._connection.execute(query, given)).one()
        sampled = max(found.sampled, 1)
        plates = max(float(found.plates), 1.0)
        return _Sample(max(found.matching, 0.5) / sampled * plates, plates)

    async def _reads(self, criteria: Criteria) -> float:
        """Return about how many reads the window, devices and area of a search have."""
        device_ids, part = list(criteria.device_ids), 1.0
        if criteria.area is not None:
            days = await self._days_in(criteria, criteria.area)
            if not days:
                return 0
            device_ids = list(days)
            since, until = criteria.window
            part = sum(days.values()) / len(days) / ((until.date() - since.date()).days + 1)
        reads = _of_window(criteria)
        if device_ids:
            reads.add("r.device_id = ANY(:{p}devices)", devices=device_ids)
        return part * await self._estimate(_reads_that(reads), reads.parameters)

    async def _days_in(self, criteria: Criteria, area: Area) -> dict[UUID, int]:
        """Return the days that each device, of those named if any are, was in an area within the window."""
        since, until = criteria.window
        parameters = {**_cells_of(area), "window_from": since, "window_to": until}
        there = await self._connection.execute(_DEVICES_OF_AREA, parameters)
        named = set(criteria.device_ids)
        return {row.device_id: row.days for row in there if not named or row.device_id in named}

    async def _share(self, criteria: Criteria) -> float:
        """Return about which share of the window's reads have the region, confidence and vehicle of a search."""
        of_vehicle = share_of_vehicle(criteria)
        if criteria.region is None and criteria.minimum_confidence is None:
            return of_vehicle
        reads = _of_window(criteria)
        in_all = await self._estimate(_reads_that(reads), reads.parameters)
        reads.add_read(criteria)
        share = await self._estimate(_reads_that(reads), reads.parameters) / in_all
        return of_vehicle * min(share, 1)

    async def _estimate(self, query: str, parameters: dict[str, Any]) -> float:
        """Return the planner's estimate of the rows of a query; at least 1."""
        explain = text(f"EXPLAIN (FORMAT JSON) {query}")
        plan = (await self._connection.execute(explain, parameters)).scalar_one()
        [whole] = json.loads(plan) if isinstance(plan, str) else plan
        return max(float(whole["Plan"]["Plan Rows"]), 1)


def _of_window(criteria: Criteria) -> Conditions:
    reads = Conditions()
    reads.add_time(criteria)
    return reads


def _reads_that(conditions: Conditions) -> str:
    return f"SELECT FROM reads r WHERE {conditions.sql}"


def starts_at(plates: list[int]) -> Starts:
    """Return plates, by their numbers, as starts."""
    return Starts(
        "plate_id",
        "unnest(CAST(:starts AS bigint[])) AS start (id)",
        {"starts": plates},
        first=_PLATES_FIRST if len(plates) > _FEW_PLATES else None,
        least_growth=2,
    )


def _of_place(criteria: Criteria) -> Starts:
    """Return the devices in the area, the devices that are named, or all."""
    if criteria.area is not None:
        return Starts(
            "device_id",
            _AREA_DAYS,
            _cells_of(criteria.area),
            first=_DEVICES_FIRST,
            least_growth=_LEAST_GROWTH,
            also="r.captured_at >= start.since AND r.captured_at < start.until",
        )
    if not criteria.device_ids:
        rows = "(SELECT device_id AS id FROM devices) AS start"
        return Starts("device_id", rows, first=_DEVICES_FIRST, least_growth=_LEAST_GROWTH)
    few = len(criteria.device_ids) <= _FEW_DEVICES and not criteria.names_reads
    return Starts(
        "device_id",
        "unnest(CAST(:starts AS uuid[])) AS start (id)",
        {"starts": list(criteria.device_ids)},
        first=None if few else _DEVICES_FIRST,
        least_growth=_LEAST_GROWTH,
    )


def _cells_of(area: Area) -> dict[str, int]:
    south, west, north, east = cells_of(area.bounds)
    return {"lat0": south, "lat1": north, "lon0": west, "lon1": east}
