"""Frames: which are stored and published, which are refused, and that a refusal stores no data."""

import asyncio
import os
import random
import signal
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from services.ingest.actions import captures
from services.ingest.domain.problem_codes import ImageDefect, ImageKind
from services.ingest.settings import Settings
from services.ingest.store.devices import FirstSeen
from services.recognition.engine.decode import MAX_IMAGE_BYTES
from shared.core.certificates import Trust
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.events import CaptureReceived
from shared.events.signed_captures import message, written
from shared.testing import TestRoot
from tests.integration.ingest.conftest import another
from tests.integration.ingest.frames import FRAME
from tests.unit.ingest import pictures as p


async def test_a_frame_is_stored_then_announced_then_acknowledged(station, camera):
    taken_at = station.clock.now() - timedelta(seconds=2)
    query = {"captured_at": taken_at.isoformat()}
    answer = await station.post_frame(camera, FRAME, params=query)
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    [event] = station.captures
    assert receipt["sha256"] == sha256(FRAME).hexdigest() == event.image.sha256
    assert receipt["capture_id"] == str(event.capture_id)
    assert receipt["time_source"] == event.time_source == "device"
    assert event.captured_at == taken_at
    assert event.received_at == event.occurred_at == station.clock.now()
    device = event.device_id
    key = f"captures/{device}/2026/06/01/{event.capture_id}.jpg"
    assert (event.image.object_key, event.key) == (key, str(device))
    assert station.objects.stored == {key: FRAME}
    assert (event.image.width_px, event.image.height_px) == (96, 64)
    assert event.image.size_bytes == len(FRAME)
    assert (event.place.latitude, event.place.heading_deg) == (39.9277, 90)
    assert (event.device_name, event.agency_ori) == ("Main St", "CA0520100")


@pytest.mark.clause("wall/captures")
async def test_a_capture_is_published_with_a_signature_of_the_certified_key(station, camera):
    assert (await station.post_frame(camera, FRAME)).status_code == 202
    [event] = station.captures
    proof = event.signed
    certificate = Trust(TestRoot().roots).verify(
        proof.certificate,
        "captures",
        datetime.now(UTC),
        signature=b64decode(proof.signature),
        message=message(proof.body),
    )
    assert certificate.usage == "captures"
    assert proof.body == written(event)
    assert msgspec.json.decode(proof.body, type=CaptureReceived) == msgspec.structs.replace(
        event, signed=None
    )


async def test_a_receipt_names_the_number_of_brokers_with_the_event(station, camera):
    assert (await station.post_frame(camera, FRAME)).json()["copies"] == 1
    station.running.runtime.topics.copies = 2
    other = p.jpeg(112)
    assert (await station.post_frame(camera, other)).json()["copies"] == 2
    assert (await station.post_reads(camera, [station.read()])).json()["copies"] == 2


async def test_the_image_type_is_detected_from_the_content_and_not_the_header(station, camera):
    for make, ending in ((p.jpeg, "jpg"), (p.png, "png"), (p.lossy_webp, "webp")):
        headers = {"Content-Type": "application/octet-stream"}
        answer = await station.post_frame(camera, make(), headers=headers)
        assert answer.status_code == 202, answer.text
        assert station.captures[-1].image.object_key.endswith(f".{ending}")
    kinds = [event.image.media_type for event in station.captures]
    assert kinds == ["image/jpeg", "image/png", "image/webp"]


@pytest.mark.clause("468.5/transfer")
async def test_the_same_frame_twice_is_one_capture_with_one_receipt(station, camera):
    query = {"captured_at": station.clock.now().isoformat()}
    first = await station.post_frame(camera, FRAME, params=query)
    station.clock.advance(minutes=3)
    again = await station.post_frame(camera, FRAME, params=query)
    assert first.json() == again.json()
    assert len({event.capture_id for event in station.captures}) == 1
    assert len(station.objects.stored) == 1


