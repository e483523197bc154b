"""Recognises possible orphans by their keys: `captures/<device>/2025/04/26/<capture>.jpg`, and crops likewise.

An orphan is an object that no record names, such as a frame that was stored while Kafka was down and never
sent again, or a crop whose read was never published. A key has the date of the capture, in UTC.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

from services.retention.domain.criteria import Criteria

FRAMES, CROPS, PACKAGES = "captures", "crops", "packages"
DATED = (FRAMES, CROPS)
"""Folders with a subfolder per camera and day, in the order of keys."""

MARGIN = timedelta(days=2)
"""Added to the schedule, because the clocks of cameras, services and the object store differ."""

SETTLED = timedelta(days=14)
"""Age from which no pending event in Kafka names an object: `capture.received` and `capture.processed` stay
there for 7 days each. A test compares it with the registry of topics."""

_FIRST_YEAR = 2000
_HEX = "[0-9a-f]"
_UUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
_DEVICE = re.compile(_UUID)
_DATE = re.compile("([0-9]{4})(?:/([0-9]{2})(?:/([0-9]{2}))?)?")
_ENDINGS = {FRAMES: "jpg|png|webp", CROPS: "jpg", PACKAGES: "zip"}
_NAMES = {
    kind: re.compile(rf"(?P<id>{_UUID})\.(?:{endings})") for kind, endings in _ENDINGS.items()
}
_HALF_WRITTEN = re.compile(rf"\.(?P<name>{_UUID}\.[a-z]+)\.{_HEX}{{32}}")
"""Names of files that a crash leaves in a store on a file system (shared/objects/store.py)."""


class SweepAction(Enum):
    """Action of a sweep on a folder."""

    INTO = auto()
    SWEEP = auto()
    PASS = auto()
    ODD = auto()
    """A folder of no camera, of an invalid day or of a future day: kept and counted."""


@dataclass(frozen=True)
class Bounds:
    """Days before `due` are wholly past the schedule; days after `last` are in the future."""

    due: date
    last: date

    @classmethod
    def of(cls, before: datetime, now: datetime) -> "Bounds":
        """Return the bounds, at `now`, of a purge of records captured before `before`."""
        return cls(
            due=cutoff(before).astimezone(UTC).date(),
            last=(now + timedelta(days=1)).astimezone(UTC).date(),
        )


def cutoff(before: datetime) -> datetime:
    """Return the moment before which a purge of records captured before `before` deletes orphans."""
    return before - MARGIN


class Day(NamedTuple):
    """The frames or crops of one camera and day."""

    kind: str
    device_id: UUID
    day: date

    @property
    def start(self) -> datetime:
        """The first moment of the day."""
        return datetime.combine(self.day, time(), UTC)

    @property
    def end(self) -> datetime:
        """The first moment of the next day."""
        return self.start + timedelta(days=1)

    @property
    def folder(self) -> str:
        """The prefix of its keys."""
        return f"{self.kind}/{self.device_id}/{self.day:%Y/%m/%d}"


def sweep_action(folder: str, bounds: Bounds) -> SweepAction:
    """Return the action on a folder of `DATED`, or on one of a camera, a year, a month or a day below."""
    _, *below = folder.split("/", 2)
    if below and not _DEVICE.fullmatch(below[0]):
        return SweepAction.ODD
    if len(below) < 2:
        return SweepAction.INTO
    span = _span(below[1])
    if span is None or span[0] > bounds.last:
        return SweepAction.ODD
    first, end = span
    if end - first == timedelta(days=1):
        return SweepAction.SWEEP if end <= bounds.due else SweepAction.PASS
    to_come = end - timedelta(days=1) > bounds.last
    return SweepAction.INTO if first < bounds.due or to_come else SweepAction.PASS


def _span(text: str) -> tuple[date, date] | None:
    """Return the first day of a year, month or day, and the day after its last."""
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    year, month, day = found.groups(default="")
    if not _FIRST_YEAR <= int(year) < date.max.year:
        return None
    try:
        first = date(int(year), int(month or "01"), int(day or "01"))
    except ValueError:
        return None
    if day:
        return first, first + timedelta(days=1)
    if month:
        return first, (first + timedelta(days=31)).replace(day=1)
    return first, date(first.year + 1, 1, 1)


def day_of(folder: str) -> Day:
    """Return the day of a folder whose action is `SWEEP`."""
    kind, device, day = folder.split("/", 2)
    return Day(kind, UUID(device), date.fromisoformat(day.replace("/", "-")))


def id_in(key: str, folder: str) -> UUID | None:
    """Return the id of the capture, read or request in a key; None for an odd name."""
    name = key.removeprefix(f"{folder}/")
    if half := _HALF_WRITTEN.fullmatch(name):
        name = half["name"]
    found = _NAMES[folder.split("/", 1)[0]].fullmatch(name)
    return None if found is None else UUID(found["id"])


def is_settled(put_at: datetime, now: datetime) -> bool:
    """Return whether an object is so old that no pending event can name it."""
    return put_at < now - SETTLED


def may_hold(criteria: Criteria, day: Day) -> bool:
    """Return whether a hold may cover frames of this camera and day.

    A hold that names plates or reads covers only reads. The place of a frame is unknown here, so an area
    may be anywhere.
    """
    if criteria.names_reads:
        return False
    if criteria.device_ids and day.device_id not in criteria.device_ids:
        return False
    late = criteria.captured_from is not None and criteria.captured_from >= day.end
    early = criteria.captured_to is not None and criteria.captured_to <= day.start
    return not late and not early
