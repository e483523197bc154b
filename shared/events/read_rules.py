"""Rules that a read or a capture must meet to be stored and matched, the same in ingest, hotlist and retention.

Ingest refuses reads that the others would dead-letter, since its receipt promises storage. Hotlist and retention
decide independently and dead-letter exactly the same reads. Otherwise hotlist could raise a hit on a read that
retention does not store, or retention could store a read that hotlist never matches.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from shared.core.errors import InvalidInput
from shared.core.plates import MAX_PLATE_CHARACTERS
from shared.core.problem_codes import Common
from shared.events import Box, CaptureReceived, Character, Place, Read

FULL_CIRCLE_DEG = 360
MOST_PX = 1_000_000
"""No picture has a side of more pixels."""

OLDEST = timedelta(days=3660)
AHEAD = timedelta(days=1)
"""A capture time outside these bounds comes from a broken clock, and would create partitions of wrong months."""

_PLATE = re.compile(f"[A-Z0-9]{{1,{MAX_PLATE_CHARACTERS}}}")
_PLATES = re.compile("[A-Z0-9]+")
_SOUND = "(?!.*(?:\\.\\.|/\\.?(?:/|$)))"
_NAME = "[A-Za-z0-9._/-]{1,400}"
_CROP = re.compile(f"{_SOUND}crops/{_NAME}")
_FRAME = re.compile(f"{_SOUND}captures/{_NAME}")
"""A purge deletes what records name, and pages fetch it: a service that was taken over could else name a package, or a
key that the object store refuses, which would stop the deletion of all."""

_TEXTS = (
    "device_name",
    "agency_ori",
    "plate_as_read",
    "region",
    "model",
    "crop_key",
    "image_key",
    "vehicle_make",
    "vehicle_model",
    "vehicle_colour",
)


def check_reads(reads: Sequence[Read], now: datetime) -> None:
    """Raise InvalidInput for the first read that cannot be stored or computed with.

    The hot path: checks a batch as a whole, and read by read only if that check fails.
    """
    if not reads or _all_good(reads, now):
        return
    for read in reads:
        check_read(read, now)


def _all_good(reads: Sequence[Read], now: datetime) -> bool:
    earliest, latest = now - OLDEST, now + AHEAD
    texts: list[str | None] = []
    for read in reads:
        captured_at = read.captured_at
        if captured_at.tzinfo is None or read.received_at.tzinfo is None:
            return False
        if not 1 <= len(read.plate) <= MAX_PLATE_CHARACTERS:
            return False
        if not earliest <= captured_at <= latest or read.characters or read.alternatives:
            return False
        if not _is_heading(read.place) or not (read.box is None or _is_in_a_picture(read.box)):
            return False
        if not (_names(read.crop_key, _CROP) and _names(read.image_key, _FRAME)):
            return False
        texts += (read.device_name, read.plate_as_read, read.region, read.model)
        texts += (read.agency_ori, read.crop_key, read.image_key)
        texts += (read.vehicle_make, read.vehicle_model, read.vehicle_colour)
    return _storable(filter(None, texts)) and (
        _PLATES.fullmatch("".join([read.plate for read in reads])) is not None
    )


def check_read(read: Read, now: datetime) -> None:
    """Raise InvalidInput, naming the field, for a read that cannot be stored or computed with."""
    _check_times(read.captured_at, read.received_at, now)
    if _PLATE.fullmatch(read.plate) is None:
        raise InvalidInput(Common.PLATE_NOT_NORMAL, field="plate")
    _check_place(read.place)
    for name in _TEXTS:
        if not _storable([getattr(read, name) or ""]):
            raise InvalidInput(Common.TEXT_NOT_STORABLE, field=name)
    for name, pattern in (("crop_key", _CROP), ("image_key", _FRAME)):
        if not _names(getattr(read, name), pattern):
            raise InvalidInput(Common.PICTURE_KEY_NOT_OURS, field=name)
    if read.characters and not _storable(_texts_of(read.characters)):
        raise InvalidInput(Common.TEXT_NOT_STORABLE, field="characters")
    if read.box is not None and not _is_in_a_picture(read.box):
        raise InvalidInput(Common.FIELD_OUT_OF_RANGE, field="box", name="box")
    if read.alternatives and not all(_PLATE.fullmatch(a.plate) for a in read.alternatives):
        raise InvalidInput(Common.PLATE_NOT_NORMAL, field="alternatives")


def check_capture(capture: CaptureReceived, now: datetime) -> None:
    """Raise InvalidInput, naming the field, for a capture with an invalid time, heading or key of its picture."""
    _check_times(capture.captured_at, capture.received_at, now)
    _check_place(capture.place)
    if not _names(capture.image.object_key, _FRAME):
        raise InvalidInput(Common.PICTURE_KEY_NOT_OURS, field="object_key")


def is_late(captured_at: datetime, arrived_at: datetime, may_buffer: timedelta) -> bool:
    """Return whether a capture arrived later than `may_buffer` after its time (ADR-0032).

    Ingest applies it to captures and reads on arrival, with the device's buffering time; hotlist to reads that it
    matches, with the time for which a capture is live. This is the only rule of lateness.
    """
    return arrived_at - captured_at > may_buffer


def _check_place(place: Place | None) -> None:
    if not _is_heading(place):
        raise InvalidInput(Common.HEADING_OUT_OF_RANGE, field="heading_deg")


def _is_heading(place: Place | None) -> bool:
    return place is None or place.heading_deg is None or 0 <= place.heading_deg <= FULL_CIRCLE_DEG


def _check_times(captured_at: datetime, received_at: datetime, now: datetime) -> None:
    if captured_at.tzinfo is None or received_at.tzinfo is None:
        field = "captured_at" if captured_at.tzinfo is None else "received_at"
        raise InvalidInput(Common.TIME_WITHOUT_ZONE, field=field)
    if not now - OLDEST <= captured_at <= now + AHEAD:
        raise InvalidInput(Common.CAPTURE_TIME_NOT_SANE, field="captured_at")


def _texts_of(characters: Iterable[Character]) -> Iterator[str]:
    """Yield the text of each character and of the others considered in its place."""
    for one in characters:
        yield one.text
        for other in one.alternatives:
            yield other.text


def _is_in_a_picture(box: Box) -> bool:
    """Whether a box can be computed with; a huge integer fits no float."""
    return all(abs(side) <= MOST_PX for side in (box.x_px, box.y_px, box.width_px, box.height_px))


def _names(key: str | None, pattern: re.Pattern[str]) -> bool:
    return key is None or pattern.fullmatch(key) is not None


def _storable(texts: Iterable[str]) -> bool:
    """Whether Postgres can store texts: no NUL, no half of a surrogate pair."""
    joined = "".join(texts)
    if joined.isascii():
        return "\x00" not in joined
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in joined