async def test_a_receipt_is_repeated_as_long_as_it_is_among_the_newest(
    station, camera, monkeypatch
):
    monkeypatch.setattr(captures, "REMEMBERED", 1)
    await station.post_frame(camera, FRAME)
    station.clock.advance(minutes=1)
    receipt = (await station.post_frame(camera, p.png())).json()
    station.clock.advance(minutes=1)
    assert (await station.post_frame(camera, p.png())).json() == receipt
    assert len(station.captures) == 2


async def test_without_a_device_time_the_same_frame_is_still_one_capture_at_one_time(
    station, camera
):
    first = (await station.post_frame(camera, FRAME)).json()
    assert first["time_source"] == "server"
    station.clock.advance(days=2)
    station.running.captures._stored.clear()  # as after a restart
    again = (await station.post_frame(camera, FRAME)).json()
    assert again["capture_id"] == first["capture_id"]
    assert again["captured_at"] == first["captured_at"]
    assert len({(e.capture_id, e.captured_at) for e in station.captures}) == 1
    assert len(station.objects.stored) == 1


async def test_one_frame_at_two_times_or_of_two_devices_is_two_captures(station, camera):
    other = (await station.register("Other"))["credential"]
    for credential, seconds in ((camera, 0), (camera, 1), (other, 0)):
        at = station.clock.now() - timedelta(seconds=seconds)
        query = {"captured_at": at.isoformat()}
        assert (await station.post_frame(credential, FRAME, params=query)).status_code == 202
    assert len({event.capture_id for event in station.captures}) == 3


async def test_one_moment_in_two_time_zones_is_one_capture(station, camera):
    for at in ("2026-06-01T12:00:00Z", "2026-06-01T05:00:00-07:00", "2026-06-01T14:00:00 02:00"):
        answer = await station.post_frame(camera, FRAME, params={"captured_at": at})
        assert answer.status_code == 202, answer.text
    assert len({event.capture_id for event in station.captures}) == 1


async def test_time_and_place_are_accepted_in_headers_or_form_fields(station):
    camera = (await station.register(kind="vehicle"))["credential"]
    said = {"captured_at": "2026-06-01T11:59:00Z", "latitude": "40.5", "longitude": "-120.25"}
    headers = {f"X-{name.replace('_', '-')}": value for name, value in said.items()}
    by_header = await station.post_frame(camera, FRAME, headers=headers)
    by_form = await station.client.post(
        "/v1/captures",
        data=said | {"heading_deg": "360"},
        files={"image": ("a.jpg", FRAME, "image/jpeg")},
        headers={"Authorization": f"Bearer {camera}"},
    )
    assert (by_header.status_code, by_form.status_code) == (202, 202), by_form.text
    assert by_header.json()["capture_id"] == by_form.json()["capture_id"]
    place = station.captures[0].place
    assert (place.latitude, place.longitude, place.heading_deg) == (40.5, -120.25, None)


async def test_a_fixed_camera_that_sends_its_position_alone_keeps_its_registered_heading(
    station, camera
):
    said = {"latitude": 39.9278, "longitude": -122.1793}
    assert (await station.post_frame(camera, FRAME, params=said)).status_code == 202
    assert (await station.post_reads(camera, [station.read(**said)])).status_code == 202
    [frame], [read] = station.captures, station.reads
    assert (frame.place.latitude, frame.place.heading_deg) == (39.9278, 90)
    assert (read.place.latitude, read.place.heading_deg) == (39.9278, 90)
    turned = station.read(1, **said, heading_deg=270)
    await station.post_reads(camera, [turned])
    assert station.reads[-1].place.heading_deg == 270


async def test_a_frame_from_a_vehicle_without_a_position_has_no_place(station):
    vehicle = (await station.register("Unit 12", kind="vehicle"))["credential"]
    await station.post_frame(vehicle, FRAME)
    assert station.captures[0].place is None


async def test_basic_authentication_is_accepted_from_cameras(station, camera):
    device, _, secret = camera.partition(".")
    basic = b64encode(f"{device}:{secret}".encode()).decode()
    answer = await station.post_frame("", FRAME, headers={"Authorization": f"Basic {basic}"})
    assert answer.status_code == 202


