"""Validates reads that a camera made itself, derives their ids, and publishes them. The hot path.

All or nothing: the first faulty read refuses the whole batch; the error names its position and field.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Annotated, NoReturn
from uuid import UUID

import msgspec
from msgspec import Meta

from services.ingest.actions.edge_decoding import EdgeRead
from services.ingest.domain.buffering import is_live, may_buffer
from services.ingest.domain.circumstances import Window
from services.ingest.domain.devices import Device
from services.ingest.domain.lateness import NotesArrivals
from services.ingest.domain.places import hold_to_place, place_of
from services.ingest.domain.problem_codes import Code
from shared.core.errors import (
    InvalidInput,
    Refusal,
    ValueRefused,
)
from shared.core.ids import Deriver
from shared.core.plates import normalise_plate
from shared.core.policy import Devices
from shared.core.problem_codes import Common
from shared.core.regions import ALLOWED, is_region
from shared.core.types import Ori, PlateText
from shared.events import (
    Alternative,
    Character,
    OtherCharacter,
    Place,
    ReadsBackfilled,
    ReadsRecorded,
    RecordedRead,
)
from shared.events.read_rules import check_read, check_reads, is_late
from shared.postgres.month_secrets import MonthEnded, MonthSecrets
from shared.service.api_runtime import ApiRuntime

IDS_UP_TO = 100
"""Receipts for batches up to this size include the reads' ids; for larger ones on request."""

SLICE = 1000
"""Reads processed before the event loop runs other tasks."""

Illustrated = Callable[[Sequence[ReadsRecorded], Sequence[UUID]], Awaitable[list[ReadsRecorded]]]
"""Stores the pictures of reads that were found good, and returns the events with the keys of the pictures. It is given
the id of each read of the batch, in order, too."""

MAX_TIME_BYTES = 128
"""The longest time that is read, as a device wrote it in JSON: escapes are six bytes a character."""

_time: msgspec.json.Decoder[datetime] = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)])
_written = msgspec.json.Encoder().encode


def _fault(index: int, field: str, why: Refusal) -> InvalidInput:
    """Return the refusal of one read for a rule that one of its fields breaks."""
    return InvalidInput(Code.READ_FIELD_REFUSED, field=field, index=index, name=field, because=why)


class Batch:
    """Turns decoded reads of one device into events of many reads; ids are derived, so a repeated batch adds none.

    An id covers the device, the time as the device wrote it, source id, plate, region, confidence and the picture of
    the plate that came along, so a read that contradicts another is a separate read, and no later post puts another
    picture in the place of a read's. Its first half covers only the identity of the sighting, so two ids show retention
    that their reads contradict each other.
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
        crops: Sequence[str | None] = (),
    ) -> None:
        """`most_m` is the greatest distance between a fixed camera's place and the place that it sends; `rules` say
        which reads are late, and which no longer live; `crops` are the digests of the pictures of the reads' plates,
        one for each read, or none for reads without pictures."""
        self._crops = crops
        self._most_m = most_m
        self._live_within = timedelta(seconds=rules.live_within_s)
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
        self.live = False
        """Whether any read was live."""

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
                lane = live if is_live(at, self._now, self._live_within) else others
                lane.append(self._recorded(read, read_id, plate, at))
            elif known != read and read.source_id is not None:
                self._refuse("source_id", InvalidInput(Code.READ_SOURCE_ID_REUSED))
            self.ids.append(read_id)
        self.live = self.live or bool(live)
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
        if len(read.captured_at) > MAX_TIME_BYTES:
            self._refuse("captured_at", InvalidInput(Code.CAPTURED_AT_UNREADABLE))
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
            ("vehicle_model", read.vehicle_model),
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
        rest = f"\x1f{plate}\x1f{read.confidence!r}\x1f{read.region or ''}"
        if self._crops and (crop := self._crops[len(self.ids)]) is not None:
            rest = f"{rest}\x1f{crop}"
        return ids.derive_akin(at, same, rest)

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
            event_id=kind.id_of(reads),
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
            alternatives=self._alternatives(read, plate) if read.alternatives else [],
            vehicle_make=read.vehicle_make,
            vehicle_model=read.vehicle_model,
            vehicle_colour=read.vehicle_colour,
            direction=read.direction,
            speed_kmh=read.speed_kmh,
            lane=read.lane,
            maker_id=read.source_id,
            maker_sequence=read.sequence,
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
        return place_of(self._device, place)

    def _characters(self, read: EdgeRead) -> list[Character]:
        texts = [c.text for c in read.characters]
        texts += [other.text for c in read.characters for other in c.alternatives]
        if not all(map(str.isprintable, texts)):
            self._refuse("characters", InvalidInput(Common.TEXT_UNPRINTABLE))
        return [
            Character(
                c.text, c.confidence, [OtherCharacter(o.text, o.confidence) for o in c.alternatives]
            )
            for c in read.characters
        ]

    def _alternatives(self, read: EdgeRead, plate: PlateText) -> list[Alternative]:
        """Return the camera's plates, `plate` first and the others by probability."""
        others: dict[PlateText, float] = {}
        for other in read.alternatives:
            try:
                text = normalise_plate(other.plate)
            except ValueRefused as exc:
                self._refuse("alternatives", exc)
            others[text] = max(other.confidence, others.get(text, 0))
        others.pop(plate, None)
        likely = sorted(others.items(), key=lambda one: (-one[1], one[0]))
        return [Alternative(plate, read.confidence), *(Alternative(*one) for one in likely)]

    def _refuse(self, field: str, why: Refusal) -> NoReturn:
        raise _fault(len(self.ids), field, why)


def _as_sent(time: msgspec.Raw, at: datetime) -> str | None:
    """Return a time as the device wrote it; None if an event writes it so, too."""
    if bytes(time) == _written(at):
        return None
    text: str = msgspec.json.decode(time)
    return text


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

    def __init__(
        self,
        runtime: ApiRuntime,
        secrets: MonthSecrets,
        arrivals: NotesArrivals,
        *,
        most_m: float,
    ) -> None:
        """`most_m` as for `Batch`."""
        self._runtime = runtime
        self._secrets = secrets
        self._arrivals = arrivals
        self._most_m = most_m

    async def accept(
        self,
        device: Device,
        reads: list[EdgeRead],
        body: bytes,
        window: Window,
        *,
        ids: bool,
        illustrated: Illustrated | None = None,
        crops: Sequence[str | None] = (),
    ) -> Receipt:
        """Publish a whole batch, decoded from `body`, or refuse it; with `ids` the receipt always has the reads' ids.

        Pictures are stored by `illustrated` once every read is found good, and before any is published; `crops` as for
        `Batch`.

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
            crops=crops,
        )
        events: list[ReadsRecorded] = []
        for start in range(0, len(reads), SLICE):
            if start:
                await asyncio.sleep(0)
            events += batch.events(reads[start : start + SLICE])
        if illustrated is not None:
            events = await illustrated(events, batch.ids)
        await runtime.bus.publish(events)
        self._arrivals.note_arrival(device.device_id, now, live=batch.live)
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
