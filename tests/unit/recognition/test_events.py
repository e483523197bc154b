import asyncio
import os
import signal
import time
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import msgspec
import pytest
from prometheus_client import REGISTRY

from services.recognition import events
from services.recognition.engine.decode import UndecodableImage
from services.recognition.engine.protocol import Character
from services.recognition.events import Captures, ImageChanged, ImageMissing
from services.recognition.workers.child import Plate, read_frames
from services.recognition.workers.pool import FrameKilledWorker, WorkerPool
from shared.core.errors import NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.core.spans import Kind, batch_span, traces_of_events
from shared.events import (
    BackfillRecognised,
    Box,
    CaptureBackfilled,
    CaptureProcessed,
    CaptureReceived,
    ReadsRecognised,
)
from shared.events.signed_captures import crop_key_of, read_id_of
from shared.kafka.codec import Message, decode
from shared.kafka.pauses import PROMPT
from shared.service.otlp import OtlpTracer
from shared.testing import FakeBus, FakeClock, FakeObjects, eventually
from tests.unit.recognition.captures import a_capture, image
from tests.unit.recognition.engines import (
    HANGS,
    KILLS,
    WEIGHTS,
    ScriptedEngine,
    weighted_factory,
)

pytestmark = pytest.mark.clause("468.4(c)/frames")


@pytest.fixture(scope="module")
async def pool():
    pool = WorkerPool(partial(ScriptedEngine), workers=2)
    await pool.start()
    yield pool
    await pool.stop()


@pytest.fixture
def bus():
    return FakeBus("recognition")


@pytest.fixture
def objects():
    return FakeObjects()


@pytest.fixture
def captures(pool, bus, objects, monkeypatch):
    monkeypatch.setattr(events, "RETRY_AFTER_S", (0, 0))
    return Captures(pool, bus, objects, FakeClock(), min_confidence=0.35)


async def test_a_frame_that_its_camera_read_has_an_outcome_and_no_read_of_ours(
    captures, bus, objects
):
    capture = msgspec.structs.replace(await a_capture(objects), read_by="camera")
    objects.stored.clear()
    await captures.received([capture])
    [processed] = bus.events(CaptureProcessed)
    assert (processed.outcome, processed.model, processed.read_ids) == ("plates", "camera", [])
    assert processed.capture == capture
    assert len(bus.records) == 1
    assert not objects.stored, "nothing is fetched or stored"


async def test_a_frame_gives_a_read_with_its_crop_and_one_outcome(captures, bus, objects, caplog):
    caplog.set_level("INFO")
    capture = await a_capture(objects)
    await captures.received([capture])
    assert "7ABC" not in caplog.text
    [event] = bus.events(ReadsRecognised)
    [read] = event.reads
    [processed] = bus.events(CaptureProcessed)
    assert (read.plate, read.plate_as_read, read.confidence) == ("7ABC123", "7ABC 123", 0.9)
    assert [(one.text, one.confidence) for one in read.characters] == [(c, 0.9) for c in "7ABC123"]
    assert [(one.text, one.probability) for one in read.characters[2].alternatives] == [
        ("B", 0.9),
        ("8", 0.0765),
        ("R", 0.02),
        ("E", 0.001),
    ]
    assert not any(one.alternatives for one in (*read.characters[:2], *read.characters[3:]))
    assert (event.capture_id, event.device_id) == (capture.capture_id, capture.device_id)
    assert event.capture == capture.signed, "what ingest signed goes on as it came"
    assert read.region == "US-CA"
    assert [(one.plate, one.probability) for one in read.alternatives] == [
        ("7ABC123", 0.8),
        ("7A8C123", 0.15),
    ]
    assert read.misread_risk == 0.2
    assert read.box == Box(2, 2, 28, 8)
    assert event.engine == "scripted/1@abababababababab"
    key = crop_key_of(capture, read.read_id)
    assert read.has_crop
    assert objects.stored[key].startswith(b"\xff\xd8\xff")
    assert "7ABC" not in key
    assert processed.capture == capture
    assert (processed.outcome, processed.read_ids) == ("plates", [read.read_id])
    assert processed.model == event.engine
    assert processed.duration_ms > 0
    assert processed.reason is None
    in_order = [record.topic for record in bus.records]
    assert in_order == [ReadsRecognised.TOPIC, CaptureProcessed.TOPIC]


