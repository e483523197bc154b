"""Stores a frame in the object store, then publishes it to Kafka, and only then returns a receipt."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from services.ingest.domain.buffering import is_live, may_buffer
from services.ingest.domain.circumstances import Circumstances
from services.ingest.domain.devices import Device
from services.ingest.domain.images import Frame, inspect
from services.ingest.domain.lateness import NotesArrivals
from services.ingest.domain.places import place_of
from services.ingest.store.devices import FirstSeen
from shared.core.certificates import Signer
from shared.core.errors import Unavailable
from shared.core.ids import Deriver
from shared.core.problem_codes import Common
from shared.events import CaptureBackfilled, CaptureReceived, Image
from shared.events.read_rules import check_capture, is_late
from shared.events.signed_captures import sign
from shared.objects.store import in_time
from shared.postgres.month_secrets import MonthSecrets
from shared.service.api_runtime import ApiRuntime

STORED_WITHIN_S = 20.0
"""The longest wait for the object store: frames that wait use up the bytes in flight, which reads need too."""

KNOWN_WITHIN_S = 5.0
"""The longest wait for Postgres, which frames without a time need."""

TimeSource = Literal["device", "server"]

REMEMBERED = 20_000
"""Receipts that this process can repeat unchanged."""

INLINE_BYTES = 1_000_000
"""Larger frames are inspected in a thread: 25 MB need 100 ms."""


@dataclass(frozen=True)
class Upload:
    """A frame with its form fields, before inspection."""

    data: bytes
    sha256: bytes
    fields: dict[str, str] = field(default_factory=dict)
    """A form's fields; empty for a raw body."""


class Receipt(msgspec.Struct, frozen=True):
    """Acknowledges a durable frame; the same frame again gets the same capture id."""

    capture_id: UUID
    sha256: str
    captured_at: datetime
    received_at: datetime
    time_source: TimeSource
    copies: int
    late: bool


@dataclass(frozen=True)
class Stored:
    """A frame that is stored."""

    receipt: Receipt
    image_key: str
    """Its key in the object store."""


class Captures:
    """Accepts frames of authenticated devices."""

    def __init__(
        self, runtime: ApiRuntime, signer: Signer, secrets: MonthSecrets, arrivals: NotesArrivals
    ) -> None:
        """`signer` is certified for captures: other services accept reads of a frame only with its signature."""
        self._runtime = runtime
        self._signer = signer
        self._secrets = secrets
        self._arrivals = arrivals
        self._stored: OrderedDict[UUID, Stored] = OrderedDict()

    async def store(
        self, device: Device, upload: Upload, said: Circumstances, *, read_by_camera: bool = False
    ) -> Stored:
        """Store a frame durably and publish its event; one that was `read_by_camera` is not read again.

        Raises: Malformed, UnsupportedMedia, TooLarge, MonthEnded, InvalidInput, before it stores any data; Unavailable:
        the device may send the frame again, which gets the same id.
        """
        frame = await _inspect(upload.data)
        received_at = self._runtime.clock.now()
        source: TimeSource = "device"
        captured_at = said.captured_at
        if captured_at is None:
            source = "server"
            captured_at = await self._first_seen(device, upload.sha256, received_at)
        secret = self._secrets.secret(captured_at)
        capture_id = _capture_id(secret, device, upload, captured_at, source)
        if (known := self._stored.get(capture_id)) is not None:
            return known
        digest = upload.sha256.hex()
        rules = self._runtime.policy.devices
        live = is_live(captured_at, received_at, timedelta(seconds=rules.live_within_s))
        kind = CaptureReceived if live else CaptureBackfilled
        event = kind(
            event_id=capture_id,
            occurred_at=received_at,
            capture_id=capture_id,
            device_id=device.device_id,
            device_name=device.name,
            agency_ori=self._runtime.policy.department.ori,
            captured_at=captured_at,
            received_at=received_at,
            time_source=source,
            image=_image(device, captured_at, capture_id, upload, frame),
            place=device.place if said.place is None else place_of(device, said.place),
            late=is_late(captured_at, received_at, may_buffer(device, rules)),
            read_by="camera" if read_by_camera else "engine",
        )
        check_capture(event, received_at)
        event = sign(event, self._signer)
        async with in_time(STORED_WITHIN_S, Unavailable(Common.OBJECT_NOT_STORED)):
            await self._runtime.objects.put(event.image.object_key, upload.data)
        await self._runtime.bus.publish([event])
        copies = self._runtime.topics.copies
        late = bool(event.late)
        receipt = Receipt(capture_id, digest, captured_at, received_at, source, copies, late)
        stored = Stored(receipt, event.image.object_key)
        self._remember(stored)
        if not read_by_camera:  # its reads come in the same post, and are noted
            # A device without a clock is never late.
            live = live or source == "server"
            self._arrivals.note_arrival(device.device_id, received_at, live=live)
        return stored

    async def _first_seen(self, device: Device, sha256: bytes, now: datetime) -> datetime:
        away = Unavailable(Common.DATABASE_AWAY)
        async with in_time(KNOWN_WITHIN_S, away), self._runtime.db.begin() as connection:
            return await FirstSeen(connection).note(device.device_id, sha256, now)

    def _remember(self, stored: Stored) -> None:
        self._stored[stored.receipt.capture_id] = stored
        if len(self._stored) > REMEMBERED:
            self._stored.popitem(last=False)


async def _inspect(data: bytes) -> Frame:
    if len(data) <= INLINE_BYTES:
        return inspect(data)
    return await asyncio.to_thread(inspect, data)


def _capture_id(
    secret: bytes, device: Device, upload: Upload, captured_at: datetime, source: TimeSource
) -> UUID:
    """Return the id of a frame, keyed by its month's secret; hashes only a time that the device gave."""
    digest = upload.sha256.hex()
    ids = Deriver(secret, "capture", device.device_id)
    if source == "server":
        return ids.derive_at(captured_at, digest)
    return ids.derive_at(captured_at, f"{captured_at.isoformat()}\x1f{digest}")


def _image(
    device: Device, captured_at: datetime, capture_id: UUID, upload: Upload, frame: Frame
) -> Image:
    return Image(
        object_key=f"captures/{device.device_id}/{captured_at:%Y/%m/%d}/{capture_id}.{frame.extension}",
        sha256=upload.sha256.hex(),
        media_type=frame.media_type,
        size_bytes=len(upload.data),
        width_px=frame.width_px,
        height_px=frame.height_px,
    )
