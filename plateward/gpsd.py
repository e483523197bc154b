"""Follows a vehicle's positions as gpsd reports them, in its JSON over TCP."""

import logging
import socket
import time
from datetime import datetime
from threading import Event, Thread
from typing import Annotated

import msgspec

from plateward.track import DRIVING_M_PER_S, MOST_CLOCK_OFF_S, Position, Track

log = logging.getLogger(__name__)

WATCH = b'?WATCH={"enable":true,"json":true};\n'
SILENT_AFTER_S = 10.0
"""gpsd reports each second while it has a receiver."""

AGAIN_AFTER_S = 5.0
MOST_LINE_BYTES = 1 << 16
FIX_2D = 2


class Report(msgspec.Struct, frozen=True):
    """What a report says that matters here (gpsd_json(5)); only the class TPV has a position."""

    kind: str = msgspec.field(name="class")
    mode: int = 0
    """2: a position; 3: with its height."""

    time: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    lat: Annotated[float, msgspec.Meta(ge=-90, le=90)] | None = None
    lon: Annotated[float, msgspec.Meta(ge=-180, le=180)] | None = None
    track: Annotated[float, msgspec.Meta(ge=0, le=360)] | None = None
    """Where the receiver moves, degrees clockwise from north."""

    speed: float | None = None
    """Metres a second."""


class Gpsd:
    """Adds what gpsd reports to a track, in a thread, until the signal to stop."""

    def __init__(self, host: str, port: int, track: Track, stop: Event) -> None:
        self._address = (host, port)
        self._track = track
        self._stop = stop
        self._trouble: str | None = None

    def start(self) -> Thread:
        """Follow in the background."""
        thread = Thread(target=self._follow, name="gpsd", daemon=True)
        thread.start()
        return thread

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (OSError, ValueError) as exc:
                self._in_trouble(f"gpsd does not report ({exc})")
            self._stop.wait(AGAIN_AFTER_S)

    def _listen(self) -> None:
        """Read reports until gpsd ends. Raises: OSError, ValueError for what is not its protocol."""
        with (
            socket.create_connection(self._address, timeout=SILENT_AFTER_S) as link,
            link.makefile("rb") as lines,
        ):
            link.sendall(WATCH)
            while not self._stop.is_set():
                line = lines.readline(MOST_LINE_BYTES)
                if not line.endswith(b"\n"):
                    raise ConnectionError("the connection ended")
                self._add(position_of(line), time.time())

    def _add(self, position: Position | None, now_s: float) -> None:
        """Add a position to the track, unless the clocks disagree."""
        if position is None:
            return
        off_s = now_s - position.at_s
        if abs(off_s) > MOST_CLOCK_OFF_S:
            self._track.clear()
            self._in_trouble(f"the clock here is {off_s:+.0f} s off that of GPS")
            return
        self._track.add(position)
        if self._trouble is not None:
            log.info("places are known again")
            self._trouble = None

    def _in_trouble(self, why: str) -> None:
        if why != self._trouble:
            log.warning("%s; pictures are posted without a place", why)
        self._trouble = why


def position_of(line: bytes) -> Position | None:
    """Return the position that a line of gpsd reports; None for a report of another kind, or without a fix.

    Raises: ValueError for what is no report of gpsd.
    """
    try:
        report = msgspec.json.decode(line, type=Report)
    except msgspec.DecodeError as exc:
        raise ValueError(str(exc)) from None
    latitude, longitude, at = report.lat, report.lon, report.time
    if report.kind != "TPV" or report.mode < FIX_2D:
        return None
    if latitude is None or longitude is None or at is None:
        return None
    driving = report.speed is not None and report.speed >= DRIVING_M_PER_S
    course = report.track if driving else None
    return Position(at.timestamp(), latitude, longitude, None if course is None else course % 360)