async def test_the_reads_of_each_frame_of_a_batch_are_in_the_trace_of_its_post(
    captures, bus, objects
):
    batch = [await a_capture(objects) for _ in range(3)]
    flags = ("01", "01", "00")
    posted = {
        capture.event_id: f"00-{number:032x}-{number:016x}-{flag}"
        for number, (capture, flag) in enumerate(zip(batch, flags, strict=True), 1)
    }
    tracer = OtlpTracer("recognition", "http://127.0.0.1:4318", ratio=1)  # not started: sends none
    with (
        batch_span(tracer, "process", Kind.CONSUMER, posted.values(), {}),
        traces_of_events(posted),
    ):
        await captures.received(batch)
    found = {
        event.capture_id: dict(record.headers)["traceparent"].decode()
        for record in bus.records
        if record.topic == ReadsRecognised.TOPIC
        for event in [decode(Message(record.topic, 0, 0, b"", record.value, dict(record.headers)))]
    }
    for number, capture in enumerate(batch, 1):
        trace = found[capture.capture_id]
        assert (trace[3:35], trace[-2:]) == (f"{number:032x}", flags[number - 1])


async def test_a_redelivery_has_the_same_ids_however_late_it_comes(pool, bus, objects):
    clock = FakeClock()
    captures = Captures(pool, bus, objects, clock, min_confidence=0.35)
    capture = await a_capture(objects)
    await captures.received([capture])
    clock.advance(hours=3)
    await captures.received([capture])
    first, again = bus.events(ReadsRecognised)
    assert (first.reads, first.event_id) == (again.reads, again.event_id)
    assert first.reads[0].read_id == read_id_of(capture.capture_id, first.reads[0].number)
    one, other = bus.events(CaptureProcessed)
    assert (one.event_id, one.read_ids) == (other.event_id, other.read_ids)


def counted(outcome):
    """Return how many frames with an outcome were counted."""
    return REGISTRY.get_sample_value("alpr_frames_total", {"outcome": outcome}) or 0


async def test_frames_are_counted_by_their_outcome(pool, bus, objects):
    """The alert of too many unreadable frames divides by these."""
    plates, unreadable = counted("plates"), counted("unreadable")
    spent_s = REGISTRY.get_sample_value("alpr_frame_seconds_sum") or 0
    for minimum in (0.9, 0.91):
        captures = Captures(pool, bus, objects, FakeClock(), min_confidence=minimum)
        await captures.received([await a_capture(objects)])
    with pytest.raises(UndecodableImage):
        await captures.received([await a_capture(objects, b"not an image")])
    assert (counted("plates") - plates, counted("unreadable") - unreadable) == (1, 2)
    took_ms = [one.duration_ms for one in bus.events(CaptureProcessed)[:2]]
    spent_s = REGISTRY.get_sample_value("alpr_frame_seconds_sum") - spent_s
    assert spent_s == pytest.approx(sum(took_ms) / 1000, abs=0.001)
    [event] = bus.events(ReadsRecognised)
    assert event.reads[0].confidence == 0.9, "just the minimum"


async def test_readings_under_the_minimum_give_no_reads_and_an_unreadable_frame(pool, bus, objects):
    strict = Captures(pool, bus, objects, FakeClock(), min_confidence=0.95)
    await strict.received([await a_capture(objects)])
    [processed] = bus.events(CaptureProcessed)
    assert (processed.outcome, processed.read_ids, processed.reason) == ("unreadable", [], None)
    assert bus.events(ReadsRecognised) == []
    assert len(objects.stored) == 1, "no crop of what is no read"


class TwoPlates:
    """Stands in for the workers: reads a plate that is not sure enough, then one that is."""

    model = "two/1"

    async def read(self, image):
        [frame] = read_frames(ScriptedEngine(), [image])
        [plate] = frame.plates
        unsure = replace(plate.reading, characters=(Character("Q", 0.2),))
        plates = Plate(unsure, plate.box, b"unsure"), replace(plate, crop_jpeg=b"sure")
        return replace(frame, plates=plates)


async def test_each_read_has_the_crop_of_its_own_plate(bus, objects):
    captures = Captures(TwoPlates(), bus, objects, FakeClock(), min_confidence=0.9)
    capture = await a_capture(objects)
    await captures.received([capture])
    [event] = bus.events(ReadsRecognised)
    [read] = event.reads
    assert (read.plate, read.number) == ("7ABC123", 0)
    assert objects.stored[crop_key_of(capture, read.read_id)] == b"sure"
    assert b"unsure" not in objects.stored.values()


