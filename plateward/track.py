"""Where a vehicle was: its last positions by GPS, in between which a moment's place is computed."""

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from threading import Lock

MOST_GAP_S = 3.0
"""Between positions further apart in time, the vehicle's place is not known: at 30 m/s it was 90 m of road."""

NEAR_S = 1.0
"""A moment that is not between two such positions has the place of one so near to it."""

REMEMBERED_S = 120.0
"""A picture is complete long before: it has its place noted when it is found."""

MOST_CLOCK_OFF_S = 2.0
"""How far this machine's clock may be from that of GPS, by which its pictures would lie at another place."""

DRIVING_M_PER_S = 1.0
"""Below it the direction of travel is noise."""


@dataclass(frozen=True)
class Position:
    """What GPS said at a moment: WGS 84 degrees."""

    at_s: float
    """Seconds since 1970, by the clock of GPS."""

    latitude: float
    longitude: float
    course_deg: float | None
    """Where the vehicle drove, clockwise from north; None while it stood."""


@dataclass(frozen=True)
class VehiclePlace:
    """Where a vehicle was at a moment, and where it drove."""

    latitude: float
    longitude: float
    course_deg: float | None


class Track:
    """The last two minutes of a vehicle's way. Threads share it."""

    def __init__(self) -> None:
        self._positions: deque[Position] = deque()
        self._lock = Lock()

    def add(self, position: Position) -> None:
        """Add a position; one that is not later than the last begins the track anew."""
        with self._lock:
            if self._positions and position.at_s <= self._positions[-1].at_s:
                self._positions.clear()
            self._positions.append(position)
            while position.at_s - self._positions[0].at_s > REMEMBERED_S:
                self._positions.popleft()

    def clear(self) -> None:
        """Forget all positions."""
        with self._lock:
            self._positions.clear()

    def may_reach(self, moment_s: float) -> bool:
        """Return whether a coming position may say where the vehicle was at a moment."""
        with self._lock:
            return bool(self._positions) and self._positions[-1].at_s > moment_s - MOST_GAP_S

    def place_at(self, moment_s: float) -> VehiclePlace | None:
        """Return where the vehicle was at a moment, in seconds since 1970; None if the positions do not say."""
        with self._lock:
            known = list(self._positions)
        later = bisect_left(known, moment_s, key=lambda one: one.at_s)
        before, after = known[later - 1 : later], known[later : later + 1]
        if before and after and after[0].at_s - before[0].at_s <= MOST_GAP_S:
            return _between(before[0], after[0], moment_s)
        for one in (*before, *after):
            if abs(one.at_s - moment_s) <= NEAR_S:
                return VehiclePlace(one.latitude, one.longitude, one.course_deg)
        return None


def _between(before: Position, after: Position, moment_s: float) -> VehiclePlace:
    share = (moment_s - before.at_s) / (after.at_s - before.at_s)
    # Across the 180th meridian the shorter way counts.
    east_deg = math.remainder(after.longitude - before.longitude, 360)
    nearer = before if share < 0.5 else after
    return VehiclePlace(
        before.latitude + share * (after.latitude - before.latitude),
        math.remainder(before.longitude + share * east_deg, 360),
        nearer.course_deg,
    )
