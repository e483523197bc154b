"""Handles a capture: fetches its image, reads it, stores the crops, publishes reads and outcome."""

import asyncio
import logging
import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from uuid import UUID

from prometheus_client import Counter, Histogram

from services.recognition.engine import protocol
from services.recognition.engine.plausibility import Outcome, outcome
from services.recognition.service import RecognitionService
from services.recognition.workers.child import FrameReading, Plate
from services.recognition.workers.pool import WorkerPool
from shared.core.clock import Clock
from shared.core.errors import AlprError, InternalFault, NotFound, Unavailable
from shared.core.ids import derive_id
from shared.core.problem_codes import Common
from shared.core.spans import event_span
from shared.core.types import PlateText
from shared.events import (
    Alternative,
    BackfillRecognised,
    Box,
    CaptureBackfilled,
    CaptureProcessed,
    CaptureReceived,
    Character,
    Event,
    OtherCharacter,
    ReadsRecognised,
    RecognisedRead,
    signed_captures,
)
from shared.events.signed_captures import crop_key_of, read_id_of
from shared.kafka.bus import Bus
from shared.kafka.consumer import POLL_WITHIN_S, Handler, Subscription
from shared.kafka.pauses import PROMPT
from shared.objects.store import ObjectStore, fetched, in_time

log = logging.getLogger(__name__)

FRAMES = Counter("alpr_frames", "Frames processed", ["outcome"])
FRAME_S = Histogram(
    "alpr_frame_seconds",
    "From decoding a frame to its crops, in the worker",
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 20),
)

RETRY_AFTER_S: Final = (0.2, 1.0)
"""Pauses before the retries of an image that was not found."""
STORE_WITHIN_S: Final = 20.0
"""The longest wait for a piece of a frame or for crops, which holds up all frames of a poll; then they are tried
again."""
MOST_READS: Final = 256
"""Reads of a frame that an event can number; a picture of more plates is no street."""
FRAMES_PER_WORKER: Final = 8
"""Frames in one poll: enough to keep workers busy."""


class ImageMissing(InternalFault):
    """The event names an image that is still not in the object store after the retries."""

    title = "The image is not in the object store"


class ImageChanged(InternalFault):
    """The image differs from the one that was acknowledged to the camera."""

    title = "The image is not the one that was acknowledged"