class Plain(TwoPlates):
    """Reads a plate without a separator."""

    async def read(self, image):
        frame = await super().read(image)
        plate = frame.plates[1]
        plain = replace(plate.reading, plate_as_read=plate.reading.plate)
        return replace(frame, plates=(replace(plate, reading=plain),))


async def test_a_text_that_is_the_plate_itself_is_not_repeated(bus, objects):
    captures = Captures(Plain(), bus, objects, FakeClock(), min_confidence=0.9)
    await captures.received([await a_capture(objects)])
    [event] = bus.events(ReadsRecognised)
    assert [(read.plate, read.plate_as_read) for read in event.reads] == [("7ABC123", None)]


class ManyPlates(TwoPlates):
    """Reads the same plate everywhere, as PaddleOCR does on a picture of nothing but plates."""

    async def read(self, image):
        frame = await super().read(image)
        return replace(frame, plates=frame.plates[1:] * 300)


async def test_a_picture_of_more_plates_than_an_event_can_number_has_as_many_reads_as_it_can(
    bus, objects
):
    """Otherwise no consumer could decode the event, and all its reads would be lost."""
    captures = Captures(ManyPlates(), bus, objects, FakeClock(), min_confidence=0.9)
    capture = await a_capture(objects)
    await captures.received([capture])
    [event] = bus.events(ReadsRecognised)
    assert [read.number for read in event.reads] == list(range(256))
    [processed] = bus.events(CaptureProcessed)
    assert processed.read_ids == [read.read_id for read in event.reads]


async def test_an_undecodable_image_is_published_as_unreadable_and_refused(captures, bus, objects):
    capture = await a_capture(objects, b"not an image")
    with pytest.raises(UndecodableImage):
        await captures.received([capture])
    [processed] = bus.events(CaptureProcessed)
    assert (processed.outcome, processed.capture) == ("unreadable", capture)
    assert processed.model == "scripted/1@abababababababab"
    assert processed.reason == "The image cannot be decoded: not a JPEG, PNG or WebP image"


async def test_a_missing_image_is_reported_and_refused(captures, bus, objects):
    with pytest.raises(ImageMissing):
        await captures.received([await a_capture(objects, keep=False)])
    [processed] = bus.events(CaptureProcessed)
    assert processed.reason == "The image is not in the object store"


@pytest.mark.parametrize("verb", ["get", "put"])
async def test_a_frame_does_not_wait_for_an_object_store_that_answers_nothing(
    captures, bus, objects, monkeypatch, verb
):
    async def hangs(*arguments):
        await asyncio.Event().wait()

    capture = await a_capture(objects)
    monkeypatch.setattr(events, "STORE_WITHIN_S", 0.5)
    with monkeypatch.context() as hung:
        hung.setattr(objects, verb, hangs)
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable):
                await captures.received([capture])
    assert bus.records == []
    await captures.received([capture])
    assert len(bus.events(ReadsRecognised)) == 1


async def test_a_frame_that_comes_slowly_is_read(captures, bus, objects, monkeypatch):
    """Many large frames share one link: each takes long, and none is worth trying again."""

    async def slowly(key):
        for byte in range(0, len(data), 20):
            await asyncio.sleep(0.2)
            yield data[byte : byte + 20]

    capture = await a_capture(objects)
    data = objects.stored[capture.image.object_key]
    monkeypatch.setattr(events, "STORE_WITHIN_S", 0.5)
    monkeypatch.setattr(objects, "stream", slowly)
    await captures.received([capture])
    assert len(bus.events(ReadsRecognised)) == 1


async def test_an_image_that_its_store_shows_late_is_read(captures, bus, objects, monkeypatch):
    capture = await a_capture(objects)
    found, missed = objects.get, []

    async def late(key):
        if len(missed) < len(events.RETRY_AFTER_S):
            missed.append(key)
            raise NotFound(Common.OBJECT_MISSING)
        return await found(key)

    monkeypatch.setattr(objects, "get", late)
    monkeypatch.setattr(events, "RETRY_AFTER_S", (0.05, 0.15))
    began = time.perf_counter()
    await captures.received([capture])
    assert time.perf_counter() - began >= 0.19, "the store has time before each retry"
    [processed] = bus.events(CaptureProcessed)
    assert (processed.outcome, len(missed)) == ("plates", 2)


