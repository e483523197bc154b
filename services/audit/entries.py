"""An event as an entry of the log: its exact bytes, and what it can be found by.

An entry is a CloudEvents 1.0 event in JSON format: the attributes that came with it, sorted, and as
`data` the body byte for byte as it was received. Of an event that declares what is sealed (`SEALED`), the
body's sealed values are replaced by their digests. Nothing is dropped that this version does not know.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from services.audit.named_plates import plates_in
from services.audit.sealing import DIGESTS, SEALINGS, Group, Value, salter, seal, split
from shared.codec import Message, encode
from shared.errors import Malformed
from shared.events import Event
from shared.merkle import Hash, leaf_hash

PREFIX = "alpr."
_ACTORS = ("actor", "verified_by", "disposed_by")
_INDEXED_CHARACTERS = 200
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
    """What is appended: the bytes, their leaf hash, what they are found by, and the values beside them."""

    content: bytes
    leaf: Hash
    found: Found
    values: Sequence[Value] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message on its way to an entry, before its groups are sealed."""

    event_id: UUID
    service: str
    """As the log would show it."""

    attributes: Mapping[str, str]
    body: bytes | Mapping[str, Any]
    """As it came; or, of an event with groups, what stays in the entry."""

    groups: Sequence[Group] = ()
    came: bytes = b""
    """The body as it came."""

    @property
    def plain_leaf(self) -> Hash:
        """The leaf that it had in the log before this one, which sealed nothing."""
        return leaf_hash(_encoder.encode({**self.attributes, "data": msgspec.Raw(self.came)}))

    @property
    def days(self) -> set[date]:
        """The days whose keys it takes to seal it."""
        return {group.day for group in self.groups}

    def entry(self, keys: Mapping[date, bytes]) -> Entry:
        """Return the entry, sealed under the keys of its days. Raises: Malformed."""
        values = list[Value]()
        if isinstance(self.body, bytes):
            data: Any = msgspec.Raw(self.body)
        else:
            salt = salter(self.event_id, keys)
            digests = {}
            for group in self.groups:
                digests[group.name], value = seal(group, salt)
                values.append(value)
            data = {**self.body, DIGESTS: digests}
        content = _encoder.encode({**self.attributes, "data": data})
        return Entry(content, leaf_hash(content), found_in(content), values)


def prepare(message: Message) -> Prepared:
    """Return a message as far as it can be taken without keys. Raises: Malformed when it is no event."""
    attributes = {
        name.removeprefix("ce_"): value.decode("utf-8", "replace")
        for name, value in message.headers.items()
        if name.startswith("ce_")
    }
    kind = attributes.get("type", "").rpartition(".v")[0]
    if kind != message.topic:
        raise Malformed("ce_type is not a version of the topic's event")
    attributes["datacontenttype"] = message.headers.get("content-type", b"").decode()
    body = message.value or b""
    event_id, occurred_at, service = _identity(attributes, body)
    sealing = SEALINGS.get(kind)
    if sealing is not None:
        stays, groups = split(sealing, body, occurred_at.astimezone(UTC).date())
        if groups:
            return Prepared(event_id, service, attributes, stays, groups, body)
    return Prepared(event_id, service, attributes, body, (), body)


def entry_from(event: Event, service: str) -> Entry:
    """Return the entry of an event of audit's own that seals nothing, as it would come from Kafka."""
    record = encode(event, service)
    message = Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))
    return prepare(message).entry({})


class _Body(msgspec.Struct):
    occurred_at: Any = None
    service: Any = None


def _identity(attributes: Mapping[str, str], body: bytes) -> tuple[UUID, datetime, str]:
    """Return an event's id, time and service. Raises: Malformed."""
    try:
        said = _body(body)
        msgspec.json.decode(body)  # whole: what stands in the log unread must be readable later
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("the body is not a JSON object") from None
    try:
        at = _moment(said.occurred_at or attributes["time"])
        service = _text(said.service) or _text(_service(attributes)) or ""
        return UUID(attributes["id"]), at, service
    except (LookupError, ValueError, TypeError) as exc:
        raise Malformed(f"an entry needs an id and a time: {type(exc).__name__}") from None


_body = msgspec.json.Decoder(_Body).decode


def _moment(text: Any) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise Malformed("an entry's time has an offset")
    return at


def found_in(content: bytes) -> Found:
    """Return what an entry is found by. Raises: Malformed when it lacks what each has."""
    try:
        entry = msgspec.json.decode(content)
        body = entry["data"]
        event_id = UUID(entry["id"])
        occurred_at = _moment(body.get("occurred_at") or entry["time"])
    except (msgspec.DecodeError, LookupError, ValueError, AttributeError, TypeError) as exc:
        raise Malformed(f"an entry needs an id and a time: {type(exc).__name__}") from None
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
        plates=sorted(set(plates_in(body))),
        request_id=_text(body.get("request_id")),
        attempt_id=_uuid(body.get("attempt_id")),
        client_address=_text(body.get("client_address")),
    )


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
