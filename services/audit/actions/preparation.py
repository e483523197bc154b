"""Prepares messages as entries: search fields, open part and sealed groups."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from services.audit.domain.entries import PREFIX, Entry, EntryFields, Prepared
from services.audit.domain.named_plates import plates_in
from services.audit.domain.sealing import UNDECODABLE, Unreadable, fields_of, split
from shared.events import Event, Sealing
from shared.kafka.codec import Message, encode
from shared.kafka.topics import TOPICS

SEALINGS: dict[str, Sealing] = {
    topic.name: topic.event.SEALED
    for topic in TOPICS.values()
    if topic.audited and topic.event.SEALED is not None
}

MOST_NESTED = 100
"""The most levels of lists and objects in a body. An answer with more of them cannot be encoded."""

AHEAD, FIRST = timedelta(days=366), datetime(1970, 1, 1, tzinfo=UTC)
"""How far ahead of audit's clock an event's time may be, and the first time that a clock without a battery shows."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string of JSON, or what an unclosed one leaves of a body: a search never goes back, whatever the body has."""

_OPENING = b"[{"
_BRACKETS = b"[]{}"
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))

_TYPE = "content-type"
_INDEXED_CHARACTERS = 200


def prepare(message: Message) -> Prepared:
    """Return a message's search fields, open part and groups, still unsealed.

    Raises: Unreadable if the message is no event of its topic.
    """
    attributes = _attributes(message.headers)
    kind = attributes.get("type", "").rpartition(".v")[0]
    if kind != message.topic:
        raise Unreadable("ce_type is not a version of the topic's event")
    body, sealing = message.value or b"", SEALINGS.get(kind)
    if _is_deep(body):
        raise Unreadable(f"the body has values nested deeper than {MOST_NESTED} levels")
    if sealing is not None:
        fields = fields_of(body)
        at = _moment_of(attributes, _decoded(fields.get("occurred_at", b"null")))
        stays, groups = split(sealing, fields, at.date())
        if groups:
            found = _found(attributes, _object(stays), at, _names_plates(stays))
            return Prepared(found, attributes, body, stays, groups)
    # Decode the whole body: entries must be readable later, and it gives the search fields.
    said = _object(body)
    at = _moment_of(attributes, said.get("occurred_at"))
    return Prepared(_found(attributes, said, at, _names_plates(body)), attributes, body, body)


def _attributes(headers: Mapping[str, bytes]) -> dict[str, str]:
    """Return an event's attributes by name; U+FFFD replaces invalid UTF-8."""
    names = _names_of_attributes(tuple(headers))
    try:
        found = {name: headers[header].decode() for header, name in names}
    except UnicodeDecodeError:
        found = {name: headers[header].decode(errors="replace") for header, name in names}
    if _TYPE not in headers:
        found["datacontenttype"] = ""
    return found


@lru_cache(maxsize=64)
def _names_of_attributes(headers: tuple[str, ...]) -> Sequence[tuple[str, str]]:
    """Return the headers that are attributes of the event, each with the attribute's name."""
    names = [(header, header[3:]) for header in headers if header.startswith("ce_")]
    return [*names, (_TYPE, "datacontenttype")] if _TYPE in headers else names


def _decoded(text: bytes) -> Any:
    """Return a decoded JSON text. Raises: Unreadable."""
    try:
        return msgspec.json.decode(text)
    except UNDECODABLE:
        raise Unreadable("the body is not a JSON object") from None


def _object(body: bytes) -> Mapping[str, Any]:
    """Return a decoded JSON object. Raises: Unreadable, also for any other JSON value."""
    said = _decoded(body)
    if not isinstance(said, dict):
        raise Unreadable("the body is not a JSON object")
    return said


def _is_deep(body: bytes) -> bool:
    """Return True if a body nests more than `MOST_NESTED` levels: no more than it has brackets, which are few."""
    if body.count(b"[") + body.count(b"{") <= MOST_NESTED:
        return False
    level = 0
    for bracket in _STRING.sub(b"", body).translate(None, _OTHERS):
        level += 1 if bracket in _OPENING else -1
        if level > MOST_NESTED:
            return True
    return False


def _names_plates(body: bytes) -> bool:
    """Return True if JSON may have a field with a plate; a backslash could hide the field's name."""
    return b'"plate' in body or b"\\" in body


def entry_from(event: Event, service: str) -> Entry:
    """Return the same entry of audit's own event as its delivery by Kafka gives. The event must seal no value."""
    record = encode(event, service)
    message = Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))
    return prepare(message).entry({})