async def test_reads_whose_crops_cannot_be_stored_are_not_published(
    captures, bus, objects, monkeypatch
):
    capture = await a_capture(objects)

    async def full(key, content):
        raise Unavailable(Common.OBJECT_STORE_AWAY)

    with monkeypatch.context() as patch:
        patch.setattr(objects, "put", full)
        with pytest.raises(Unavailable):
            await captures.received([capture])
    assert bus.records == []
    await captures.received([capture])
    [event] = bus.events(ReadsRecognised)
    assert crop_key_of(capture, event.reads[0].read_id) in objects.stored


async def test_the_other_frames_of_a_batch_are_published_before_one_fails_it(
    captures, bus, objects, monkeypatch
):
    """Else they go on unwatched, while the consumer gives them out again."""
    failing, *others = [await a_capture(objects) for _ in range(3)]
    found = objects.get

    async def get(key):
        if key == failing.image.object_key:
            raise Unavailable(Common.OBJECT_STORE_AWAY)
        return await found(key)

    monkeypatch.setattr(objects, "get", get)
    with pytest.raises(Unavailable):
        await captures.received([failing, *others])
    told = {event.capture.capture_id for event in bus.events(CaptureProcessed)}
    assert told == {capture.capture_id for capture in others}


async def test_an_image_that_differs_from_the_acknowledged_one_is_reported_and_refused(
    captures, bus, objects
):
    with pytest.raises(ImageChanged):
        await captures.received([await a_capture(objects, digest="0" * 64)])
    assert bus.events(CaptureProcessed)[0].outcome == "unreadable"
    assert bus.events(ReadsRecognised) == []


async def test_one_bad_frame_in_a_batch_is_found_without_processing_a_frame_twice(
    captures, bus, objects
):
    batch = [await a_capture(objects) for _ in range(3)]
    batch.insert(1, await a_capture(objects, image(KILLS)))
    with pytest.raises(FrameKilledWorker):
        await captures.received(batch)
    told = {event.capture.capture_id: event.outcome for event in bus.events(CaptureProcessed)}
    assert [told[capture.capture_id] for capture in batch] == [
        "plates", "unreadable", "plates", "plates",
    ]  # fmt: skip
    published = len(bus.records)
    for number, capture in enumerate(batch):  # as the consumer does to find the refused one
        if number == 1:
            with pytest.raises(FrameKilledWorker):
                await captures.received([capture])
        else:
            await captures.received([capture])
    assert len(bus.records) == published


async def test_new_frames_are_read_beside_one_that_was_read_before(captures, bus, objects):
    good, bad = await a_capture(objects), await a_capture(objects, b"not an image")
    with pytest.raises(UndecodableImage):
        await captures.received([good, bad])
    new = await a_capture(objects)
    await captures.received([good, new])
    told = {event.capture.capture_id: event.outcome for event in bus.events(CaptureProcessed)}
    assert told[new.capture_id] == "plates"


async def test_a_refused_frame_that_is_replayed_later_is_tried_again(captures, bus, objects):
    capture = await a_capture(objects, keep=False)
    with pytest.raises(ImageMissing):
        await captures.received([capture])
    await objects.put(capture.image.object_key, image())
    await captures.received([capture])
    assert bus.events(CaptureProcessed)[-1].outcome == "plates"


@pytest.mark.parametrize("part", ["bus", "objects"])
async def test_an_outage_of_a_dependency_is_not_reported_as_a_fault_of_the_frame(
    captures, bus, objects, part
):
    batch = [await a_capture(objects) for _ in range(2)]
    down = {"bus": bus, "objects": objects}[part]
    down.down = True
    with pytest.raises(Unavailable):
        await captures.received(batch)
    assert bus.records == []
    down.down = False
    await captures.received(batch)
    assert len(bus.events(CaptureProcessed)) == 2


