"""Seals groups of an event's values: the entry has a digest, and the value is stored beside the log.

The format follows RFC 9901 (SD-JWT): a disclosure is base64url(JSON [salt, name, value]), its digest
base64url(SHA-256(disclosure)). The records of a capture day form one group. Its value has the digest of each record's
own disclosure, base64url(JSON [salt, record]), so that a purge can erase one record and leave the others provable.
docs/audit-log.md is the specification.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from services.audit.domain.named_plates import named, plates_in
from shared.core.errors import InternalFault
from shared.core.hmac_sha256 import HmacSha256
from shared.events import Sealing

_SALT_CHARACTERS = 32
DIGESTS = "_sd"
"""The field of an entry's data that holds the digest of each group, by the group's name."""

_DIGESTS = DIGESTS.encode()

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_", b"+/")

ARRAY_DIGEST = "..."
"""The key of an array element's digest, as in RFC 9901."""

_ARRAY_DIGEST = ARRAY_DIGEST.encode()

MAX_GROUPS = 6
RECORDS = "records"
EARLIEST = date(2000, 1, 1)
"""The earliest valid capture day, older than any plate reader's capture. The latest is a day after the event."""

_ONE_DAY = timedelta(days=1)

Fields = dict[str, msgspec.Raw]
Salts = Callable[[date, str, int], Sequence[bytes]]
"""Returns salts for a day, a group's name and a count: 16 bytes each, in hexadecimal, under the day's key."""

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a text that is no JSON, or nested too deeply."""

_decode = msgspec.json.Decoder().decode
_fields = msgspec.json.Decoder(Fields).decode
_text = msgspec.json.Decoder(str).decode


class Unreadable(InternalFault):
    """An event, an entry or a line of an export has an invalid format. HTTP callers never see the text."""

    title = "It cannot be read"


class _Day(msgspec.Struct, gc=False):
    captured_on: date | None = None
    shown: list[msgspec.Raw] = []


class _Named(msgspec.Struct, gc=False):
    plates: list[str] = []


class _Plates(msgspec.Struct, gc=False):
    shown: list[_Named] = []


_days = msgspec.json.Decoder(list[_Day]).decode
_plates_of_days = msgspec.json.Decoder(list[_Plates]).decode


class Group(msgspec.Struct, frozen=True, gc=False):
    """Values of one event to seal together."""

    name: str
    day: date
    """The day whose key makes the salts. The purge of this day erases the group if it is a sighting."""

    sighting: bool
    value: bytes = b""
    """JSON; empty for records."""

    records: Sequence[msgspec.Raw] = ()
    captured_on: date | None = None
    plates: Sequence[str] = ()
    """The plates that the group names, in any spelling."""


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A sealed group as it is stored beside the log."""

    name: str
    captured_on: date
    sighting: bool
    disclosure: str
    records: list[str | None] | None = None
    """Each record's disclosure, None for an erased record; None for a group without records."""

    plates: list[str] = []


class Split(NamedTuple):
    """An event's body, split into its open part and its sealed groups."""

    stays: bytes
    """The part that stays in the entry, as a JSON object with its fields sorted."""

    groups: list[Group]
    """The groups to seal; empty if the event has none."""


class Stored(Protocol):
    """A sealed group to compare with its entry, from the database or an export."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def disclosure(self) -> str: ...  # noqa: D102
    @property
    def records(self) -> Sequence[str | None] | None: ...  # noqa: D102


def fields_of(body: bytes) -> Fields:
    """Return the fields of a body, each with its bytes unchanged. Raises: Unreadable if the body is no JSON object."""
    try:
        str(body, "utf-8")  # msgspec does not check UTF-8 in values that it skips
        return _fields(body)
    except UNDECODABLE:
        raise Unreadable("the body is not a JSON object") from None


def split(sealing: Sealing, fields: Fields, occurred_on: date) -> Split:
    """Split an event's fields into those that stay in the entry and the groups to seal.

    Seals every field that `sealing` does not declare open, so also a field that this version does not know.
    Raises: Unreadable if the body has the field in which an entry stores its digests, or a value to seal that cannot be
    decoded, such as a number out of range.
    """
    if DIGESTS in fields:
        raise Unreadable(f"the body must not have a field {DIGESTS}, which entries use for digests")
    open_: dict[str, Any] = {}
    closed: dict[str, Any] = {}
    groups: list[Group] = []
    stays = sealing.open
    for name, value in fields.items():
        if name in stays or name in _ALWAYS_OPEN:
            open_[name] = value
        elif name == sealing.records:
            groups = _records(value, occurred_on)
            if not groups:
                (closed if bytes(value) != b"[]" else open_)[name] = value
        elif name in sealing.inside:
            _part(name, value, sealing.inside[name], open_, closed)
        else:
            closed[name] = value
    if closed:
        day = _day_of(sealing, fields, groups, occurred_on)
        sealed = _encode(closed)
        plates = _plates_of(sealed)
        groups.append(Group(sealing.group, day, sighting=True, value=sealed, plates=plates))
    return Split(_encode_sorted(open_), groups)


def with_digests(stays: bytes, digests: Mapping[str, str]) -> bytes:
    """Return an entry's data as JSON: the digests, which sort first, and the open part of the body, `stays`."""
    rest = stays[1:] if stays == b"{}" else b"," + stays[1:]
    return b'{"%b":%b%b' % (_DIGESTS, _encode_sorted(digests), rest)


