"""Decodes and validates reads that a camera made itself, derives their ids, and publishes them. The hot path.

All or nothing: the first faulty read refuses the whole batch; the error names its position and field.
"""

import asyncio
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, NoReturn
from uuid import UUID

import msgspec
from msgspec import Meta

from services.ingest.domain.buffering import is_live, may_buffer
from services.ingest.domain.circumstances import Window
from services.ingest.domain.devices import Device
from services.ingest.domain.in_flight import Reservation
from services.ingest.domain.places import hold_to_place
from services.ingest.domain.problem_codes import Code
from services.ingest.domain.read_shapes import shape_fault
from shared.core.errors import (
    InvalidInput,
    Malformed,
    Refusal,
    TooLarge,
    UnsupportedMedia,
    ValueRefused,
)
from shared.core.ids import Deriver
from shared.core.json_position import not_json
from shared.core.plates import normalise_plate
from shared.core.policy import Devices
from shared.core.problem_codes import Common
from shared.core.regions import ALLOWED, is_region
from shared.core.types import Confidence, Latitude, Longitude, Ori, PlateText
from shared.events import Character, Place, ReadsBackfilled, ReadsRecorded, RecordedRead
from shared.events.read_rules import check_read, check_reads, is_late
from shared.events.reads import id_of
from shared.postgres.month_secrets import MonthEnded, MonthSecrets
from shared.service.api_runtime import ApiRuntime

MAX_TEXT = 128

IDS_UP_TO = 100
"""Receipts for batches up to this size include the reads' ids; for larger ones on request."""

SLICE = 1000
"""Reads processed before the event loop runs other tasks."""

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class EdgeCharacter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One character as the camera read it."""

    text: Annotated[str, Meta(min_length=1, max_length=4)]
    confidence: Confidence | None = None


class EdgeRead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One read in a camera's format."""

    plate: Annotated[str, Meta(min_length=1, max_length=32)]
    confidence: Confidence
    captured_at: msgspec.Raw
    """Decoded by `Batch`, since the read's id covers the time as the device wrote it."""

    source_id: Text | None = None
    region: str | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    heading_deg: Annotated[float, Meta(ge=0, lt=360)] | None = None
    characters: Annotated[list[EdgeCharacter], Meta(max_length=16)] = []
    model: Text | None = None
    vehicle_make: Text | None = None
    vehicle_colour: Text | None = None


_time: msgspec.json.Decoder[datetime] = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)])
_array = msgspec.json.Decoder(list[EdgeRead])
_line = msgspec.json.Decoder(EdgeRead)

_FIELDS = {"": EdgeRead.__struct_fields__, "characters": EdgeCharacter.__struct_fields__}

DECODERS: dict[str, Callable[[bytes], list[EdgeRead]]] = {
    "application/json": _array.decode,
    "application/x-ndjson": _line.decode_lines,
    "application/ndjson": _line.decode_lines,
    "application/jsonl": _line.decode_lines,
}


def reads_in(
    body: bytes,
    held: Reservation,
    *,
    encoding: str,
    media_type: str,
    most_bytes: int,
    most_reads: int,
) -> list[EdgeRead]:
    """Unpack and decode a batch, and count its unpacked bytes in `held`.

    Raises: the errors of `unpack` and `decode`; Unavailable if this process holds too many bytes already.
    """
    plain = unpack(body, encoding, most_bytes)
    held.add(len(plain))
    return decode(plain, media_type, most_reads)