async def test_live_captures_get_larger_batches_than_backfilled_ones(pool, bus, objects):
    runtime = SimpleNamespace(bus=bus, objects=objects, clock=FakeClock())
    settings = SimpleNamespace(recognition_min_confidence=0.35)
    service = SimpleNamespace(pool=pool, runtime=runtime, settings=settings)
    live, others = events.subscriptions(service)
    assert (live.group, live.max_records) == ("recognition", 8 * pool.size)
    assert live.pauses is PROMPT
    assert (others.group, others.max_records) == ("recognition-backfill", pool.size)
    capture = await a_capture(objects)
    late = CaptureBackfilled(**{n: getattr(capture, n) for n in capture.__struct_fields__})
    await others.handlers[CaptureBackfilled]([late])
    assert bus.events(ReadsRecognised) == []
    [event] = bus.events(BackfillRecognised)
    assert event.capture == capture.signed
    [processed] = bus.events(CaptureProcessed)
    assert processed.capture == capture
    settings.recognition_min_confidence = 0.95
    live, _ = events.subscriptions(service)
    await live.handlers[CaptureReceived]([capture])
    assert bus.events(ReadsRecognised) == []


async def test_a_poll_of_frames_that_all_hang_stays_within_kafkas_interval(
    bus, objects, monkeypatch
):
    """Otherwise another process gets the same frames, and hangs as long."""
    pool = WorkerPool(ScriptedEngine, workers=1, batch=2, frame_timeout_s=0.5)
    monkeypatch.setattr(events, "FRAMES_PER_WORKER", 2)
    await pool.start()
    runtime = SimpleNamespace(bus=bus, objects=objects, clock=FakeClock())
    settings = SimpleNamespace(recognition_min_confidence=0.35)
    live, others = events.subscriptions(
        SimpleNamespace(pool=pool, runtime=runtime, settings=settings)
    )
    replaced = REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total")
    try:
        with pytest.raises(FrameKilledWorker):
            await live.handlers[CaptureReceived](
                [await a_capture(objects, image(HANGS)) for _ in range(2)]
            )
    finally:
        await pool.stop()
    kills = REGISTRY.get_sample_value("alpr_recognition_workers_replaced_total") - replaced
    slow = WorkerPool(ScriptedEngine, workers=1, batch=2, frame_timeout_s=60)
    a_load_s = 10
    monkeypatch.setattr(events, "FRAMES_PER_WORKER", 8)
    live, others = events.subscriptions(
        SimpleNamespace(pool=slow, runtime=runtime, settings=settings)
    )
    assert live.poll_within_s == others.poll_within_s >= 8 / 2 * kills * (60 + a_load_s)


async def test_a_backfill_between_does_not_have_live_frames_read_twice(pool, bus, objects):
    runtime = SimpleNamespace(bus=bus, objects=objects, clock=FakeClock())
    settings = SimpleNamespace(recognition_min_confidence=0.35)
    live, others = events.subscriptions(
        SimpleNamespace(pool=pool, runtime=runtime, settings=settings)
    )
    good, bad = await a_capture(objects), await a_capture(objects, b"not an image")
    with pytest.raises(UndecodableImage):
        await live.handlers[CaptureReceived]([good, bad])
    between = await a_capture(objects)
    late = CaptureBackfilled(**{n: getattr(between, n) for n in between.__struct_fields__})
    await others.handlers[CaptureBackfilled]([late])
    published = len(bus.records)
    await live.handlers[CaptureReceived]([good])  # as the consumer does to find the refused one
    with pytest.raises(UndecodableImage):
        await live.handlers[CaptureReceived]([bad])
    assert len(bus.records) == published


async def test_reads_name_the_weights_of_the_worker_that_read_them(bus, objects, tmp_path):
    """A worker that replaces another loads what is installed then."""
    weights = tmp_path / WEIGHTS
    weights.write_text("ab" * 32)
    pool = WorkerPool(partial(weighted_factory, tmp_path), workers=1)
    await pool.start()
    captures = Captures(pool, bus, objects, FakeClock(), min_confidence=0.35)
    try:
        await captures.received([await a_capture(objects)])
        weights.write_text("cd" * 32)
        [worker] = pool.workers
        os.kill(worker.pid, signal.SIGKILL)
        await eventually(lambda: pool.idle == 1 and worker not in pool.workers)
        await captures.received([await a_capture(objects)])
    finally:
        await pool.stop()
    named = ["scripted/1@abababababababab", "scripted/1@cdcdcdcdcdcdcdcd"]
    assert [event.engine for event in bus.events(ReadsRecognised)] == named
    assert [event.model for event in bus.events(CaptureProcessed)] == named