FAULTS = [
    ({"captured_at": "2026-06-01T12:00:00"}, "captured_at", "time zone"),
    ({"captured_at": "yesterday"}, "captured_at", "not a time"),
    ({"captured_at": "2026-06-01T12:05:01Z"}, "captured_at", "future"),
    ({"captured_at": "2025-04-26T11:59:59Z"}, "captured_at", "before the retention schedule"),
    ({"captured_at": "0001-01-01T00:00:00+12:00"}, "captured_at", "outside the years"),
    ({"latitude": "91", "longitude": "0"}, "latitude", "-90"),
    ({"latitude": "nan", "longitude": "0"}, "latitude", "-90"),
    ({"latitude": "1_0", "longitude": "0"}, "latitude", "-90"),
    ({"latitude": "１", "longitude": "0"}, "latitude", "ASCII"),
    ({"captured_at": "2026-06-01T11:59:00Z\0"}, "captured_at", "ASCII"),
    ({"latitude": "10"}, "longitude", "give both"),
    ({"longitude": "10"}, "latitude", "give both"),
    ({"heading_deg": "90"}, "heading_deg", "needs"),
    ({"latitude": "1", "longitude": "1", "heading_deg": "361"}, "heading_deg", "360"),
    ({"captured_att": "2026-06-01T12:00:00Z"}, "captured_att", "no such field"),
    ({"captured_at": "9" * 70}, "captured_at", "longer"),
]


async def test_a_frame_with_a_faulty_time_or_place_is_refused_with_its_field_and_not_stored(
    station, camera
):
    for query, field, said in FAULTS:
        answer = await station.post_frame(camera, FRAME, params=query)
        assert answer.status_code == 422, query
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["field"] == field, query
        assert said in answer.json()["detail"], query
        assert station.stored_nothing(), query


ONE, OTHER = "2026-06-01T11:00:00Z", "2026-06-01T11:00:01Z"


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ([ONE], [OTHER]),
        ([], [ONE, OTHER]),
        ([], [OTHER, ONE]),
        ([ONE, OTHER], []),
        ([OTHER, ONE], []),
    ],
)
async def test_a_field_with_two_different_values_is_refused(station, camera, headers, query):
    sent = [("Authorization", f"Bearer {camera}"), *(("X-Captured-At", one) for one in headers)]
    answer = await station.client.post(
        "/v1/captures", content=FRAME, headers=sent, params={"captured_at": query}
    )
    assert (answer.status_code, answer.json().get("field")) == (422, "captured_at")
    assert answer.json()["code"] == "capture_field_contradicted"
    assert station.stored_nothing()


