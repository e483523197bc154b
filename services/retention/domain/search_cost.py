"""How much a search compares before its page is full: the bound of a search, and which ones count as heavy (ADR-0064).

A cost is a number of reads, or of entries of an index, that the search compares with its conditions. It is an
estimate: counts of plates are exact up to a limit, counts of reads come from the planner's statistics.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import floor, log10

from services.retention.domain.area import cells_of
from services.retention.domain.criteria import Criteria
from services.retention.domain.problem_codes import Code, Narrower
from shared.core.errors import InvalidInput

LIGHT_CHARACTERS = 4
"""A pattern with so many known characters matches few plates; of look-alikes, one more."""

LIGHT_AREA = 500
"""The highest cost of an area that a light search names."""

MOST_COMPARED = 1_000_000
"""A search that costs more is refused."""

_OF_A_PLATE = 8
"""The cost of a plate from which a search starts: it is looked up, and then its reads in each window."""

_CELLS_AND_DAYS = 10
"""So many cells of an area, each on one day, cost as much as a read."""


_OF_A_COLOUR, _OF_A_MAKE = 0.1, 0.1
"""About the share of reads that one colour or one make leaves; more where cameras report none."""


@dataclass(frozen=True)
class Scope:
    """The reads among which a search looks for its page, estimated."""

    reads: float
    """Reads of the window and place."""

    share: float = 1
    """The share of them that meets all conditions."""

    def compared(self, wanted: int) -> float:
        """Return how many reads a search compares until it has found as many as it wants."""
        return min(self.reads, wanted / max(self.share, 1e-12))


def is_heavy(criteria: Criteria, *, counted: bool = False) -> bool:
    """Whether a search may compare many reads, as far as its criteria show: it then waits for its turn."""
    pattern = criteria.pattern
    if counted and (pattern is None or not pattern.exact):
        return True
    if pattern is not None:
        known = pattern.known_characters - pattern.lookalike
        return not (pattern.whole or (pattern.indexed and known >= LIGHT_CHARACTERS))
    if criteria.region is not None or criteria.minimum_confidence is not None:
        return True
    if criteria.colour is not None or criteria.make is not None:
        return True
    return criteria.area is not None and cost_of_area(criteria) > LIGHT_AREA


def cost_of_plates(plates: float) -> float:
    """Return the cost of a search that starts at so many plates."""
    return plates * _OF_A_PLATE


def cost_of_area(criteria: Criteria) -> float:
    """Return the cost of finding the devices that were in the area of a search; 0 without one."""
    if criteria.area is None:
        return 0
    south, west, north, east = cells_of(criteria.area.bounds)
    since, until = criteria.window
    cells = (north - south + 1) * (east - west + 1)
    return cells * ((until - since) / timedelta(days=1) + 1) / _CELLS_AND_DAYS


def share_of_vehicle(criteria: Criteria) -> float:
    """Return about which share of reads has the colour and make of a search, or none."""
    of_colour = 1 if criteria.colour is None else _OF_A_COLOUR
    return of_colour * (1 if criteria.make is None else _OF_A_MAKE)


def check_cost(criteria: Criteria, cost: float) -> None:
    """Raise InvalidInput for a search that costs too much; it says what narrows the search."""
    if cost <= MOST_COMPARED:
        return
    since, until = criteria.window
    pattern = criteria.pattern
    raise InvalidInput(
        Code.SEARCH_TOO_WIDE,
        field="captured_from" if pattern is None else "plate",
        known_characters=0 if pattern is None else pattern.known_characters,
        days=round((until - since) / timedelta(days=1), 1),
        reads=_rounded(cost),
        most_reads=MOST_COMPARED,
        narrow_by=_narrower(criteria),
    )


def _narrower(criteria: Criteria) -> list[Narrower]:
    by = [Narrower.SHORTER_WINDOW]
    if criteria.pattern is not None:
        by.insert(0, Narrower.MORE_CHARACTERS)
    if criteria.area is not None:
        by.append(Narrower.SMALLER_AREA)
    elif criteria.device_ids:
        by.append(Narrower.FEWER_DEVICES)
    else:
        by.append(Narrower.AN_AREA)
    return by


def _rounded(cost: float) -> int:
    """Return an estimate with its first two digits."""
    unit = 10.0 ** (floor(log10(cost)) - 1)
    return int(round(cost / unit) * unit)
