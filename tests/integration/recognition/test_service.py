"""Frames in at Kafka; reads, crops, outcomes and dead letters out."""

import cv2
import numpy as np

from scenes import encode_jpeg, render_scene
from services.recognition.engine.decode import decode
from shared.events.signed_captures import crop_key_of
from shared.service.runtime import ONE_COPY
from shared.testing import eventually
from tests.integration.recognition.conftest import dead_reasons, served
from tests.unit.recognition.captures import a_capture, image
from tests.unit.recognition.engines import KILLS, ScriptedEngine


async def test_a_rendered_street_gives_a_read_of_its_plate(settings, objects, downstream):
    scene = render_scene(13, plates=["7KLM294"])
    jpeg = encode_jpeg(scene.frame, 90)
    capture = await a_capture(objects, jpeg, media_type="image/jpeg")
    blank = cv2.imencode(".jpg", np.full((360, 640, 3), 90, np.uint8))[1].tobytes()
    empty = await a_capture(objects, blank, media_type="image/jpeg")
    async with served(settings):
        await downstream.post(capture, empty)
        await eventually(lambda: downstream.outcome(empty), within_s=30)
        [event] = await eventually(lambda: downstream.events_of(capture), within_s=30)
        await eventually(lambda: downstream.outcome(capture))
    [read] = event.reads
    assert read.plate == "7KLM294"
    assert read.confidence > 0.5
    assert event.engine.startswith("plateward-")
    crop = decode(await objects.get(crop_key_of(capture, read.read_id))).pixels
    x, y, w, h = scene.truth[0].box
    assert read.box.x_px < x + w / 2 < read.box.x_px + read.box.width_px
    assert read.box.y_px < y + h / 2 < read.box.y_px + read.box.height_px
    assert crop.shape[1] >= 0.8 * w
    assert downstream.outcome(capture) == ["plates"]
    assert downstream.outcome(empty) == ["no_plate"]
    assert downstream.reads_of(empty) == []


async def test_a_poison_frame_is_dead_lettered_and_the_next_frame_is_read(
    settings, objects, downstream
):
    good = [await a_capture(objects) for _ in range(3)]
    poison = await a_capture(objects, image(KILLS))
    broken = await a_capture(objects, b"not an image")
    async with served(settings, ScriptedEngine):
        await downstream.post(good[0], poison, good[1], broken, good[2])
        for capture in (*good, poison, broken):
            await eventually(lambda c=capture: downstream.outcome(c), within_s=30)
        late = await a_capture(objects)
        await downstream.post(late)
        for capture in (*good, late):
            await eventually(lambda c=capture: downstream.reads_of(c), within_s=30)
    for capture in (*good, late):
        assert downstream.outcome(capture) == ["plates"]
        assert len(downstream.reads_of(capture)) == 1
    for capture, reason in ((poison, "FrameKilledWorker: 2 times"), (broken, "UndecodableImage")):
        assert downstream.outcome(capture) == ["unreadable"]
        assert downstream.reads_of(capture) == []
        [put_aside] = await dead_reasons(settings, capture)
        assert put_aside.startswith(reason)


async def test_a_redelivered_frame_keeps_its_ids(settings, objects, downstream):
    capture = await a_capture(objects)
    async with served(settings, ScriptedEngine):
        await downstream.post(capture)
        await downstream.post(capture)
        await eventually(lambda: len(downstream.events_of(capture)) == 2, within_s=30)
    first, again = downstream.events_of(capture)
    assert first.event_id == again.event_id
    assert [read.read_id for read in first.reads] == [read.read_id for read in again.reads] != []


async def test_frames_that_wait_while_the_service_is_down_are_read_after(
    settings, objects, downstream
):
    async with served(settings, ScriptedEngine):
        before = await a_capture(objects)
        await downstream.post(before)
        await eventually(lambda: downstream.outcome(before), within_s=30)
    waiting = [await a_capture(objects) for _ in range(5)]
    await downstream.post(*waiting)
    async with served(settings, ScriptedEngine):
        for capture in waiting:
            await eventually(lambda c=capture: downstream.outcome(c), within_s=30)
    assert all(downstream.outcome(capture) == ["plates"] for capture in waiting)
    assert downstream.outcome(before) == ["plates"], "what was committed is not read again"


async def test_the_service_serves_only_health_and_metrics_routes(settings, downstream):
    async with served(settings, ScriptedEngine) as client:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (
            200,
            {
                "workers": "ok",
                "kafka": "ok",
                "objects": "ok",
                "topics": ONE_COPY,
                "policy": "ok",
            },
        )
        assert (await client.get("/livez")).json() == {"status": "ok"}
        figures = (await client.get("/metrics")).text
        assert "alpr_frames_total" in figures
        assert "alpr_recognition_workers_replaced_total" in figures
        paths = (await client.get("/openapi.json")).json()["paths"]
        assert set(paths) == {"/livez", "/readyz", "/metrics"}
