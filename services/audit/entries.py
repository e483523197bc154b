"""An event as an entry of the log: its exact bytes, and what it can be found by.

An entry is a CloudEvents 1.0 event in JSON format: the attributes that came with it, sorted, and as
`data` the body byte for byte as it was received. Nothing is dropped that this version does not know.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from shared.codec import Message
from shared.errors import Malformed
from shared.merkle import Hash, leaf_hash
from shared.plates import MAX_TYPED_CHARACTERS, PlatePattern

PREFIX = "alpr."
_PLATE_KEYS = frozenset({"plate", "plates", "plate_read", "plate_listed", "plate_as_read"})
_NOT_PLATE = re.compile(r"[^A-Z0-9*?]")
_ACTORS = ("actor", "verified_by", "disposed_by")
_INDEXED_CHARACTERS = 200
_MAX_DEPTH = 10
_encoder = msgspec.json.Encoder(order="sorted")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry is found by. Derived from its bytes, so that verification can derive it again."""

    event_id: UUID
    kind: str
    occurred_at: datetime
    service: str
    person_id: str | None = None
    person_name: str | None = None
    permission: str | None = None
    allowed: bool | None = None
    purpose_kind: str | None = None
    case_number: str | None = None
    plates: list[str] = []
    request_id: str | None = None
    attempt_id: UUID | None = None
    client_address: str | None = None


class Entry(msgspec.Struct, frozen=True):
    """What is appended: the bytes, their leaf hash, and what they are found by."""

    content: bytes
    leaf: Hash
    found: Found


def entry_of(message: Message) -> Entry:
    """Return the entry for a message. Raises: Malformed when it is no event of its topic."""
    attributes = {
        name.removeprefix("ce_"): value.decode("utf-8", "replace")
        for name, value in message.headers.items()
        if name.startswith("ce_")
    }
    kind = attributes.get("type", "").rpartition(".v")[0]
    if kind != message.topic:
        raise Malformed("ce_type is not a version of the topic's event")
    attributes["datacontenttype"] = message.headers.get("content-type", b"").decode()
    try:
        msgspec.json.decode(message.value or b"", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("the body is not a JSON object") from None
    content = _encoder.encode({**attributes, "data": msgspec.Raw(message.value or b"")})
    return Entry(content, leaf_hash(content), found_in(content))


def found_in(content: bytes) -> Found:
    """Return what an entry is found by. Raises: Malformed when it lacks what each has."""
    try:
        entry = msgspec.json.decode(content)
        body = entry["data"]
        event_id = UUID(entry["id"])
        occurred_at = datetime.fromisoformat(str(body.get("occurred_at") or entry["time"]))
    except (msgspec.DecodeError, LookupError, ValueError, AttributeError, TypeError) as exc:
        raise Malformed(f"an entry needs an id and a time: {type(exc).__name__}") from None
    if occurred_at.tzinfo is None:
        raise Malformed("an entry's time has an offset")
    purpose = _mapping(body.get("purpose"))
    actor = next((_mapping(body[name]) for name in _ACTORS if body.get(name)), {})
    return Found(
        event_id=event_id,
        kind=_text(str(entry.get("type", "")).rpartition(".v")[0].removeprefix(PREFIX)) or "",
        occurred_at=occurred_at,
        service=_text(body.get("service")) or _text(_service(entry)) or "",
        person_id=_text(actor.get("person_id")),
        person_name=_text(actor.get("name")),
        permission=_text(body.get("permission")),
        allowed=_allowed(body),
        purpose_kind=_text(purpose.get("kind") or body.get("purpose_kind")),
        case_number=_text(
            purpose.get("case_number") or purpose.get("call_number") or body.get("case_number")
        ),
        plates=sorted(set(_plates(body))),
        request_id=_text(body.get("request_id")),
        attempt_id=_uuid(body.get("attempt_id")),
        client_address=_text(body.get("client_address")),
    )


def as_plate(text: str) -> str:
    """Return a plate or pattern in the normal form in which the log is asked for it; "" for no plate.

    ASCII text that is no pattern, such as one of 13 characters, keeps the form that entries before
    `PlatePattern` are indexed under.
    """
    try:
        return PlatePattern.parse(text).text
    except ValueError:
        return _NOT_PLATE.sub("", text.upper())[:MAX_TYPED_CHARACTERS] if text.isascii() else ""


def _service(entry: Mapping[str, Any]) -> str:
    return str(entry.get("source", "")).rpartition("/")[2]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    """Return a value as Postgres can index it: no NUL, not too long; None for no text."""
    if not isinstance(value, str) or not value:
        return None
    return value[:_INDEXED_CHARACTERS].replace("\x00", "\ufffd")


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _allowed(body: Mapping[str, Any]) -> bool | None:
    """Return whether what was asked was allowed; None where nothing was asked."""
    for name in ("allowed", "accepted"):
        if isinstance(body.get(name), bool):
            return bool(body[name])
    return False if body.get("change") == "refused" else None


def _plates(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every plate that is named as one, however deep."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in _PLATE_KEYS:
                yield from _named(inner)
            elif isinstance(inner, dict | list):
                yield from _plates(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from _plates(inner, depth + 1)


def _named(value: Any) -> Iterator[str]:
    texts = value if isinstance(value, list) else [value]
    for text in texts:
        if isinstance(text, str) and (plate := as_plate(text)):
            yield plate
