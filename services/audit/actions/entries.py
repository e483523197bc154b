"""An event as an entry of the log: its exact bytes, and what it can be found by.

An entry is a CloudEvents 1.0 event in JSON format: the attributes that came with it, sorted, and as
`data` the body byte for byte as it was received. Of an event that declares what is sealed (`SEALED`), the
body's sealed values are replaced by their digests. Nothing is dropped that this version does not know.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from services.audit.actions.sealing import (
    SEALINGS,
    Group,
    Value,
    fields_of,
    salter,
    seal,
    split,
    with_digests,
)
from services.audit.domain.named_plates import plates_in
from shared.core.errors import Malformed
from shared.core.hmac_sha256 import HmacSha256
from shared.core.merkle import Hash, leaf_hash
from shared.events import Event
from shared.kafka.codec import Message, encode

PREFIX = "alpr."
_TYPE = "content-type"
_INDEXED_CHARACTERS = 200
_encoder = msgspec.json.Encoder(order="sorted")


class Found(msgspec.Struct, frozen=True, kw_only=True, gc=False):
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


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What is appended: the bytes, their leaf hash, what they are found by, and the values beside them."""

    content: bytes
    leaf: Hash
    found: Found
    values: Sequence[Value] = ()


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """A message on its way to an entry, before its groups are sealed."""

    found: Found
    """What the entry will be found by: what is sealed has no part in it."""

    attributes: Mapping[str, str]
    came: bytes
    """The body as it came."""

    stays: bytes
    """What stays of it in the entry: of an event without groups, all."""

    groups: Sequence[Group] = ()

    @property
    def event_id(self) -> UUID:
        """The id of the event."""
        return self.found.event_id

    @property
    def plain_leaf(self) -> Hash:
        """The leaf that it had in the log before this one, which sealed nothing."""
        return leaf_hash(_encoder.encode({**self.attributes, "data": msgspec.Raw(self.came)}))

    def entry(self, keys: Mapping[date, HmacSha256]) -> Entry:
        """Return the entry, sealed under the keys of its days. Raises: Malformed."""
        data = self.stays
        values: list[Value] = []
        if self.groups:
            salts = salter(self.found.event_id, keys)
            digests: dict[str, str] = {}
            for group in self.groups:
                digests[group.name], value = seal(group, salts)
                values.append(value)
            data = with_digests(data, digests)
        content = _encoder.encode({**self.attributes, "data": msgspec.Raw(data)})
        return Entry(content, leaf_hash(content), self.found, values)


def prepare(message: Message) -> Prepared:
    """Return a message as far as it can be taken without keys. Raises: Malformed when it is no event."""
    attributes = _attributes(message.headers)
    kind = attributes.get("type", "").rpartition(".v")[0]
    if kind != message.topic:
        raise Malformed("ce_type is not a version of the topic's event")
    body, sealing = message.value or b"", SEALINGS.get(kind)
    if sealing is not None:
        fields = fields_of(body)
        at = _moment_of(attributes, _decoded(fields.get("occurred_at", b"null")))
        stays, groups = split(sealing, fields, at.date())
        if groups:
            found = _found(attributes, _object(stays), at, _names_plates(stays))
            return Prepared(found, attributes, body, stays, groups)
    # Whole: what stands in the log must be readable later, and is found by what it says.
    said = _object(body)
    at = _moment_of(attributes, said.get("occurred_at"))
    return Prepared(_found(attributes, said, at, _names_plates(body)), attributes, body, body)


def _attributes(headers: Mapping[str, bytes]) -> dict[str, str]:
    """Return the attributes of an event, by name. What is no UTF-8 has U+FFFD in its place."""
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
    """Return those of a message's headers that are attributes of its event, each with the attribute's name."""
    names = [(header, header[3:]) for header in headers if header.startswith("ce_")]
    return [*names, (_TYPE, "datacontenttype")] if _TYPE in headers else names


def _decoded(text: bytes) -> Any:
    """Return what JSON says. Raises: Malformed."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("the body is not a JSON object") from None


def _object(body: bytes) -> Mapping[str, Any]:
    """Return a JSON object decoded. Raises: Malformed."""
    said = _decoded(body)
    if not isinstance(said, dict):
        raise Malformed("the body is not a JSON object")
    return said


def _names_plates(body: bytes) -> bool:
    """Whether JSON may have a field that names a plate: a backslash could hide its name."""
    return b'"plate' in body or b"\\" in body


def entry_from(event: Event, service: str) -> Entry:
    """Return the entry of an event of audit's own that seals nothing, as it would come from Kafka."""
    record = encode(event, service)
    message = Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))
    return prepare(message).entry({})


def _moment_of(attributes: Mapping[str, Any], said: Any) -> datetime:
    """Return when an event occurred, in UTC, by its body or else its attributes. Raises: Malformed."""
    try:
        at = datetime.fromisoformat(str(said or attributes["time"]))
        if at.tzinfo is None:
            raise Malformed("an entry's time has an offset")
        return at.astimezone(UTC)
    except (LookupError, ValueError, OverflowError) as exc:
        raise _lacks(exc) from None


def _lacks(exc: Exception) -> Malformed:
    return Malformed(f"an entry needs an id and a time: {type(exc).__name__}")


def found_in(content: bytes) -> Found:
    """Return what an entry is found by. Raises: Malformed when it lacks what each has."""
    try:
        entry = msgspec.json.decode(content)
        said = entry["data"]
        return _found(entry, said, _moment_of(entry, said.get("occurred_at")), named=True)
    except (msgspec.DecodeError, LookupError, AttributeError, TypeError) as exc:
        raise _lacks(exc) from None


def _found(
    attributes: Mapping[str, Any], body: Mapping[str, Any], occurred_at: datetime, named: bool
) -> Found:
    """Return what an event is found by: by its attributes, and by what its entry says in `data`.

    `named` is whether it may name plates. Raises: Malformed without an id.
    """
    event_id = _uuid(attributes.get("id"))
    if event_id is None:
        raise Malformed("an entry needs an id and a time: the id is no UUID")
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


def kind_of(event: type[Event]) -> str:
    """Return what the log calls this type of event."""
    return event.TOPIC.removeprefix(PREFIX)