def _moment_of(attributes: Mapping[str, Any], said: Any) -> datetime:
    """Return an event's time in UTC, from its body or else its attributes.

    Raises: Unreadable if the time is missing, invalid or without an offset.
    """
    try:
        at = datetime.fromisoformat(str(said or attributes["time"]))
        if at.tzinfo is None:
            raise Unreadable("an entry's time needs an offset from UTC")
        return at.astimezone(UTC)
    except (LookupError, ValueError, OverflowError) as exc:
        raise _lacks(exc) from None


def refuse_odd_time(at: datetime, now: datetime) -> None:
    """Return if an event that arrives at `now` may have occurred at `at`.

    A service that was taken over could otherwise date accesses beyond the end of every period, so that no sample has
    them, and have a table made for each month of all years. The bounds are wide, since an entry with a wrong time is
    better than none: an access that is dated ahead is in a sample within the year.

    Raises: Unreadable.
    """
    if at > now + AHEAD:
        raise Unreadable("its time is more than a year ahead")
    if at < FIRST:
        raise Unreadable("its time is before 1970")


def _lacks(exc: Exception) -> Unreadable:
    return Unreadable(f"an entry needs an id and a time: {type(exc).__name__}")


def found_in(content: bytes) -> EntryFields:
    """Return the search fields of an entry. Raises: Unreadable if it has no valid id or time."""
    try:
        return found_of(msgspec.json.decode(content))
    except UNDECODABLE as exc:
        raise _lacks(exc) from None


def found_of(entry: Any) -> EntryFields:
    """Return the search fields of a decoded entry. Raises: Unreadable if it has no valid id or time."""
    try:
        said = entry["data"]
        return _found(entry, said, _moment_of(entry, said.get("occurred_at")), named=True)
    except (LookupError, AttributeError, TypeError) as exc:
        raise _lacks(exc) from None


def _found(
    attributes: Mapping[str, Any], body: Mapping[str, Any], occurred_at: datetime, named: bool
) -> EntryFields:
    """Return the search fields of an event, from its attributes and the open part of its body.

    `named`: whether the body may name plates. Raises: Unreadable if the id is no UUID.
    """
    event_id = _uuid(attributes.get("id"))
    if event_id is None:
        raise Unreadable("an entry needs an id and a time: the id is no UUID")
    said = body.get
    purpose = _mapping(said("purpose"))
    actor = _mapping(said("actor") or said("verified_by") or said("disposed_by"))
    case = purpose.get("case_number") or purpose.get("call_number") or said("case_number")
    return EntryFields(
        event_id=event_id,
        kind=_kind(str(attributes.get("type", ""))),
        occurred_at=occurred_at,
        service=_text(said("service")) or _service(str(attributes.get("source", ""))),
        person_id=_text(actor.get("person_id")),
        person_name=_text(actor.get("name")),
        permission=_text(said("permission")),
        allowed=_allowed(said),
        purpose_kind=_text(purpose.get("kind") or said("purpose_kind")),
        case_number=_text(case),
        plates=sorted(set(plates_in(body))) if named else [],
        request_id=_text(said("request_id")),
        attempt_id=_uuid(said("attempt_id")),
        client_address=_text(said("client_address")),
    )


@lru_cache(maxsize=256)
def _kind(event_type: str) -> str:
    return _text(event_type.rpartition(".v")[0].removeprefix(PREFIX)) or ""


@lru_cache(maxsize=256)
def _service(source: str) -> str:
    return _text(source.rpartition("/")[2]) or ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    """Return the first 200 characters of a text, without NUL, which Postgres cannot store; None if it is no text."""
    if not isinstance(value, str) or not value:
        return None
    if len(value) <= _INDEXED_CHARACTERS and "\x00" not in value:  # nearly all texts
        return value
    return value[:_INDEXED_CHARACTERS].replace("\x00", "\ufffd")


def _uuid(value: Any) -> UUID | None:
    if not isinstance(value, str):
        return None
    try:
        return pgproto.UUID(value)  # costs an eighth of UUID, but does not read every notation
    except ValueError:
        pass
    try:
        return UUID(value)
    except ValueError:
        return None


def _allowed(said: Callable[[str], Any]) -> bool | None:
    """Return whether the event's request was allowed; None if the event is about no request."""
    for name in ("allowed", "accepted"):
        answer = said(name)
        if answer is True or answer is False:
            return answer
    return False if said("change") == "refused" else None