_ALWAYS_OPEN = frozenset({"event_id", "occurred_at"})


def _part(
    name: str,
    value: msgspec.Raw,
    stays: frozenset[str],
    open_: dict[str, Any],
    closed: dict[str, Any],
) -> None:
    """Put a mapping's fields in `stays` into `open_` and the others into `closed`; any other value into `closed`."""
    try:
        inner = _fields(value)
    except UNDECODABLE:
        closed[name] = value
        return
    sealed = {key: one for key, one in inner.items() if key not in stays}
    if sealed:
        closed[name] = sealed
        open_[name] = {key: one for key, one in inner.items() if key in stays}
    else:
        open_[name] = value


def _records(value: msgspec.Raw, occurred_on: date) -> list[Group]:
    """Return a group for each day. If days are invalid or too many, return no group: `split` seals the whole field."""
    try:
        days, plates = _days(value), _plates_of_days(value)
    except UNDECODABLE:
        return []
    if len(days) > MAX_GROUPS:
        return []
    groups: dict[str, Group] = {}
    for one, with_plates in zip(days, plates, strict=True):
        name, day = RECORDS, one.captured_on
        if day is not None:
            if not _is_day(day, occurred_on):
                return []
            name = f"{RECORDS}/{day.isoformat()}"
        groups[name] = Group(
            name,
            day or occurred_on,
            sighting=day is not None,
            records=one.shown,
            captured_on=day,
            plates=named([*{plate for record in with_plates.shown for plate in record.plates}]),
        )
    return list(groups.values()) if len(groups) == len(days) else []


def _plates_of(value: bytes) -> list[str]:
    try:
        return plates_in(msgspec.json.decode(value))
    except UNDECODABLE:
        raise Unreadable("the body has a value that cannot be decoded") from None


def _day_of(sealing: Sealing, fields: Fields, groups: Sequence[Group], occurred_on: date) -> date:
    """Return the day under which to seal an event's values: the earliest capture day, or else the event's day."""
    days = [group.day for group in groups]
    if sealing.day is not None and sealing.day in fields:
        days += filter(None, [_as_day(fields[sealing.day])])
    return min((day for day in days if _is_day(day, occurred_on)), default=occurred_on)


def _as_day(value: msgspec.Raw) -> date | None:
    try:
        text = _text(value)
        if len(text) == len("2026-06-01"):
            return date.fromisoformat(text)
        at = datetime.fromisoformat(text)
        return (at.astimezone(UTC) if at.tzinfo is not None else at).date()
    except (msgspec.DecodeError, ValueError, OverflowError):
        return None


def _is_day(day: date, occurred_on: date) -> bool:
    return EARLIEST <= day <= occurred_on + _ONE_DAY


def seal(group: Group, salts: Salts) -> tuple[str, Value]:
    """Return a group's digest, in base64url, and the value to store."""
    own, *of_records = salts(group.day, group.name, 1 + len(group.records))
    said = group.value
    records: list[str | None] | None = None
    if not said:
        made = zip(of_records, group.records, strict=True)
        disclosed = [_base64(b'["%b",%b]' % of_record) for of_record in made]
        said = _with_records(group.captured_on, [_digest(one) for one in disclosed])
        records = [one.decode() for one in disclosed]
    disclosure = _base64(b'["%b","%b",%b]' % (own, group.name.encode(), said))
    return _digest(disclosure).decode(), Value(
        name=group.name,
        captured_on=group.day,
        sighting=group.sighting,
        disclosure=disclosure.decode(),
        records=records,
        plates=sorted(set(group.plates)),
    )


