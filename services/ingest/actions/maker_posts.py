"""Accepts posts in makers' formats: the reads as a camera's own, with the pictures that came along (ADR-0105)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

import msgspec
from prometheus_client import Counter

from services.ingest.actions.captures import STORED_WITHIN_S, Captures, Upload
from services.ingest.actions.edge_decoding import EdgeRead, decode
from services.ingest.actions.edge_reads import EdgeReads
from services.ingest.actions.makers.posted import MakerRead, PassedOver, Posted
from services.ingest.domain.circumstances import Circumstances, Window, circumstances
from services.ingest.domain.devices import Device, DeviceKind
from services.ingest.domain.images import inspect
from services.ingest.domain.problem_codes import Code, ImageKind
from shared.core.errors import AlprError, Malformed, TooLarge, Unavailable, UnsupportedMedia
from shared.core.problem_codes import Common
from shared.events import ReadsRecorded, RecordedRead
from shared.events.signed_captures import crop_key_at
from shared.objects.store import in_time
from shared.service.api_runtime import ApiRuntime

MAX_CROP_BYTES = 2_000_000

POSTS = Counter(
    "alpr_maker_posts", "Posts in makers' formats, by what became of them", ["maker", "became"]
)
PICTURES_REFUSED = Counter(
    "alpr_maker_pictures_refused",
    "Pictures of accepted reads that were left out, since they are broken or of another kind",
    ["maker", "picture"],
)

Which = Literal["frame", "crop"]


class PictureRefused(msgspec.Struct, frozen=True):
    """A picture that was left out, although its read is stored."""

    picture: Which
    code: str | None
    detail: str


class Receipt(msgspec.Struct, frozen=True):
    """Acknowledges a post: what it has is durable."""

    accepted: int
    duplicates: int
    late: int
    read_ids: list[UUID]
    capture_id: UUID | None
    passed_over: PassedOver | None
    pictures_refused: list[PictureRefused]
    sha256: str
    received_at: datetime
    copies: int


@dataclass
class _Pictures:
    """What became of a post's pictures."""

    capture_id: UUID | None = None
    refused: list[PictureRefused] = field(default_factory=list)