def unpack(body: bytes, encoding: str, most_bytes: int) -> bytes:
    """Return `body` without its content encoding.

    Raises: TooLarge if it unpacks to more than `most_bytes`, without unpacking the rest; Malformed if it is broken;
    UnsupportedMedia for encodings other than gzip.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMedia(Code.READS_ENCODING_UNKNOWN, field="Content-Encoding")
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        data = unpacker.decompress(body, most_bytes + 1)
    except zlib.error:
        raise Malformed(Code.READS_NOT_GZIP, field="Content-Encoding") from None
    if len(data) > most_bytes:
        raise TooLarge(Code.READS_UNPACK_TOO_LARGE, max_bytes=most_bytes)
    if not unpacker.eof or unpacker.unused_data:
        raise Malformed(Code.READS_GZIP_CUT_OFF, field="Content-Encoding")
    return data


def decode(body: bytes, media_type: str, most: int) -> list[EdgeRead]:
    """Decode the reads in `body`.

    Raises: UnsupportedMedia, Malformed, TooLarge for more than `most`, InvalidInput naming the
    first faulty read and its field.
    """
    decoder = DECODERS.get(media_type)
    if decoder is None:
        first, second, *_ = DECODERS
        raise UnsupportedMedia(
            Code.READS_MEDIA_UNKNOWN, field="Content-Type", first=first, second=second
        )
    try:
        reads = decoder(body)
    except msgspec.ValidationError as exc:
        raise _of_shape(str(exc)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _not_json(body, str(exc)) from None
    if not reads:
        raise InvalidInput(Code.READS_EMPTY)
    if len(reads) > most:
        raise TooLarge(Code.READS_TOO_MANY, max_reads=most, reads=len(reads))
    return reads


_BYTE = re.compile(r".*\(byte (\d+)\)")


def _not_json(body: bytes, message: str) -> Malformed:
    """Return the refusal of a body that is not JSON; a truncated one fails at its end."""
    try:
        body.decode()
    except UnicodeDecodeError as not_utf8:
        return not_json(body[: not_utf8.start].decode())
    found = _BYTE.fullmatch(message)
    return not_json(body[: len(body) if found is None else int(found[1])].decode(errors="replace"))


def _of_shape(message: str) -> InvalidInput:
    """Return the refusal of a batch for msgspec's message about its shape."""
    fault = shape_fault(message, _FIELDS)
    if fault.index is None or fault.field is None:
        return fault.why.at(fault.field)
    return InvalidInput(Code.READ_REFUSED, field=fault.field, index=fault.index, because=fault.why)


def _fault(index: int, field: str, why: Refusal) -> InvalidInput:
    """Return the refusal of one read for a rule that one of its fields breaks."""
    return InvalidInput(Code.READ_FIELD_REFUSED, field=field, index=index, name=field, because=why)


