"""Translates single values of makers' documents; what a device did not say, or said in no known way, is left out."""

import binascii
import math
from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from services.ingest.actions.makers.posted import FormField, PassedOver, Posted
from services.ingest.domain.problem_codes import Code
from services.ingest.domain.read_shapes import shape_fault
from shared.core.errors import InvalidInput, Malformed, TooLarge, ValueRefused
from shared.core.json_position import not_decoded
from shared.core.plates import normalise_plate
from shared.core.regions import is_region, parse_region

MAX_TEXT = 128
LIKELY = 0.5
"""The probability from which a device's word for a region or a direction counts: a wrong one is worse than none."""

MAX_OBJECTS = 10_000
"""The most objects of a document: it may have 50 MB of pictures, but not a million small results."""

MAX_PLATE = 32
"""The most characters of a plate as a device wrote it."""

MAX_OTHERS = 9
"""The most other plates of a read."""

T = TypeVar("T")

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF")
_PICTURE_FILES = (".jpg", ".jpeg", ".png", ".webp")
_BLANKS = b" \t\r\n"


def document(form: Sequence[FormField]) -> bytes:
    """Return the field that is no picture. Raises: Malformed if there is none."""
    for one in form:
        if one.data.strip() and not _is_picture(one):
            return one.data
    raise Malformed(Code.MAKER_DOCUMENT_MISSING)


def pictures(form: Sequence[FormField]) -> list[FormField]:
    """Return the fields that are pictures, also broken ones; files without content are none."""
    return [one for one in form if one.data and _is_picture(one)]


def _is_picture(one: FormField) -> bool:
    return one.data.startswith(_PICTURES) or one.name.lower().endswith(_PICTURE_FILES)


def in_json(data: bytes, kind: type[T]) -> T:
    """Decode a document, whose further fields do not matter.

    Raises: Malformed; TooLarge; InvalidInput naming its field.
    """
    if data.count(b"{") > MAX_OBJECTS:
        raise TooLarge(Code.MAKER_DOCUMENT_TOO_LARGE, max_objects=MAX_OBJECTS)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as exc:
        fault = shape_fault(str(exc), {}, {})
        raise fault.why.at(fault.field) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise not_decoded(data, str(exc)) from None
    except RecursionError:
        raise Malformed(Code.JSON_NESTED_TOO_DEEP) from None


def text(value: Any) -> str | None:
    """Return a word of a device as one line of at most 128 characters; None if it says nothing."""
    if not isinstance(value, str):
        return None
    start = value.strip()[:MAX_TEXT]  # a body's worth of text would fill memory, letter by letter
    line = "".join(c if c.isprintable() else " " for c in start).strip()
    return None if not line or line.lower() in ("unknown", "none", "null", "n/a", "-") else line


def plate_of(value: Any) -> str | None:
    """Return a plate as the device wrote it; None if it says that it read none.

    `NONE` and `UNKNOWN` are plates that people have; devices write these words in small letters.
    """
    line = value.strip() if isinstance(value, str) else ""
    return None if line in ("", "unknown", "none", "noplate", "noPlate", "no plate") else line


def unread(
    plate: str | None,
    frame: bytes | None,
    captured_at: str | None,
    where: Mapping[str, float] | None = None,
) -> Posted | None:
    """Return the post as a frame for our engine if the device read no plate in it; None if it has a read.

    So does a frame whose plate has no letter or digit that ours have; without a frame such a read is refused by name.
    """
    if plate is not None and (frame is None or _is_plate(plate)):
        return None
    if frame is None:
        return Posted(passed_over=PassedOver.NO_PLATE)
    return Posted(frame=frame, captured_at=captured_at, place=where or {})


def _is_plate(text: str) -> bool:
    if len(text) > MAX_PLATE:
        return False
    try:
        normalise_plate(text)
    except ValueRefused:
        return False
    return True


