"""Events to Kafka records and back: CloudEvents 1.0 in binary mode (ADR-0005)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from shared.core.errors import InternalFault
from shared.core.trace import current_traceparent
from shared.events import Event, GroupedEvent
from shared.events.past import PAST
from shared.kafka.topics import TOPICS

_encoder = msgspec.json.Encoder()
_types: dict[str, type[Event]] = {
    f"{topic.name}.v{topic.event.VERSION}": topic.event for topic in TOPICS.values()
} | {f"{event.TOPIC}.v{event.VERSION}": event for event in PAST}
_decoders: dict[str, msgspec.json.Decoder[Any]] = {
    name: msgspec.json.Decoder(event) for name, event in _types.items()
}


COUNT = "plateward_count"
"""Header with the number of reads or passes of an event; absent: one. So a consumer counts them before it decodes."""

MOST_COUNTED = 10_000
"""More reads or passes than any record has room for: a header that states more counts as this many."""

Headers = Iterable[tuple[str, bytes | None]]
"""The headers of a record as Kafka returns them: it allows a null value."""


class Record(NamedTuple):
    """A record to publish."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Message(NamedTuple):
    """A consumed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


def event_type(event: type[Event] | Event) -> str:
    """Return the CloudEvents type of an event: its topic and version."""
    return f"{event.TOPIC}.v{event.VERSION}"


def encode(event: Event, source: str) -> Record:
    """Encode `event` as a record from `source` (a service's name). Raises: ValueError if it needs several."""
    [record] = encode_all((event,), source)
    return record


def encode_all(events: Iterable[Event], source: str) -> list[Record]:
    """Encode `events` as records; common headers are built once. An event of too many bytes becomes several records."""
    ce_source = ("ce_source", f"/plateward/{source}".encode())
    traceparent = current_traceparent()
    trace = [("traceparent", traceparent.encode())] if traceparent is not None else []
    kind: type[Event] | None = None
    at: datetime | None = None
    records = []
    for event in events:
        if type(event) is not kind:
            kind = type(event)
            ce_type = ("ce_type", event_type(kind).encode())
        if event.occurred_at is not at:
            at = event.occurred_at
            ce_time = ("ce_time", at.isoformat().encode())
        common = (_SPEC_VERSION, ce_type, ce_source, ce_time, _JSON, *trace)
        for small, body in _encoded(event):
            headers = [*common, *_own_headers(small)]
            records.append(Record(event.TOPIC, event.key.encode(), body, headers))
    return records


def _encoded(event: Event) -> Iterator[tuple[Event, bytes]]:
    """Yield an event and its body, or its parts and theirs."""
    body = _encoder.encode(event)
    if (
        not isinstance(event, GroupedEvent)
        or len(body) <= event.MOST_BYTES
        or len(event.records) < 2
    ):
        yield event, body
        return
    for half in event.halves():
        yield from _encoded(half)


def _own_headers(event: Event) -> list[tuple[str, bytes]]:
    ce_id = ("ce_id", str(event.event_id).encode())
    if not isinstance(event, GroupedEvent) or len(event.records) == 1:
        return [ce_id]
    return [ce_id, (COUNT, str(len(event.records)).encode())]


def headers_of(raw: Headers) -> dict[str, bytes]:
    """Return a consumed record's headers by name; a null value, which no program of ours writes, is empty."""
    return {name: bytes(value or b"") for name, value in raw}


def count_of(headers: Mapping[str, bytes]) -> int:
    """Return the number of reads or passes that a record's headers state; one for any other event."""
    try:
        return min(max(1, int(headers.get(COUNT, b"1"))), MOST_COUNTED)
    except ValueError:
        return 1


def part_of(message: Message, part: GroupedEvent) -> Message:
    """Return `message` with some of its reads or passes only, as it would have been published with these alone."""
    own = _own_headers(part)
    headers = {name: message.headers[name] for name in message.headers if name not in _OWN}
    return message._replace(value=_encoder.encode(part), headers={**headers, **dict(own)})


_OWN = ("ce_id", COUNT)
_SPEC_VERSION = ("ce_specversion", b"1.0")
_JSON = ("content-type", b"application/json")


def decode(message: Message) -> Event:
    """Decode the event in `message`.

    Raises: InternalFault if its type is unknown or its body does not fit the type.
    """
    name = message.headers.get("ce_type", b"").decode(errors="replace")
    decoder = _decoders.get(name)
    if decoder is None:
        raise InternalFault(f"event type {name[:80]!r} is not known")
    try:
        event: Event = decoder.decode(message.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InternalFault(f"{name} does not decode: {_unquoted(exc)}") from None
    return event


_QUOTED = re.compile(
    r"(Invalid (?:enum )?value|unknown field) .*?( - at (?:`key` in )?`\$[\w.\[\]]*`)?$", re.DOTALL
)


def _unquoted(exc: Exception) -> str:
    """Return what is wrong with a body, and where, without a value or a name from it: the text goes to the log."""
    return _QUOTED.sub(r"\1\2", str(exc))


def decode_present(message: Message) -> Event:
    """Decode the event in `message` and bring it to its present version. Raises: InternalFault, as `decode`."""
    return decode(message).present()
