"""Time and place of a frame, as its device sends them: by query, by header or by form field."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.events import Place

HEADERS = {
    "captured_at": "x-captured-at",
    "latitude": "x-latitude",
    "longitude": "x-longitude",
    "heading_deg": "x-heading-deg",
}
_BY_HEADER = {header: name for name, header in HEADERS.items()}
MAX_TEXT = 64

# In a query "+" means a space, and some cameras write 12:00:00+00:00 there unescaped.
_LOST_PLUS = re.compile(r"(T.*\d) (\d\d:?\d\d)")


@dataclass(frozen=True)
class Circumstances:
    """A device's statements about a frame."""

    captured_at: datetime | None
    """Aware, in UTC; None if the device has no clock."""

    place: Place | None


@dataclass(frozen=True)
class Window:
    """Allowed times of a capture."""

    earliest: datetime
    latest: datetime

    @classmethod
    def around(cls, now: datetime, *, schedule_days: int, skew_s: float) -> "Window":
        """Return the window at `now`: from the age at which records are purged to the allowed clock skew."""
        return cls(now - timedelta(days=schedule_days), now + timedelta(seconds=skew_s))

    def fault(self, at: datetime) -> Code | None:
        """Return the rule that a time breaks, or None."""
        if at > self.latest:
            return Code.CAPTURED_AT_IN_FUTURE
        if at < self.earliest:
            return Code.CAPTURED_AT_TOO_OLD
        return None


def circumstances(
    query: Iterable[tuple[str, str]],
    headers: Iterable[tuple[str, str]],
    fields: Mapping[str, str],
    window: Window,
) -> Circumstances:
    """Collect time and place from query, headers and fields. Raises: InvalidInput naming the field.

    A header's name is in lower case; a parameter or a header may come more than once.
    """
    given = _fields_of(query, headers, fields)
    return Circumstances(
        captured_at=_time(given["captured_at"], window) if "captured_at" in given else None,
        place=_place(given),
    )


def _fields_of(
    query: Iterable[tuple[str, str]],
    headers: Iterable[tuple[str, str]],
    fields: Mapping[str, str],
) -> dict[str, str]:
    """Collect the values. Refuses an unknown name, which may be a misspelt `captured_at`."""
    given: dict[str, str] = {}
    pairs = [*query, *fields.items()]
    pairs += [(_BY_HEADER[one], value) for one, value in headers if one in _BY_HEADER]
    for name, value in pairs:
        if name not in HEADERS:
            raise InvalidInput(
                Code.CAPTURE_FIELD_UNKNOWN, field=name[:MAX_TEXT], allowed=list(HEADERS)
            )
        if not (value.isascii() and value.isprintable()):
            raise InvalidInput(Code.CAPTURE_FIELD_NOT_ASCII, field=name, name=name)
        if len(value) > MAX_TEXT:
            raise InvalidInput(
                Code.CAPTURE_FIELD_TOO_LONG, field=name, name=name, max_characters=MAX_TEXT
            )
        if given.setdefault(name, value.strip()) != value.strip():
            raise InvalidInput(Code.CAPTURE_FIELD_CONTRADICTED, field=name, name=name)
    return given


def _time(text: str, window: Window) -> datetime:
    try:
        at = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
    except ValueError:
        raise InvalidInput(Code.CAPTURED_AT_UNREADABLE, field="captured_at") from None
    if at.tzinfo is None:
        raise InvalidInput(Code.CAPTURED_AT_WITHOUT_ZONE, field="captured_at")
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(Code.CAPTURED_AT_OUT_OF_AGE, field="captured_at") from None
    if (fault := window.fault(utc)) is not None:
        raise InvalidInput(fault, field="captured_at")
    return utc


def _place(given: Mapping[str, str]) -> Place | None:
    latitude = _number(given, "latitude", -90, 90)
    longitude = _number(given, "longitude", -180, 180)
    heading_deg = _number(given, "heading_deg", 0, 360)
    if latitude is None and longitude is None:
        if heading_deg is not None:
            raise InvalidInput(Code.HEADING_WITHOUT_PLACE, field="heading_deg")
        return None
    if latitude is None or longitude is None:
        missing = "latitude" if latitude is None else "longitude"
        raise InvalidInput(Code.PLACE_INCOMPLETE, field=missing)
    return Place(latitude, longitude, None if heading_deg is None else heading_deg % 360)


def _number(given: Mapping[str, str], name: str, least: float, most: float) -> float | None:
    if name not in given:
        return None
    try:
        number = float(given[name].replace("_", "?"))  # no digit groups
    except ValueError:
        number = math.nan
    if not least <= number <= most:
        raise InvalidInput(Code.PLACE_OUT_OF_RANGE, field=name, name=name, least=least, most=most)
    return number