class MakerPosts:
    """Accepts posts of authenticated devices."""

    def __init__(self, runtime: ApiRuntime, captures: Captures, edge_reads: EdgeReads) -> None:
        self._runtime = runtime
        self._captures = captures
        self._edge_reads = edge_reads

    async def accept(
        self,
        device: Device,
        maker: str,
        posted: Posted,
        body: bytes,
        window: Window,
        *,
        most_reads: int,
        most_frame_bytes: int,
    ) -> Receipt:
        """Store a translated post, or refuse it whole. A picture that is broken is left out, its read is not.

        Raises: InvalidInput naming the first faulty read and its field; Malformed, UnsupportedMedia or TooLarge for a
        frame without a read; Unavailable: the device may send it again.
        """
        fits = posted.frame is None or len(posted.frame) <= most_frame_bytes
        if not posted.reads and not fits:
            raise TooLarge(Common.UPLOAD_TOO_LARGE, max_bytes=most_frame_bytes)
        if not posted.reads:
            return await self._without_reads(device, maker, posted, body, window)
        reads = _decoded(device, posted.reads, most_reads)
        pictures = _Pictures()
        if not fits:
            why = TooLarge(Common.UPLOAD_TOO_LARGE, max_bytes=most_frame_bytes)
            self._refuse(maker, "frame", why, pictures)
            posted = replace(posted, frame=None)

        async def illustrated(
            events: Sequence[ReadsRecorded], ids: Sequence[UUID]
        ) -> list[ReadsRecorded]:
            crops = {
                read_id: one.crop
                for read_id, one in zip(ids, posted.reads, strict=True)
                if one.crop
            }
            return await self._illustrated(device, maker, posted.frame, crops, events, pictures)

        digests = [
            None if one.crop is None else sha256(one.crop).hexdigest() for one in posted.reads
        ]
        batch = await self._edge_reads.accept(
            device, reads, body, window, ids=True, illustrated=illustrated, crops=digests
        )
        POSTS.labels(maker, "reads").inc()
        return Receipt(
            accepted=batch.accepted,
            duplicates=batch.duplicates,
            late=batch.late,
            read_ids=batch.read_ids or [],
            capture_id=pictures.capture_id,
            passed_over=None,
            pictures_refused=pictures.refused,
            sha256=batch.sha256,
            received_at=batch.received_at,
            copies=batch.copies,
        )

    async def _without_reads(
        self, device: Device, maker: str, posted: Posted, body: bytes, window: Window
    ) -> Receipt:
        """Store a frame in which the device read no plate, or acknowledge a post that has nothing to store."""
        capture_id, late = None, False
        if posted.frame is not None:
            given = [] if posted.captured_at is None else [("captured_at", posted.captured_at)]
            if device.kind is not DeviceKind.FIXED:
                given += [(name, str(value)) for name, value in posted.place.items()]
            upload = Upload(posted.frame, sha256(posted.frame).digest())
            stored = await self._captures.store(
                device, upload, circumstances(given, (), {}, window)
            )
            capture_id, late = stored.receipt.capture_id, stored.receipt.late
        POSTS.labels(maker, "frame" if posted.passed_over is None else posted.passed_over).inc()
        return Receipt(
            accepted=0,
            duplicates=0,
            late=int(late),
            read_ids=[],
            capture_id=capture_id,
            passed_over=posted.passed_over,
            pictures_refused=[],
            sha256=sha256(body).hexdigest(),
            received_at=self._runtime.clock.now(),
            copies=self._runtime.topics.copies,
        )

    async def _illustrated(
        self,
        device: Device,
        maker: str,
        frame: bytes | None,
        crops: Mapping[UUID, bytes],
        events: Sequence[ReadsRecorded],
        pictures: _Pictures,
    ) -> list[ReadsRecorded]:
        """Store the pictures, and return the events with their keys in the reads; `crops` are by the reads' ids."""
        named: dict[str, Any] = {}
        if frame is not None:
            named = await self._framed(device, maker, frame, events[0].reads[0], pictures)
        changed = []
        for event in events:
            records = [
                msgspec.structs.replace(
                    read,
                    **named,
                    **await self._cropped(device, maker, read, crops.get(read.read_id), pictures),
                )
                for read in event.reads
            ]
            changed.append(msgspec.structs.replace(event, reads=records))
        return changed

    async def _framed(
        self,
        device: Device,
        maker: str,
        frame: bytes,
        read: RecordedRead,
        pictures: _Pictures,
    ) -> dict[str, Any]:
        """Store the frame as a capture that the camera has read, of the time and place of its reads; return what they
        say of it."""
        upload = Upload(frame, sha256(frame).digest())
        said = Circumstances(read.captured_at, read.place)
        try:
            stored = await self._captures.store(device, upload, said, read_by_camera=True)
        except (Malformed, UnsupportedMedia, TooLarge) as exc:
            self._refuse(maker, "frame", exc, pictures)
            return {}
        pictures.capture_id = stored.receipt.capture_id
        return {
            "capture_id": stored.receipt.capture_id,
            "image_key": stored.image_key,
            "image_sha256": stored.receipt.sha256,
        }

    async def _cropped(
        self,
        device: Device,
        maker: str,
        read: RecordedRead,
        crop: bytes | None,
        pictures: _Pictures,
    ) -> dict[str, Any]:
        """Store the picture of a plate, and return what its read says of it."""
        if crop is None:
            return {}
        try:
            if len(crop) > MAX_CROP_BYTES:
                raise TooLarge(Common.UPLOAD_TOO_LARGE, max_bytes=MAX_CROP_BYTES)
            if inspect(crop).media_type != "image/jpeg":
                raise UnsupportedMedia(
                    Code.IMAGE_KIND_UNKNOWN, field="crop", kind=ImageKind.UNKNOWN
                )
        except (Malformed, UnsupportedMedia, TooLarge) as exc:
            self._refuse(maker, "crop", exc, pictures)
            return {}
        key = crop_key_at(device.device_id, read.captured_at, read.read_id)
        async with in_time(STORED_WITHIN_S, Unavailable(Common.OBJECT_NOT_STORED)):
            await self._runtime.objects.put(key, crop)
        return {"crop_key": key, "crop_sha256": sha256(crop).hexdigest()}

    def _refuse(self, maker: str, which: Which, why: AlprError, pictures: _Pictures) -> None:
        PICTURES_REFUSED.labels(maker, which).inc()
        pictures.refused.append(PictureRefused(which, why.code, why.detail))


def _decoded(device: Device, reads: Sequence[MakerRead], most: int) -> list[EdgeRead]:
    """Validate translated reads as those of any camera. A fixed camera's place is the registered one."""
    fields = [dict(one.fields) for one in reads]
    if device.kind is DeviceKind.FIXED:
        for one in fields:
            for name in ("latitude", "longitude", "heading_deg"):
                one.pop(name, None)
    return decode(msgspec.json.encode(fields), "application/json", most)