class Batch:
    """Turns decoded reads of one device into events of many reads; ids are derived, so a repeated batch adds none.

    An id covers the device, the time as the device wrote it, source id, plate, region and confidence, so a read that
    contradicts another is a separate read. Its first half covers only the identity of the sighting, so two ids show
    retention that their reads contradict each other.
    """

    def __init__(
        self,
        device: Device,
        agency_ori: Ori,
        window: Window,
        now: datetime,
        secrets: MonthSecrets,
        *,
        most_m: float,
        rules: Devices,
    ) -> None:
        """`most_m` is the greatest distance between a fixed camera's place and the place that it sends; `rules` say
        which reads are late, and which no longer live."""
        self._most_m = most_m
        self._rules = rules
        self._may_buffer_for = may_buffer(device, rules)
        self._device = device
        self._agency_ori = agency_ori
        self._window = window
        self._now = now
        self._secrets = secrets
        self._ids: Deriver | None = None
        self._month = (0, 0)
        self._accepted: dict[UUID, EdgeRead] = {}
        self.ids: list[UUID] = []
        """One id per read, in order."""
        self.late = 0
        """Number of distinct late reads."""

    def events(self, reads: Sequence[EdgeRead]) -> list[ReadsRecorded]:
        """Return the distinct reads of the batch, live ones first, as many in an event as it may have.

        Raises: InvalidInput naming the first faulty read and its field.
        """
        live: list[RecordedRead] = []
        others: list[RecordedRead] = []
        for read in reads:
            plate, at = self._plate(read), self._time(read)
            read_id = self._id(read, plate, at)
            known = self._accepted.setdefault(read_id, read)
            if known is read:
                self._check(read, at)
                lane = live if is_live(at, self._now, self._rules) else others
                lane.append(self._recorded(read, read_id, plate, at))
            elif known != read and read.source_id is not None:
                self._refuse("source_id", InvalidInput(Code.READ_SOURCE_ID_REUSED))
            self.ids.append(read_id)
        events = [*self._events(live, live=True), *self._events(others, live=False)]
        self._hold_to_all(events)
        return events

    def _hold_to_all(self, events: Sequence[ReadsRecorded]) -> None:
        """Refuse reads that hotlist and retention would dead-letter: a receipt promises that a read is stored."""
        reads = [read for event in events for read in event.each()]
        try:
            check_reads(reads, self._now)
        except InvalidInput:
            for read in reads:
                try:
                    check_read(read, self._now)
                except InvalidInput as exc:
                    index = self.ids.index(read.read_id)
                    raise _fault(index, exc.field or "read", exc) from None
            raise

    def _plate(self, read: EdgeRead) -> PlateText:
        try:
            return normalise_plate(read.plate)
        except ValueRefused as exc:
            self._refuse("plate", exc)

    def _time(self, read: EdgeRead) -> datetime:
        try:
            at = _time.decode(read.captured_at)
            return at if at.tzinfo is UTC else at.astimezone(UTC)
        except msgspec.ValidationError as exc:
            zone = "timezone" in str(exc)
            fault = Code.CAPTURED_AT_WITHOUT_ZONE if zone else Code.CAPTURED_AT_UNREADABLE
            self._refuse("captured_at", InvalidInput(fault))
        except OverflowError:
            self._refuse("captured_at", InvalidInput(Code.CAPTURED_AT_OUT_OF_AGE))

    def _check(self, read: EdgeRead, at: datetime) -> None:
        """Check the rules that the decoder's types cannot express."""
        if (fault := self._window.fault(at)) is not None:
            self._refuse("captured_at", InvalidInput(fault))
        if read.region is not None and not is_region(read.region):
            self._refuse("region", InvalidInput(Code.READ_REGION_UNKNOWN, allowed=ALLOWED))
        if not read.plate.isprintable():
            self._refuse("plate", InvalidInput(Common.TEXT_UNPRINTABLE))
        for field, text in (
            ("model", read.model),
            ("vehicle_make", read.vehicle_make),
            ("vehicle_colour", read.vehicle_colour),
        ):
            if text is not None and not text.isprintable():
                self._refuse(field, InvalidInput(Common.TEXT_UNPRINTABLE))

    def _id(self, read: EdgeRead, plate: PlateText, at: datetime) -> UUID:
        ids = self._ids
        if ids is None or self._month != (at.year, at.month):
            ids = self._ids = self._deriver(at)
            self._month = (at.year, at.month)
        time, source = bytes(read.captured_at).decode(), read.source_id
        # Includes the time: no read is lost if a camera numbers from 1 again after a restart.
        same = (
            f"plate\x1f{time}\x1f{plate}"
            if source is None
            else f"source\x1f{time}\x1f{len(source)}\x1f{source}"
        )
        return ids.derive_akin(
            at, same, f"\x1f{plate}\x1f{read.confidence!r}\x1f{read.region or ''}"
        )

    def _deriver(self, at: datetime) -> Deriver:
        if (fault := self._window.fault(at)) is not None:  # such times have no secret
            self._refuse("captured_at", InvalidInput(fault))
        try:
            return Deriver(self._secrets.secret(at), "read", self._device.device_id)
        except MonthEnded as exc:
            self._refuse("captured_at", exc)

    def _events(self, reads: list[RecordedRead], *, live: bool) -> list[ReadsRecorded]:
        if not reads:
            return []
        device = self._device
        kind = ReadsRecorded if live else ReadsBackfilled
        event = kind(
            event_id=id_of(reads),
            occurred_at=self._now,
            device_id=device.device_id,
            device_name=device.name,
            agency_ori=self._agency_ori,
            received_at=self._now,
            place=device.place,
            reads=reads,
        )
        return list(event.divided(kind.MOST))

    def _recorded(
        self, read: EdgeRead, read_id: UUID, plate: PlateText, at: datetime
    ) -> RecordedRead:
        place = None
        if read.latitude is not None or read.longitude is not None or read.heading_deg is not None:
            place = self._place(read)
        late = is_late(at, self._now, self._may_buffer_for)
        self.late += late
        return RecordedRead(
            read_id=read_id,
            captured_at=at,
            device_time=_as_sent(read.captured_at, at),
            plate=plate,
            plate_as_read=None if read.plate == plate else read.plate,
            confidence=read.confidence,
            engine=read.model or "edge",
            region=read.region,
            place=place,
            characters=self._characters(read) if read.characters else [],
            vehicle_make=read.vehicle_make,
            vehicle_colour=read.vehicle_colour,
            maker_id=read.source_id,
            late=late,
        )

    def _place(self, read: EdgeRead) -> Place:
        if read.latitude is None or read.longitude is None:
            self._refuse("latitude", InvalidInput(Code.READ_PLACE_INCOMPLETE))
        place = Place(read.latitude, read.longitude, read.heading_deg)
        try:
            hold_to_place(self._device, place, self._most_m)
        except InvalidInput as exc:
            self._refuse("latitude", exc)
        return place

    def _characters(self, read: EdgeRead) -> list[Character]:
        if not all(c.text.isprintable() for c in read.characters):
            self._refuse("characters", InvalidInput(Common.TEXT_UNPRINTABLE))
        return [Character(c.text, c.confidence) for c in read.characters]

    def _refuse(self, field: str, why: Refusal) -> NoReturn:
        raise _fault(len(self.ids), field, why)