def identity(*words: Any) -> str | None:
    """Return the device's own id of a read, made of one word or several; the end of one that is too long."""
    said = [str(word).strip() for word in words if word not in (None, "")]
    joined = "-".join(word for word in said if word)
    return joined[-MAX_TEXT:] if joined and joined.isprintable() else None


def number(value: Any, name: str) -> float:
    """Return a number that a device sends as a number or as text. Raises: InvalidInput naming the maker's field."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InvalidInput(Code.MAKER_NUMBER_UNREADABLE, field=name, name=name)
    return found


def missing(name: str) -> InvalidInput:
    """Return the refusal of a document without a field, by the maker's name of it."""
    return InvalidInput(Code.MAKER_FIELD_MISSING, field=name, name=name)


def share(value: Any, name: str, *, of: float = 100) -> float:
    """Return a probability from 0 to 1, sent as a part of `of`. Raises: InvalidInput naming the maker's field."""
    return round(number(value, name) / of, 6)


def moment(value: Any, name: str, *, in_ms: bool) -> str:
    """Return a time as RFC 3339 writes it, from seconds or milliseconds since 1970. Raises: InvalidInput."""
    at = number(value, name) / (1000 if in_ms else 1)
    try:
        return datetime.fromtimestamp(at, UTC).isoformat()
    except (OverflowError, OSError, ValueError):
        raise InvalidInput(Code.MAKER_NUMBER_UNREADABLE, field=name, name=name) from None


def written(value: str | None) -> str:
    """Return a time that a device wrote nearly as RFC 3339: `2026-06-01 12:00:00+00:00` has a blank for the T."""
    line = (value or "").strip()
    return f"{line[:10]}T{line[11:]}" if line[10:11] == " " else line


def issuer(code: Any, home: str) -> str | None:
    """Return the region of `us-ca`, `de` or, by `home`, of `CA`; None for a text that names none."""
    said = text(code)
    if said is None:
        return None
    if (full := issuer_by_itself(said)) is not None:
        return full
    try:
        return parse_region(said, home).region
    except ValueRefused:
        return None


def issuer_by_itself(code: Any) -> str | None:
    """Return the region of `us-ca` or `de`; None for a code that names none by itself: `ca` is Canada, whose provinces
    issue the plates, and not California."""
    full = (text(code) or "").upper()
    return full if is_region(full) else None


def others(found: Sequence[tuple[Any, float]], plate: str) -> list[dict[str, Any]]:
    """Return the other plates that a device considered, the most probable first, without `plate` itself."""
    likely: dict[str, float] = {}
    for one, probability in found:
        said = plate_of(one)
        if said is not None and _is_plate(said) and 0 <= probability <= 1:
            likely[said] = max(probability, likely.get(said, 0.0))
    likely.pop(plate, None)
    best = sorted(likely.items(), key=lambda one: (-one[1], one[0]))[:MAX_OTHERS]
    return [{"plate": one, "confidence": probability} for one, probability in best]


def place(latitude: Any, longitude: Any) -> dict[str, float]:
    """Return a position; nothing for one that is missing or out of range, or 0, 0, which stands for no fix."""
    try:
        north, east = float(latitude), float(longitude)
    except (TypeError, ValueError, OverflowError):
        return {}
    if not (-90 <= north <= 90 and -180 <= east <= 180) or (north, east) in ((0, 0), (-1, -1)):
        return {}
    return {"latitude": north, "longitude": east}


def unpacked(value: str | None) -> bytes | None:
    """Return a picture sent as base64, with or without `data:image/jpeg;base64,`.

    What is no base64 is returned as it is: it is then refused as any picture that is none.
    """
    if not value:
        return None
    plain = value.partition(",")[2] if value.startswith("data:") else value
    try:
        return b64decode(plain.encode("ascii").translate(None, _BLANKS), validate=True)
    except (binascii.Error, ValueError):
        return plain[:64].encode(errors="replace")


def present(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None and value != []}
