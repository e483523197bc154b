"""Prepares messages as entries: search fields, open part and sealed groups."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from services.audit.domain.entries import PREFIX, Entry, Found, Prepared
from services.audit.domain.faults import Unreadable
from services.audit.domain.named_plates import plates_in
from services.audit.domain.sealing import fields_of, split
from shared.events import Event, Sealing
from shared.kafka.codec import Message, encode
from shared.kafka.topics import TOPICS

SEALINGS: dict[str, Sealing] = {
    topic.name: topic.event.SEALED
    for topic in TOPICS.values()
    if topic.audited and topic.event.SEALED is not None
}

_TYPE = "content-type"
_INDEXED_CHARACTERS = 200


def prepare(message: Message) -> Prepared:
    """Return a message as far as it can be taken without keys. Raises: Unreadable when it is no event."""
    attributes = _attributes(message.headers)
    kind = attributes.get("type", "").rpartition(".v")[0]
    if kind != message.topic:
        raise Unreadable("ce_type is not a version of the topic's event")
    body, sealing = message.value or b"", SEALINGS.get(kind)
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
    """Return the attributes of an event, by name, with U+FFFD in place of invalid UTF-8."""
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
    """Return the headers of a message that are attributes of its event, each with the attribute's name."""
    names = [(header, header[3:]) for header in headers if header.startswith("ce_")]
    return [*names, (_TYPE, "datacontenttype")] if _TYPE in headers else names


def _decoded(text: bytes) -> Any:
    """Return what JSON says. Raises: Unreadable."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unreadable("the body is not a JSON object") from None


def _object(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object decoded. Raises: Unreadable."""
    said = _decoded(body)
    if not isinstance(said, dict):
        raise Unreadable("the body is not a JSON object")
    return said


def _names_plates(body: bytes) -> bool:
    """Whether JSON may have a field that names a plate: a backslash could hide its name."""
    return b'"plate' in body or b"\\" in body


def entry_from(event: Event, service: str) -> Entry:
    """Return the entry of audit's own event, which seals no value, as Kafka would deliver it."""
    record = encode(event, service)
    message = Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))
    return prepare(message).entry({})


def _moment_of(attributes: Mapping[str, Any], said: Any) -> datetime:
    """Return when an event occurred, in UTC, by its body or else its attributes. Raises: Unreadable."""
    try:
        at = datetime.fromisoformat(str(said or attributes["time"]))
        if at.tzinfo is None:
            raise Unreadable("an entry's time has an offset")
        return at.astimezone(UTC)
    except (LookupError, ValueError, OverflowError) as exc:
        raise _lacks(exc) from None


def _lacks(exc: Exception) -> Unreadable:
    return Unreadable(f"an entry needs an id and a time: {type(exc).__name__}")


def found_in(content: bytes) -> Found:
    """Return what an entry is found by. Raises: Unreadable when it lacks what each has."""
    try:
        entry = msgspec.json.decode(content)
        said = entry["data"]
        return _found(entry, said, _moment_of(entry, said.get("occurred_at")), named=True)
    except (msgspec.DecodeError, LookupError, AttributeError, TypeError) as exc:
        raise _lacks(exc) from None


def _found(
    attributes: Mapping[str, Any], body: Mapping[str, Any], occurred_at: datetime, named: bool
) -> Found:
    """Return the search fields of an event, from its attributes and the open part of its body.

    `named` is whether it may name plates. Raises: Unreadable without an id.
    """
    event_id = _uuid(attributes.get("id"))
    if event_id is None:
        raise Unreadable("an entry needs an id and a time: the id is no UUID")
    said = body.get
    purpose = _mapping(said("purpose"))
    actor = _mapping(said("actor") or said("verified_by") or said("disposed_by"))
    case = purpose.get("case_number") or purpose.get("call_number") or said("case_number")
    return Found(
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
    """Return a value as Postgres can index it: no NUL, not too long; None for no text."""
    if not isinstance(value, str) or not value:
        return None
    return value[:_INDEXED_CHARACTERS].replace("\x00", "\ufffd")


def _uuid(value: Any) -> UUID | None:
    if not isinstance(value, str):
        return None
    try:
        return pgproto.UUID(value)  # an eighth of UUID's cost, but not in every notation
    except ValueError:
        pass
    try:
        return UUID(value)
    except ValueError:
        return None


def _allowed(said: Callable[[str], Any]) -> bool | None:
    """Return whether what was asked was allowed; None where nothing was asked."""
    for name in ("allowed", "accepted"):
        answer = said(name)
        if answer is True or answer is False:
            return answer
    return False if said("change") == "refused" else None