JUNK = {
    "empty": (b"", 415),
    "text": (b"not an image", 415),
    "gif": (p.gif(), 415),
    "animated png": (p.animated_png(), 415),
    "animated webp": (p.animated_webp(), 415),
    "jpeg bomb": (p.jpeg_bomb(), 413),
    "png bomb": (p.png_bomb(), 413),
    "webp bomb": (p.webp_bomb(), 413),
    "jpeg and more": (FRAME + b"PK\x03\x04", 400),
}
for name, whole in (("jpeg", FRAME), ("png", p.png()), ("webp", p.lossy_webp())):
    for tenth in range(1, 10):
        JUNK[f"{name} cut at {tenth}/10"] = (whole[: len(whole) * tenth // 10], 400)


async def test_an_invalid_image_is_refused_with_its_defect_and_not_stored(station, camera):
    for name, (data, status) in JUNK.items():
        answer = await station.post_frame(camera, data)
        assert answer.status_code == status, (name, answer.text)
        assert answer.json()["field"] == "image", name
        assert answer.json()["detail"], name
        params = answer.json()["params"]
        if status == 400:
            assert params["defect"] in {one.value for one in ImageDefect}, name
            assert 0 <= params["byte"] <= len(data), name
        if status == 415:
            assert params["kind"] in {one.value for one in ImageKind}, name
        assert station.stored_nothing(), name


async def pieces(data, sent, size=64 * 1024):
    for start in range(0, len(data), size):
        sent.append(start)
        yield data[start : start + size]


async def test_a_frame_over_the_limit_is_refused_by_its_declared_length(station, camera):
    headers = {"Content-Length": "25000001", "Authorization": f"Bearer {camera}"}
    sent = []
    answer = await station.client.post("/v1/captures", content=pieces(FRAME, sent), headers=headers)
    assert (answer.status_code, answer.json()["params"]["max_bytes"]) == (413, 25_000_000)
    assert not sent, "the body was read"
    assert station.stored_nothing()


async def test_a_frame_over_the_limit_is_refused_while_it_streams(station, camera):
    data, sent = bytes(40_000_000), []
    answer = await station.client.post(
        "/v1/captures", content=pieces(data, sent), headers={"Authorization": f"Bearer {camera}"}
    )
    assert answer.status_code == 413
    assert max(sent) < 25_200_000, "it was read to its end"
    assert station.running.in_flight.held_bytes == 0
    assert station.stored_nothing()


async def test_a_form_over_the_limit_is_refused_while_it_streams(station, camera):
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    sent = []
    answer = await station.client.post(
        "/v1/captures",
        content=pieces(head + bytes(40_000_000), sent),
        headers={
            "Authorization": f"Bearer {camera}",
            "Content-Type": "multipart/form-data; boundary=b",
        },
    )
    assert answer.status_code == 413
    assert max(sent) < 25_200_000
    assert station.stored_nothing()


async def test_a_frame_beyond_the_memory_limit_is_refused_with_a_retry_after(station, camera):
    in_flight = station.running.in_flight
    with in_flight.body(UUID(int=1)) as one, in_flight.body(UUID(int=2)) as other:
        one.add(in_flight._share_bytes)
        other.add(in_flight._share_bytes - 10)
        answer = await station.post_frame(camera, FRAME)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert in_flight.held_bytes == 0
    assert (await station.post_frame(camera, FRAME)).status_code == 202


FORMS = {
    "no boundary": ("multipart/form-data", b"x", 400),
    "long boundary": (f"multipart/form-data; boundary={'b' * 300}", b"x", 400),
    "truncated": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx', 400),
    "not a form": ("multipart/form-data; boundary=b", b"hello", 400),
    "no file": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="latitude"\r\n\r\n1\r\n--b--\r\n', 422),
    "no name": ("multipart/form-data; boundary=b", b"--b\r\nContent-Type: image/jpeg\r\n\r\nx\r\n--b--\r\n", 400),
    "long field": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="latitude"\r\n\r\n' + b"1" * 300 + b"\r\n--b--\r\n", 413),
    "many parts": ("multipart/form-data; boundary=b", b"".join(b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n1\r\n' % n for n in range(20)) + b"--b--\r\n", 413),
}  # fmt: skip


async def test_a_broken_form_is_refused_by_its_fault(station, camera):
    for name, (media_type, body, status) in FORMS.items():
        answer = await station.post_frame(camera, body, headers={"Content-Type": media_type})
        assert answer.status_code == status, (name, answer.text)
        assert answer.json()["detail"], name
        assert station.stored_nothing(), name


async def test_a_frame_of_just_the_limit_is_accepted_in_a_form_as_well(station, camera):
    whole = FRAME + bytes(2048 - len(FRAME) % 1024)
    for size, status in ((len(whole), 202), (len(whole) - 1, 413)):
        station.change(ingest_max_frame_bytes=size)
        files = {"image": ("a.jpg", whole)}
        form = await station.client.post(
            "/v1/captures", files=files, headers={"Authorization": f"Bearer {camera}"}
        )
        raw = await station.post_frame(camera, whole)
        assert (form.status_code, raw.status_code) == (status, status), form.text


@pytest.mark.parametrize(
    ("parts", "code", "field"),
    [
        ([("image", ("a.jpg", FRAME)), ("more", ("b.jpg", FRAME))], "form_file_twice", "more"),
        (
            [("latitude", (None, "39.9")), ("latitude", (None, "1")), ("image", ("a.jpg", FRAME))],
            "form_field_twice",
            "latitude",
        ),
    ],
    ids=["file", "field"],
)
async def test_a_form_with_a_file_or_field_twice_is_refused(station, camera, parts, code, field):
    answer = await station.client.post(
        "/v1/captures", files=parts, headers={"Authorization": f"Bearer {camera}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["field"] == field
    assert station.stored_nothing()


async def test_a_frame_under_a_content_encoding_is_refused(station, camera):
    answer = await station.post_frame(camera, FRAME, headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["field"]) == (415, "Content-Encoding")
    assert station.stored_nothing()


@pytest.mark.clause("468.5/transfer")
async def test_without_kafka_a_frame_is_refused_and_its_retry_is_the_same_capture(station, camera):
    station.bus.down = True
    refused = await station.post_frame(camera, FRAME)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) >= 1
    assert not station.captures
    station.bus.down = False
    station.clock.advance(minutes=1)
    receipt = (await station.post_frame(camera, FRAME)).json()
    again = (await station.post_frame(camera, FRAME)).json()
    assert receipt == again
    assert receipt["captured_at"] == "2026-06-01T12:00:00Z", (
        "when it first came, not a minute later"
    )
    assert len(station.objects.stored) == 1
    assert [str(event.capture_id) for event in station.captures] == [receipt["capture_id"]]


@pytest.mark.clause("468.5/transfer")
async def test_without_the_object_store_a_frame_is_refused_and_not_published(station, camera):
    station.objects.down = True
    refused = await station.post_frame(camera, FRAME)
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    station.objects.down = False
    assert station.stored_nothing()
    assert (await station.post_frame(camera, FRAME)).status_code == 202
    assert len(station.captures) == 1


class NoDatabase:
    """A Postgres that is down."""

    def begin(self):
        raise Unavailable(Common.DATABASE_AWAY)


async def test_without_postgres_frames_with_a_device_time_are_accepted(station, camera):
    whole, station.running.runtime.db = station.running.runtime.db, NoDatabase()
    query = {"captured_at": station.clock.now().isoformat()}
    assert (await station.post_frame(camera, FRAME, params=query)).status_code == 202
    refused = await station.post_frame(camera, FRAME)
    assert refused.status_code == 503, "when it first came cannot be known"
    station.running.runtime.db = whole
    assert len(station.captures) == len(station.objects.stored) == 1


async def test_a_frame_without_a_time_does_not_wait_for_a_postgres_that_answers_nothing(
    station, camera, monkeypatch
):
    monkeypatch.setattr(captures, "KNOWN_WITHIN_S", 0.5)
    async with station.running.runtime.db.begin() as connection:
        query = text(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'alpr-ingest' AND datname = current_database()"
        )
        backends = list((await connection.execute(query)).scalars())
    for backend in backends:
        os.kill(backend, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            answer = await station.post_frame(camera, FRAME)
    finally:
        for backend in backends:
            os.kill(backend, signal.SIGCONT)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_away")
    assert station.running.in_flight.held_bytes == 0
    assert station.stored_nothing()
    assert (await station.post_frame(camera, FRAME)).status_code == 202


async def test_slow_uploads_of_one_camera_keep_no_other_out(
    station, ingest_settings, bus, objects, clock, authority, policy
):
    slow = (await station.register("Slow"))["credential"]
    other = (await station.register("Other"))["credential"]
    small = {
        "ingest_max_frame_bytes": 64 * 1024,
        "ingest_max_batch_bytes": 64 * 1024,
        "ingest_max_bytes_in_flight": 1024 * 1024,
    }
    settings = ingest_settings.model_copy(update=small)

    async def stalls():
        yield FRAME + bytes(60_000)
        await asyncio.Event().wait()

    async with another(settings, bus, objects, clock, authority, policy) as ingest:
        headers = {"Authorization": f"Bearer {slow}"}
        uploads = [
            asyncio.create_task(
                ingest.client.post("/v1/captures", content=stalls(), headers=headers)
            )
            for _ in range(18)
        ]
        refused, stalled = await asyncio.wait(uploads, timeout=3)
        assert {upload.result().status_code for upload in refused} == {503}
        assert (await ingest.post_frame(other, FRAME + bytes(50_000))).status_code == 202
        for upload in stalled:
            upload.cancel()
        await asyncio.gather(*stalled, return_exceptions=True)


async def test_a_stalled_body_is_refused_after_the_timeout(station, camera):
    async def stalls():
        yield FRAME[:1000]
        await asyncio.Event().wait()

    station.change(ingest_body_timeout_s=0.05)
    headers = {"Authorization": f"Bearer {camera}"}
    answer = await station.client.post("/v1/captures", content=stalls(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (408, "body_too_slow")
    assert station.running.in_flight.held_bytes == 0
    assert station.stored_nothing()


async def test_one_frame_sent_twenty_times_at_once_is_one_capture(station, camera):
    answers = await asyncio.gather(*[station.post_frame(camera, FRAME) for _ in range(20)])
    assert {answer.status_code for answer in answers} == {202}
    assert len({(e.capture_id, e.captured_at) for e in station.captures}) == 1
    assert len(station.objects.stored) == 1


async def test_a_device_over_its_rate_gets_a_retry_after(station):
    slow = (await station.register("Slow", frames_per_s=0.5))["credential"]
    statuses = [(await station.post_frame(slow, FRAME)).status_code for _ in range(6)]
    assert statuses == [202] * 5 + [429]
    answer = await station.post_frame(slow, FRAME)
    assert 1 <= int(answer.headers["retry-after"]) <= 2
    assert answer.json()["status"] == 429


async def test_random_bytes_never_cause_a_server_error(station):
    credential = (await station.register("Fuzzed", frames_per_s=10_000))["credential"]
    rng = random.Random(20260601)
    starts = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"--b\r\n"]
    for number in range(300):
        data = starts[number % 5] + rng.randbytes(rng.randint(0, 400))
        kind = "multipart/form-data; boundary=b" if number % 5 == 4 else "image/jpeg"
        answer = await station.post_frame(credential, data, headers={"Content-Type": kind})
        assert answer.status_code in (400, 413, 415, 422), (answer.status_code, answer.text)
    assert station.stored_nothing()


async def test_arrival_times_of_frames_are_deleted_after_their_records(station, camera):
    await station.post_frame(camera, FRAME)
    housekeeping = station.running.housekeeping
    assert await housekeeping.forget() == 0
    station.clock.advance(days=400)
    assert await housekeeping.forget() == 0
    station.clock.advance(seconds=1)
    assert await housekeeping.forget() == 1
    async with station.running.runtime.db.begin() as connection:
        now = station.clock.now()
        assert await FirstSeen(connection).note(station.captures[0].device_id, b"x", now) == now


@pytest.mark.clause("468.5/transfer")
async def test_a_frame_that_the_object_store_does_not_take_in_time_is_sent_again(
    station, camera, monkeypatch
):
    """Frames that wait for a store that answers nothing would use up the bytes in flight, and refuse reads too."""
    monkeypatch.setattr(captures, "STORED_WITHIN_S", 0.05)
    monkeypatch.setattr(station.objects, "put", hangs)
    async with asyncio.timeout(5):
        refused = await station.post_frame(camera, p.jpeg())
    assert (refused.status_code, refused.json()["code"]) == (503, "object_not_stored")
    assert "retry-after" in refused.headers
    assert station.running.in_flight.held_bytes == 0
    assert station.stored_nothing()


async def hangs(*given):
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"ingest_max_frame_bytes": MAX_IMAGE_BYTES + 1}, "ingest_max_frame_bytes"),
        ({"ingest_max_bytes_in_flight": 25_000_000}, "INGEST_MAX_BYTES_IN_FLIGHT"),
        (
            {"ingest_max_batch_bytes": 40_000_000, "ingest_max_bytes_in_flight": 76_000_000},
            "INGEST_MAX_BYTES_IN_FLIGHT must be 80000000",
        ),
    ],
)
def test_limits_under_which_a_frame_would_never_be_read_or_accepted_are_refused(
    ingest_settings, limit, said
):
    given = dict(ingest_settings)
    assert Settings(**given).ingest_max_frame_bytes < MAX_IMAGE_BYTES
    with pytest.raises(ValueError, match=said):
        Settings(**{**given, **limit})