class Captures:
    """Handles captures: publishes one `capture.processed` for each, whatever its image is.

    A capture whose image cannot be read also raises its refusal, so that the consumer dead-letters it. To find
    it, the consumer delivers the batch's captures again one by one; the result of the first time is then reused,
    and no work is repeated.
    """

    def __init__(
        self,
        pool: WorkerPool,
        bus: Bus,
        objects: ObjectStore,
        clock: Clock,
        *,
        min_confidence: float,
    ) -> None:
        self._pool = pool
        self._bus = bus
        self._objects = objects
        self._clock = clock
        self._min_confidence = min_confidence
        self._settled: dict[UUID, AlprError | None] = {}

    async def received(self, captures: Sequence[CaptureReceived]) -> None:
        """Handle captures concurrently; raises only after every other capture is published.

        Raises: AlprError for a capture that cannot be read; Unavailable if Kafka or the object store is down;
            any other failure.
        """
        if not all(capture.capture_id in self._settled for capture in captures):
            self._settled = await self._settle(captures)
        refusals = [self._settled[capture.capture_id] for capture in captures]
        if len(captures) == 1:
            del self._settled[captures[0].capture_id]
        for refusal in refusals:
            if refusal is not None:
                raise refusal

    async def _settle(self, captures: Sequence[CaptureReceived]) -> dict[UUID, AlprError | None]:
        """Handle captures; return each one's refusal or None. Raises the first other failure."""
        settled: dict[UUID, AlprError | None] = {}

        async def settle(capture: CaptureReceived) -> None:
            with event_span(capture.event_id, "recognise"):
                settled[capture.capture_id] = await self._work(capture)

        ends = await asyncio.gather(*map(settle, captures), return_exceptions=True)
        for failure in ends:
            if failure is not None:
                raise failure
        return settled

    async def _work(self, capture: CaptureReceived) -> AlprError | None:
        """Read one capture and publish the outcome; returns the refusal, or None.

        One whose camera read it has its reads already; its outcome makes the custodian store it.
        """
        if capture.read_by == "camera":
            await self._bus.publish([self._processed(capture, Outcome.PLATES, "camera", 0.0)])
            return None
        start = time.perf_counter()
        try:
            reading = await self._pool.read(await self._image(capture))
        except Unavailable:
            raise
        except AlprError as refusal:
            await self._publish_refusal(capture, refusal, 1000 * (time.perf_counter() - start))
            return refusal
        await self._publish_read(capture, reading)
        return None

    async def _image(self, capture: CaptureReceived) -> bytes:
        for pause_s in (*RETRY_AFTER_S, None):
            try:
                image = await fetched(self._objects, capture.image.object_key, STORE_WITHIN_S)
            except NotFound as exc:
                if pause_s is None:
                    raise ImageMissing from exc
                await asyncio.sleep(pause_s)
            else:
                break
        if sha256(image).hexdigest() != capture.image.sha256:
            raise ImageChanged
        return image

    async def _publish_read(self, capture: CaptureReceived, reading: FrameReading) -> None:
        """Store the crops, then publish the reads and the capture's outcome together."""
        came = outcome([plate.reading for plate in reading.plates], self._min_confidence)
        confident = [
            plate for plate in reading.plates if plate.reading.confidence >= self._min_confidence
        ][:MOST_READS]
        reads = [_read(capture, number, plate) for number, plate in enumerate(confident)]
        async with in_time(STORE_WITHIN_S, Unavailable(Common.OBJECT_NOT_STORED)):
            await asyncio.gather(
                *(
                    self._objects.put(crop_key_of(capture, read.read_id), plate.crop_jpeg)
                    for read, plate in zip(reads, confident, strict=True)
                )
            )
        ids = [read.read_id for read in reads]
        processed = self._processed(
            capture, came, reading.engine, reading.duration_ms, read_ids=ids
        )
        events = self._events(capture, reading.engine, reads)
        await self._bus.publish([*events, processed])
        FRAMES.labels(came).inc()
        FRAME_S.observe(reading.duration_ms / 1000)

    async def _publish_refusal(
        self, capture: CaptureReceived, refusal: AlprError, duration_ms: float
    ) -> None:
        log.warning("capture %s is unreadable: %s", capture.capture_id, refusal.title)
        reason = refusal.title
        if refusal.detail != refusal.title:
            reason = f"{refusal.title}: {refusal.detail}"
        processed = self._processed(
            capture, Outcome.UNREADABLE, self._pool.model, duration_ms, reason=reason
        )
        await self._bus.publish([processed])
        FRAMES.labels(Outcome.UNREADABLE).inc()

    def _processed(
        self,
        capture: CaptureReceived,
        came: Outcome,
        engine: str,
        duration_ms: float,
        *,
        read_ids: list[UUID] | None = None,
        reason: str | None = None,
    ) -> CaptureProcessed:
        return CaptureProcessed(
            event_id=derive_id("capture.processed", capture.capture_id),
            occurred_at=self._clock.now(),
            capture=capture,
            outcome=came.value,
            model=engine,
            duration_ms=round(duration_ms, 1),
            read_ids=read_ids or [],
            reason=reason,
        )

    def _events(
        self, capture: CaptureReceived, engine: str, reads: list[RecognisedRead]
    ) -> list[ReadsRecognised]:
        """Return one event for the reads of a capture; none for a capture without reads."""
        if not reads:
            return []
        kind = BackfillRecognised if isinstance(capture, CaptureBackfilled) else ReadsRecognised
        event = kind(
            event_id=kind.id_of(reads),
            occurred_at=self._clock.now(),
            capture=signed_captures.of(capture),
            capture_id=capture.capture_id,
            device_id=capture.device_id,
            engine=engine,
            reads=reads,
        )
        return [event]


def _read(capture: CaptureReceived, number: int, plate: Plate) -> RecognisedRead:
    reading, box = plate.reading, plate.box
    return RecognisedRead(
        read_id=read_id_of(capture.capture_id, number),
        number=number,
        plate=PlateText(reading.plate),
        plate_as_read=None if reading.plate_as_read == reading.plate else reading.plate_as_read,
        confidence=round(reading.confidence, 4),
        region=reading.region,
        characters=[_character(one) for one in reading.characters],
        box=Box(box.x_px, box.y_px, box.width_px, box.height_px),
        has_crop=True,
        alternatives=[
            Alternative(PlateText(one.plate), round(one.probability, 4))
            for one in reading.alternatives
        ],
        misread_risk=None if reading.misread_risk is None else round(reading.misread_risk, 4),
    )


def _character(read: protocol.Character) -> Character:
    others = [OtherCharacter(one.text, round(one.probability, 4)) for one in read.alternatives]
    return Character(read.text, round(read.confidence, 4), others)


def subscriptions(service: RecognitionService) -> Sequence[Subscription]:
    """Return a subscription for live captures and one for others.

    Both use the same workers. A live capture waits for one other capture a worker at most.
    """
    live: dict[type[Event], Handler] = {CaptureReceived: _captures(service).received}
    others: dict[type[Event], Handler] = {CaptureBackfilled: _captures(service).received}
    workers = service.pool.size
    within_s = max(POLL_WITHIN_S, service.pool.at_most_s(FRAMES_PER_WORKER + 1))
    return [
        Subscription(
            "recognition",
            live,
            max_records=FRAMES_PER_WORKER * workers,
            pauses=PROMPT,
            poll_within_s=within_s,
        ),
        Subscription("recognition-backfill", others, max_records=workers, poll_within_s=within_s),
    ]


def _captures(service: RecognitionService) -> Captures:
    runtime = service.runtime
    return Captures(
        service.pool,
        runtime.bus,
        runtime.objects,
        runtime.clock,
        min_confidence=service.settings.recognition_min_confidence,
    )