def _as_sent(time: msgspec.Raw, at: datetime) -> str | None:
    """Return a time as the device wrote it; None if an event writes it so, too."""
    text: str = msgspec.json.decode(time)
    return None if text == f"{at.isoformat()[:-6]}Z" else text


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Acknowledges a durable batch of reads."""

    accepted: int
    duplicates: int
    sha256: str
    received_at: datetime
    copies: int
    late: int
    read_ids: list[UUID] | None = None


class EdgeReads:
    """Accepts batches of reads of authenticated devices."""

    def __init__(self, runtime: ApiRuntime, secrets: MonthSecrets, *, most_m: float) -> None:
        """`most_m` as for `Batch`."""
        self._runtime = runtime
        self._secrets = secrets
        self._most_m = most_m

    async def accept(
        self, device: Device, reads: list[EdgeRead], body: bytes, window: Window, *, ids: bool
    ) -> Receipt:
        """Publish a whole batch, decoded from `body`, or refuse it; with `ids` the receipt always has the reads' ids.

        Raises: InvalidInput naming the first faulty read and its field; Unavailable: the device may send it again.
        """
        runtime = self._runtime
        now = runtime.clock.now()
        batch = Batch(
            device,
            runtime.policy.department.ori,
            window,
            now,
            self._secrets,
            most_m=self._most_m,
            rules=runtime.policy.devices,
        )
        events: list[ReadsRecorded] = []
        for start in range(0, len(reads), SLICE):
            if start:
                await asyncio.sleep(0)
            events += batch.events(reads[start : start + SLICE])
        await runtime.bus.publish(events)
        accepted = sum(len(event.reads) for event in events)
        return Receipt(
            accepted=accepted,
            duplicates=len(reads) - accepted,
            sha256=sha256(body).hexdigest(),
            received_at=now,
            copies=runtime.topics.copies,
            late=batch.late,
            read_ids=batch.ids if ids or len(reads) <= IDS_UP_TO else None,
        )