def _with_records(captured_on: date | None, digests: Iterable[bytes]) -> bytes:
    """Return the value of a group of records as JSON: their day, and the digest of each record's disclosure."""
    records = b",".join([b'{"%b":"%b"}' % (_ARRAY_DIGEST, digest) for digest in digests])
    if captured_on is None:
        return b'{"shown":[%b]}' % records
    return b'{"captured_on":"%b","shown":[%b]}' % (captured_on.isoformat().encode(), records)


def salter(event_id: UUID, keys: Mapping[date, HmacSha256]) -> Salts:
    """Return the function that makes an event's salts: halves of HMAC-SHA256 under a day's key, in hexadecimal."""
    identity = event_id.bytes

    def salts(day: date, name: str, count: int) -> Sequence[bytes]:
        hexdigest = keys[day].hexdigest
        found: list[bytes] = []
        for number in range((count + 1) // 2):
            made = hexdigest(identity + f"{name}/{number}".encode()).encode()
            found += (made[:_SALT_CHARACTERS], made[_SALT_CHARACTERS:])
        return found[:count]

    return salts


def digest_of(disclosure: str) -> str:
    """Return the digest of a disclosure (RFC 9901, 4.2.3)."""
    return _digest(disclosure.encode()).decode()


def _digest(disclosure: bytes) -> bytes:
    return _base64(sha256(disclosure).digest())


def opened(disclosure: str) -> list[Any]:
    """Return the array that a disclosure encodes. Raises: ValueError if it does not encode two or three items."""
    padded = disclosure.encode("ascii") + b"=" * (-len(disclosure) % 4)
    found = _decode(a2b_base64(padded.translate(_FROM_URL_SAFE)))
    if not isinstance(found, list) or len(found) not in (2, 3):
        raise ValueError("a disclosure is an array of salt, name and value")
    return found


def value_of(value: Value) -> Any:
    """Return a group's value, without its erased records. Raises: ValueError if it cannot be decoded."""
    said = opened(value.disclosure)[-1]
    if value.records is None:
        return said
    records = [opened(record)[-1] for record in value.records if record is not None]
    return {**said, "shown": records}


class Part(NamedTuple):
    """The unit of a purge or a hold: a disclosed record, or a group without records."""

    said: Mapping[str, Any]
    plates: list[str]
    read_ids: list[str]
    """The ids of its reads and captures. A hold on one of them keeps the part."""


def remaining_of(value: Value) -> list[Part]:
    """Return the parts of a stored group that are not erased. Raises: ValueError if it cannot be decoded."""
    said = value_of(value)
    if value.records is None:
        return [Part(said, sorted(set(plates_in(said))), _reads(said))] if _is_object(said) else []
    return [
        Part(record, sorted(set(named(record.get("plates")))), _reads(record))
        for record in said["shown"]
        if _is_object(record)
    ]


def _is_object(said: Any) -> bool:
    return isinstance(said, dict)


def _reads(said: Mapping[str, Any]) -> list[str]:
    reads = [str(said["read_id"])] if "read_id" in said else []
    if isinstance(said.get("read_ids"), list):
        return reads + [str(read) for read in said["read_ids"]]
    return reads + ([str(said["record_id"])] if "record_id" in said else [])


def plates_of(value: Value) -> list[str]:
    """Return the sorted plates in the remaining parts of a stored group. Raises: ValueError if decoding fails."""
    if value.records is None:
        said = value_of(value)
        return sorted(set(plates_in(said))) if _is_object(said) else []
    records = [opened(record)[-1] for record in value.records if record is not None]
    plates = [plate for said in records if _is_object(said) for plate in named(said.get("plates"))]
    return sorted(set(plates))


def faults_of(value: Stored, digest: str) -> Iterator[str]:
    """Yield each mismatch of a stored group with the digest in its entry."""
    if digest_of(value.disclosure) != digest:
        yield f"the value of {value.name} is not the one that was logged"
        return
    try:
        _, name, said = opened(value.disclosure)
        digests = [one[ARRAY_DIGEST] for one in said["shown"]] if value.records is not None else []
    except (ValueError, LookupError, TypeError):
        yield f"the value of {value.name} cannot be decoded"
        return
    if name != value.name:
        yield f"the value of {value.name} is stored under another name than {name!r}"
    records = value.records or []
    if len(digests) != len(records):
        yield f"{value.name} has {len(digests)} records; {len(records)} are stored"
    for place, (record, known) in enumerate(zip(records, digests, strict=False)):
        if record is not None and digest_of(record) != known:
            yield f"record {place} of {value.name} is not the one that was logged"


def _base64(data: bytes) -> bytes:
    return b2a_base64(data).translate(_URL_SAFE, b"=\n")
