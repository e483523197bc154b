"""Posts in makers' formats: what their devices send becomes our reads and pictures, or is refused by name."""

import asyncio
import base64
import gzip
import json
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from services.ingest.actions import maker_posts
from services.ingest.actions.makers import MAKERS
from services.ingest.api.makers import INLINE_BYTES
from shared.core.errors import Unavailable
from shared.core.ids import akin
from shared.core.problem_codes import Common
from shared.events import CaptureReceived, ReadsBackfilled, ReadsRecorded
from tests.unit.ingest import pictures as p

pytestmark = pytest.mark.clause("468.5/makers")

FRAME, CROP = p.jpeg(1280, 720), p.jpeg(120, 40)


def hikvision(station):
    """Return an event as the cameras write it, captured a second ago."""
    at = station.clock.now() - timedelta(seconds=1)
    text = MAKERS["hikvision"].example
    return text.replace("2026-06-01T11:59:58-07:00", at.isoformat()).encode()


def document(station, maker):
    """Return a maker's example as sent now."""
    at = station.clock.now() - timedelta(seconds=1)
    if maker == "hikvision":
        return hikvision(station)
    changed = json.loads(json.dumps(MAKERS[maker].example))
    ms = int(at.timestamp() * 1000)
    if maker == "axis":
        changed["capture_timestamp"] = str(ms)
    elif maker == "genetec":
        changed |= {"DateUtc": f"{at:%d/%m/%Y}", "TimeUtc": f"{at:%H:%M:%S}"}
    elif maker == "rekor":
        changed["epoch_start"] = ms
    elif maker == "plate-recognizer":
        changed["data"]["timestamp"] = at.isoformat()
    elif maker == "bridge":
        changed["reads"][0]["captured_at"] = at.isoformat()
    else:
        changed["timestamp"] = at.timestamp()
    return json.dumps(changed).encode()


async def post(station, camera, maker, content=None, *, files=None, status=202, **headers):
    sent = {"Authorization": f"Bearer {camera}"} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    answer = await station.client.post(
        f"/v1/makers/{maker}", content=content, files=files, headers=sent
    )
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.mark.parametrize("maker", MAKERS)
async def test_what_a_maker_documents_is_a_read_with_its_own_id_once(station, camera, maker):
    content = document(station, maker)
    before = counted("alpr_maker_posts_total", maker=maker, became="reads")
    receipt = await post(station, camera, maker, content)
    assert counted("alpr_maker_posts_total", maker=maker, became="reads") == before + 1
    assert (receipt["accepted"], receipt["passed_over"]) == (1, None)
    again = await post(station, camera, maker, content)
    assert again["read_ids"] == receipt["read_ids"]
    first, second = station.reads
    assert str(first.read_id) == receipt["read_ids"][0]
    assert second.read_id == first.read_id
    assert first.plate == "7ABC123"
    assert first.confidence == pytest.approx(0.94, abs=0.005)
    assert (first.source, first.model) == ("edge", maker)
    assert abs(station.clock.now() - timedelta(seconds=1) - first.captured_at) < timedelta(
        seconds=1
    )


async def test_a_form_of_a_camera_is_one_read_with_both_its_pictures(station, camera):
    files = [
        ("anpr.xml", ("anpr.xml", hikvision(station), "text/xml")),
        ("licensePlatePicture.jpg", ("licensePlatePicture.jpg", CROP, "image/jpeg")),
        ("detectionPicture.jpg", ("detectionPicture.jpg", FRAME, "image/jpeg")),
    ]
    receipt = await post(station, camera, "hikvision", files=files)
    [read], [capture] = station.reads, station.captures
    assert receipt["pictures_refused"] == []
    assert receipt["capture_id"] == str(capture.capture_id) == str(read.capture_id)
    assert capture.read_by == "camera", "recognition makes no second read of it"
    assert station.objects.stored == {read.image_key: FRAME, read.crop_key: CROP}
    assert read.image_key == capture.image.object_key
    assert read.crop_key.startswith("crops/")
    assert read.captured_at == capture.captured_at
    assert [c.confidence for c in read.characters][:2] == [0.99, 0.94]
    assert (read.direction, read.lane, read.speed_kmh) == ("approaching", 1, 48)
    assert read.vehicle_colour == "white"


def counted(metric, **labels):
    """Return what a metric has counted."""
    return REGISTRY.get_sample_value(metric, labels) or 0


def illustrated(station, **pictures):
    """Return Rekor's example as sent now, with a frame and other pictures of the plate."""
    body = json.loads(document(station, "rekor"))
    for name, data in pictures.items():
        text = base64.b64encode(data).decode()
        body |= {"best_plate": {"plate_crop_jpeg": text}} if name == "crop" else {name: text}
    return json.dumps(body)


async def test_pictures_in_base64_come_along(station, camera):
    at = station.clock.now() - timedelta(seconds=1)
    body = {
        **MAKERS["rekor"].example,
        "epoch_start": int(at.timestamp() * 1000),
        "overview_jpeg": base64.b64encode(FRAME).decode(),
        "best_plate": {"plate_crop_jpeg": base64.b64encode(CROP).decode()},
    }
    await post(station, camera, "rekor", json.dumps(body))
    [read], [capture] = station.reads, station.captures
    assert read.capture_id == capture.capture_id
    assert station.objects.stored == {read.image_key: FRAME, read.crop_key: CROP}
    assert (read.region, read.alternatives[1].plate) == ("US-CA", "7A8C123")


def bridged(station, *reads, frame=None, ago=timedelta(seconds=1)):
    """Return our own reads with pictures, captured before now."""
    at = (station.clock.now() - ago).isoformat()
    shared = {"plate": "7ABC123", "confidence": 0.9, "captured_at": at}
    body = {"reads": [{**shared, **one} for one in reads]}
    if frame is not None:
        body["frame"] = in_base64(frame)
    return json.dumps(body)


def in_base64(data):
    return base64.b64encode(data).decode()


async def test_a_bridge_posts_our_reads_with_a_frame_and_each_with_its_crop(station):
    vehicle = await station.register("Unit 12", kind="vehicle")
    other = p.jpeg(130, 40)
    body = bridged(
        station,
        {"crop": in_base64(CROP), "region": "US-CA", "lane": 2, "source_id": "a"},
        {"plate": "8XYZ999", "crop": in_base64(other), "model": "OurEngine 4.1"},
        {"plate": "6DEF456", "latitude": 39.93, "longitude": -122.18, "heading_deg": 10},
        frame=FRAME,
    )
    receipt = await post(station, vehicle["credential"], "bridge", body)
    assert (receipt["accepted"], receipt["pictures_refused"]) == (3, [])
    [capture] = station.captures
    assert (receipt["capture_id"], capture.read_by) == (str(capture.capture_id), "camera")
    first, second, third = station.reads
    assert {one.capture_id for one in station.reads} == {capture.capture_id}
    assert station.objects.stored == {
        capture.image.object_key: FRAME,
        first.crop_key: CROP,
        second.crop_key: other,
    }
    assert (first.plate, first.region, first.lane, first.model) == (
        "7ABC123",
        "US-CA",
        2,
        "bridge",
    )
    assert (second.plate, second.model, third.crop_key) == ("8XYZ999", "OurEngine 4.1", None)
    assert (third.place.latitude, third.place.heading_deg) == (39.93, 10)


async def test_reads_that_differ_in_their_crops_alone_each_have_their_own(station, camera):
    other = p.jpeg(130, 40)
    body = bridged(station, {"crop": in_base64(CROP)}, {"crop": in_base64(other)})
    receipt = await post(station, camera, "bridge", body)
    assert receipt["accepted"] == len(set(receipt["read_ids"])) == 2
    stored = [station.objects.stored[read.crop_key] for read in station.reads]
    assert stored == [CROP, other]


async def test_a_fixed_camera_stands_where_it_is_registered_whatever_its_bridge_says(
    station, camera
):
    body = bridged(station, {"latitude": 1.0, "longitude": 2.0, "heading_deg": 3})
    await post(station, camera, "bridge", body)
    [read] = station.reads
    assert (read.place.latitude, read.place.heading_deg) == (39.9277, 90)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"reads": []}, "reads_empty", None),
        ({"reads": [{}] * 101}, "reads_with_pictures_too_many", "reads"),
        ({"plates": []}, "field_unknown", "plates"),
        ({"reads": {}}, "field_type_wrong", "reads"),
        ({"frame": 3}, "field_type_wrong", "frame"),
        ({"reads": [{"crop": 3}]}, "read_refused", "crop"),
        ({"reads": [{"confidence": 94}]}, "read_refused", "confidence"),
        ({"reads": [{"colour": "red"}]}, "read_refused", "colour"),
        ({"reads": [{"captured_at": "yesterday"}]}, "read_field_refused", "captured_at"),
        (
            {"reads": [{}, {"captured_at": "2026-06-01T11:59:00Z"}], "frame": in_base64(FRAME)},
            "reads_of_several_moments",
            "captured_at",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_fault_of_a_bridge_is_refused_by_name_and_stores_nothing(
    station, camera, change, code, field
):
    [usual] = json.loads(bridged(station, {}))["reads"]
    body = {"reads": [usual], **change}
    if isinstance(body["reads"], list):
        body["reads"] = [{**usual, **one} for one in body["reads"]]
    problem = await post(station, camera, "bridge", json.dumps(body), status=422)
    assert (problem["code"], problem.get("field")) == (code, field)
    assert station.stored_nothing()


async def test_a_large_post_is_translated_like_a_small_one(station, camera):
    frame = p.png(1280, 720)
    assert len(frame) > INLINE_BYTES
    body = json.loads(document(station, "genetec"))
    body["ContextImage"] = "data:image/png;base64," + base64.b64encode(frame).decode()
    await post(station, camera, "genetec", json.dumps(body))
    [read] = station.reads
    assert station.objects.stored == {read.image_key: frame}


async def test_a_broken_picture_is_left_out_and_its_read_is_not(station, camera):
    files = [
        ("anpr.xml", ("anpr.xml", hikvision(station), "text/xml")),
        ("licensePlatePicture.jpg", ("licensePlatePicture.jpg", CROP[:-20], "image/jpeg")),
        ("detectionPicture.jpg", ("detectionPicture.jpg", FRAME[:200], "image/jpeg")),
    ]
    receipt = await post(station, camera, "hikvision", files=files)
    assert {(one["picture"], one["code"]) for one in receipt["pictures_refused"]} == {
        ("frame", "image_broken"),
        ("crop", "image_broken"),
    }
    [read] = station.reads
    assert (read.capture_id, read.image_key, read.crop_key) == (None, None, None)
    assert not station.objects.stored
    assert not station.captures


@pytest.mark.parametrize(
    ("crop", "code"),
    [(CROP + bytes(2_000_001 - len(CROP)), "upload_too_large"), (p.png(120, 40), "image_kind_unknown")],
    ids=["too large", "not a jpeg"],
)  # fmt: skip
async def test_a_picture_of_a_plate_that_is_not_to_be_shown_is_left_out(
    station, camera, crop, code
):
    metric = "alpr_maker_pictures_refused_total"
    before = counted(metric, maker="rekor", picture="crop")
    receipt = await post(station, camera, "rekor", illustrated(station, crop=crop))
    assert [(one["picture"], one["code"]) for one in receipt["pictures_refused"]] == [
        ("crop", code)
    ]
    assert station.reads[0].crop_key is None
    assert not station.objects.stored
    assert counted(metric, maker="rekor", picture="crop") == before + 1


async def test_a_picture_of_a_plate_of_just_the_limit_comes_along(station, camera):
    crop = CROP + bytes(maker_posts.MAX_CROP_BYTES - len(CROP))
    receipt = await post(station, camera, "rekor", illustrated(station, crop=crop))
    assert receipt["pictures_refused"] == []
    assert station.objects.stored == {station.reads[0].crop_key: crop}


async def test_a_post_does_not_wait_for_an_object_store_that_takes_no_picture_of_a_plate(
    station, camera, monkeypatch
):
    async def hangs(key, data):
        await asyncio.Event().wait()

    monkeypatch.setattr(maker_posts, "STORED_WITHIN_S", 0.2)
    monkeypatch.setattr(station.objects, "put", hangs)
    async with asyncio.timeout(20):
        problem = await post(station, camera, "rekor", illustrated(station, crop=CROP), status=503)
    assert problem["code"] == "object_not_stored"
    assert station.stored_nothing()


async def test_a_picture_file_of_another_kind_is_named_and_taken_for_no_document(station, camera):
    files = [
        ("licensePlatePicture.jpg", ("licensePlatePicture.jpg", b"BM, a bitmap", "image/jpeg")),
        ("anpr.xml", ("anpr.xml", hikvision(station), "text/xml")),
        ("detectionPicture.jpg", ("detectionPicture.jpg", b"", "image/jpeg")),
    ]
    receipt = await post(station, camera, "hikvision", files=files)
    assert [one["picture"] for one in receipt["pictures_refused"]] == ["crop"]
    [read] = station.reads
    assert (read.plate, read.crop_key) == ("7ABC123", None)


async def test_a_number_of_thousands_of_digits_is_passed_over(station, camera):
    xml = hikvision(station).replace(b"99,94,97,96,99,98,97", b"99,94,97,96,99,98," + b"9" * 5000)
    await post(station, camera, "hikvision", xml)
    [read] = station.reads
    assert read.characters == []


@pytest.mark.parametrize("ending", [".2500007Z", "z"], ids=["fractions", "small z"])
async def test_a_read_and_its_picture_have_one_time_however_it_is_written(station, camera, ending):
    at = station.clock.now() - timedelta(seconds=1)
    said = at.isoformat().encode()
    xml = hikvision(station).replace(said, f"{at:%Y-%m-%dT%H:%M:%S}{ending}".encode())
    files = [
        ("anpr.xml", ("anpr.xml", xml, "text/xml")),
        ("detectionPicture.jpg", ("detectionPicture.jpg", FRAME, "image/jpeg")),
    ]
    await post(station, camera, "hikvision", files=files)
    [read], [capture] = station.reads, station.captures
    assert read.captured_at == capture.captured_at


async def test_a_frame_in_which_the_camera_read_nothing_is_read_by_our_engine(station, camera):
    xml = hikvision(station).replace(b"7ABC123", b"unknown")
    files = [
        ("anpr.xml", ("anpr.xml", xml, "text/xml")),
        ("detectionPicture.jpg", ("detectionPicture.jpg", FRAME, "image/jpeg")),
    ]
    receipt = await post(station, camera, "hikvision", files=files)
    [capture] = station.captures
    assert receipt["capture_id"] == str(capture.capture_id)
    assert capture.read_by == "engine"
    assert capture.time_source == "device"
    assert not station.reads


async def test_a_receipt_says_what_became_of_a_post_whichever_it_is(station, camera):
    """The checkpoint apart, which `test_checkpoints.py` is about."""
    station.running.runtime.topics.copies = 2
    illegible = illustrated(station, overview_jpeg=FRAME, crop=b"no picture")
    [frame] = without_a_plate(station, "rekor").values()
    hour_ago = int((station.clock.now() - timedelta(hours=1)).timestamp() * 1000)
    late, late_frame = (
        json.dumps(json.loads(one) | {"epoch_start": hour_ago}) for one in (illegible, frame)
    )
    preview = document(station, "axis").decode().replace('"lost"', '"new"')
    received_at = station.clock.now()
    for maker, body, said in (
        ("rekor", illegible, {"accepted": 1, "refused": ["crop"]}),
        ("rekor", frame, {}),
        ("axis", preview, {"passed_over": "preview"}),
        ("rekor", late, {"accepted": 1, "refused": ["crop"], "late": 1}),
        ("rekor", late_frame, {"late": 1}),
    ):
        receipt = await post(station, camera, maker, body)
        refused = receipt.pop("pictures_refused")
        assert [one["picture"] for one in refused] == said.pop("refused", [])
        assert all(one["code"] and one["detail"] for one in refused)
        assert datetime.fromisoformat(receipt.pop("received_at")) == received_at
        del receipt["checkpoint"]
        accepted, passed_over = said.get("accepted", 0), said.get("passed_over")
        assert receipt == {
            "accepted": accepted, "duplicates": 0, "late": said.get("late", 0), "passed_over": passed_over,
            "read_ids": [str(station.reads[-1].read_id)] * accepted,
            "capture_id": None if passed_over else str(station.captures[-1].capture_id),
            "sha256": sha256(body.encode()).hexdigest(), "copies": 2,
        }  # fmt: skip


def without_a_plate(station, maker):
    """Return a post with a frame in which the device read no plate: a body, or the files of a form."""
    body, text = json.loads(document(station, maker)), base64.b64encode(FRAME).decode()
    if maker == "axis":
        picture = {"ImageType": "full", "BinaryImage": text}
        body |= {"plateUTF8": "", "ImageArray": [picture]}
    elif maker == "genetec":
        body |= {"Plate": "", "ContextImage": text}
    elif maker == "rekor":
        body |= {"best_plate_number": "", "overview_jpeg": text}
    elif maker == "codeproject":
        body |= {"ai_dump": [], "Image": text}
    else:
        body["data"]["results"] = []
        return {
            "files": [
                ("json", (None, json.dumps(body))),
                ("upload", ("a.jpg", FRAME, "image/jpeg")),
            ]
        }
    return {"content": json.dumps(body)}


GPS = b"""<DeviceGPSInfo><latitudeType>N</latitudeType><longitudeType>E</longitudeType>
<Latitude><degree>10</degree><minute>30</minute></Latitude><Longitude><degree>20</degree></Longitude>
</DeviceGPSInfo></EventNotificationAlert>"""


@pytest.mark.parametrize("maker", ["axis", "rekor", "hikvision"])
@pytest.mark.parametrize(("kind", "latitude"), [("vehicle", 10.5), ("fixed", 39.9277)])
async def test_a_frame_without_a_read_is_where_a_vehicle_was(station, maker, kind, latitude):
    """Else a plate that our engine reads in it is found by no search of an area."""
    credential = (await station.register("Unit 12", kind=kind))["credential"]
    if maker == "hikvision":
        xml = hikvision(station).replace(b"7ABC123", b"unknown")
        xml = xml.replace(b"</EventNotificationAlert>", GPS)
        picture = ("detectionPicture.jpg", FRAME, "image/jpeg")
        files = [("anpr.xml", ("anpr.xml", xml, "text/xml")), (picture[0], picture)]
        await post(station, credential, maker, files=files)
    else:
        body = json.loads(without_a_plate(station, maker)["content"])
        body |= {"gps_latitude": 10.5, "gps_longitude": 20.0, "geotag": {"lat": 10.5, "lon": 20}}
        await post(station, credential, maker, json.dumps(body))
    [capture] = station.captures
    assert capture.place.latitude == pytest.approx(latitude)


@pytest.mark.parametrize("maker", ["axis", "genetec", "rekor", "codeproject", "plate-recognizer"])
async def test_a_frame_without_a_read_is_of_the_time_that_its_device_says(station, camera, maker):
    await post(station, camera, maker, **without_a_plate(station, maker))
    [capture] = station.captures
    assert (capture.time_source, capture.read_by) == ("device", "engine")
    at = station.clock.now() - timedelta(seconds=1)
    assert abs(at - capture.captured_at) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("maker", "change", "why"),
    [
        ("hikvision", ("<eventState>active", "<eventState>inactive"), "sign_of_life"),
        ("hikvision", ("<eventType>ANPR", "<eventType>videoloss"), "other_event"),
        ("hikvision", ("7ABC123", "unknown"), "no_plate"),
        ("axis", ('"lost"', '"new"'), "preview"),
        ("axis", ('"lost"', '"update"'), "preview"),
        ("rekor", ('"is_preview": false', '"is_preview": true'), "preview"),
        ("rekor", ('"alpr_group"', '"heartbeat"'), "sign_of_life"),
        ("rekor", ('"alpr_group"', '"alpr_results"'), "other_event"),
        ("plate-recognizer", ('"results"', '"dwell"'), "other_event"),
        ("frigate", ('"lpr"', '"description"'), "other_event"),
        ("codeproject", ('"7ABC123"', '""'), "no_plate"),
    ],
)
async def test_what_has_nothing_to_store_is_acknowledged_and_named(
    station, camera, maker, change, why
):
    content = document(station, maker).decode().replace(*change)
    before = counted("alpr_maker_posts_total", maker=maker, became=why)
    receipt = await post(station, camera, maker, content)
    assert (receipt["passed_over"], receipt["accepted"]) == (why, 0)
    assert counted("alpr_maker_posts_total", maker=maker, became=why) == before + 1
    assert station.stored_nothing()


@pytest.mark.parametrize(
    ("maker", "change", "code", "field"),
    [
        ("axis", ('"0.940034"', '"sure"'), "maker_number_unreadable", "plateConfidence"),
        ("axis", ('"plateUTF8"', '"plate"'), "field_missing", "plateUTF8"),
        ("genetec", ('"ConfidenceScore"', '"Score"'), "maker_field_missing", "ConfidenceScore"),
        ("genetec", ("/20", "-20"), "maker_day_unreadable", "DateUtc"),
        ("rekor", ('"best_confidence"', '"other"'), "maker_field_missing", "best_confidence"),
        ("rekor", ("93.6", "936"), "read_refused", "confidence"),
        ("plate-recognizer", ('"score": 0.94, "region"', '"region"'), "field_missing", "data.results[0].score"),
        ("frigate", ('"score"', '"other"'), "maker_field_missing", "score"),
        ("hikvision", ("<dateTime>2", "<dateTime>1"), "read_field_refused", "captured_at"),
        ("hikvision", ("confidenceLevel", "level"), "maker_field_missing", "confidenceLevel"),
        ("hikvision", ("<confidenceLevel>94", "<confidenceLevel>high"), "maker_number_unreadable", "confidenceLevel"),
        ("hikvision", ("7ABC123", "7ABC1234567890123"), "read_field_refused", "plate"),
    ],
)  # fmt: skip
async def test_a_fault_is_refused_by_the_name_that_the_maker_gives_the_field(
    station, camera, maker, change, code, field
):
    content = document(station, maker).decode().replace(*change)
    problem = await post(station, camera, maker, content, status=422)
    assert (problem["code"], problem["field"]) == (code, field)
    assert station.stored_nothing()


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8\xff", b"{", b"<a", b"[1]", b"nul", b"[" * 50_000]
)
async def test_what_is_no_document_of_the_maker_is_refused(station, camera, maker, content):
    sent = {"Authorization": f"Bearer {camera}"}
    answer = await station.client.post(f"/v1/makers/{maker}", content=content, headers=sent)
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in (
        "maker_document_missing",
        "maker_xml_unreadable",
        "json_invalid",
        "field_type_wrong",
    )
    assert station.stored_nothing()


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE e [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    "<EventNotificationAlert><eventType>&b;</eventType></EventNotificationAlert>"
)


async def test_xml_that_declares_entities_is_refused_before_they_grow(station, camera):
    problem = await post(station, camera, "hikvision", BOMB, status=400)
    assert problem["code"] == "maker_xml_unreadable"
    padded = hikvision(station) + b" " * 256 * 1024
    assert (await post(station, camera, "hikvision", padded, status=400))["code"] == (
        "maker_xml_unreadable"
    )


async def test_a_document_of_very_many_objects_is_refused(station, camera):
    results = [{"plate": "7ABC123", "score": 0.9}] * 10_000
    body = {"data": {"timestamp": "2026-06-01T11:59:58Z", "results": results}}
    problem = await post(station, camera, "plate-recognizer", json.dumps(body), status=413)
    assert problem["code"] == "maker_document_too_large"


async def test_a_form_that_is_cut_off_or_has_too_many_parts_is_refused(station, camera):
    headers = {"Content_Type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="json"\r\n\r\n{"data": null}\r\n'
    problem = await post(station, camera, "plate-recognizer", cut, status=400, **headers)
    assert problem["code"] == "form_cut_off"
    problem = await post(
        station, camera, "plate-recognizer", b"", status=400, Content_Type="multipart/form-data"
    )
    assert problem["code"] == "form_boundary_missing"
    files = [(f"part{n}", (f"{n}.jpg", FRAME, "image/jpeg")) for n in range(17)]
    problem = await post(station, camera, "plate-recognizer", files=files, status=413)
    assert problem["code"] == "form_too_many_parts"
    assert station.stored_nothing()


async def test_each_vehicle_of_a_frame_is_a_read_of_the_one_frame(station, camera):
    body = json.loads(document(station, "plate-recognizer"))
    one = body["data"]["results"][0]
    body["data"]["results"] = [one, one | {"plate": "8xyz999"}, one | {"plate": ""}]
    files = [("json", (None, json.dumps(body))), ("upload", ("a.jpg", FRAME, "image/jpeg"))]
    receipt = await post(station, camera, "plate-recognizer", files=files)
    assert receipt["accepted"] == 2
    assert {read.plate for read in station.reads} == {"7ABC123", "8XYZ999"}
    assert {read.image_key for read in station.reads} == set(station.objects.stored)
    assert len(station.captures) == 1


async def test_a_fixed_camera_is_where_it_is_registered_and_a_vehicle_where_it_says(
    station, camera
):
    body = json.loads(document(station, "rekor")) | {"gps_latitude": 10.0, "gps_longitude": 20.0}
    await post(station, camera, "rekor", json.dumps(body))
    vehicle = (await station.register("Unit 12", kind="vehicle"))["credential"]
    body["overview_jpeg"] = base64.b64encode(FRAME).decode()
    await post(station, vehicle, "rekor", json.dumps(body))
    assert [read.place.latitude for read in station.reads] == [39.9277, 10.0]
    assert [one.place.latitude for one in station.captures] == [10.0]


async def test_a_late_frame_without_a_read_is_counted_as_late(station, camera):
    at = station.clock.now() - timedelta(hours=2)
    body = json.loads(illustrated(station, overview_jpeg=FRAME))
    body |= {"epoch_start": int(at.timestamp() * 1000), "best_plate_number": ""}
    receipt = await post(station, camera, "rekor", json.dumps(body))
    assert (receipt["accepted"], receipt["late"]) == (0, 1)
    assert receipt["capture_id"] == str(station.captures[0].capture_id)


async def test_a_late_post_goes_to_the_slow_lane_with_its_picture(station):
    vehicle = (await station.register("Unit 12", kind="vehicle"))["credential"]
    at = station.clock.now() - timedelta(hours=2)
    body = {
        **MAKERS["rekor"].example,
        "epoch_start": int(at.timestamp() * 1000),
        "overview_jpeg": base64.b64encode(FRAME).decode(),
    }
    await post(station, vehicle, "rekor", json.dumps(body))
    assert not station.bus.events(ReadsRecorded)
    assert not station.bus.events(CaptureReceived)
    [event] = station.bus.events(ReadsBackfilled)
    assert event.reads[0].capture_id == station.captures[0].capture_id


async def test_a_key_in_x_api_key_is_a_credential_and_a_wrong_one_is_none(station, camera):
    content = document(station, "codeproject")
    for key, status in ((camera, 202), (camera[:-1], 401), ("", 401)):
        answer = await station.client.post(
            "/v1/makers/codeproject", content=content, headers={"X-Api-Key": key}
        )
        assert answer.status_code == status, answer.text
    assert len(station.reads) == 1
    refused = counted("alpr_device_refused_total")
    for bearer, key, status in ((camera, camera[:-1], 202), (camera[:-1], camera, 401)):
        both = {"Authorization": f"Bearer {bearer}", "X-Api-Key": key}
        answer = await station.client.post("/v1/makers/codeproject", content=content, headers=both)
        assert answer.status_code == status, "the usual header counts"
    assert counted("alpr_device_refused_total") == refused + 1


@pytest.mark.parametrize("maker", MAKERS)
async def test_a_post_without_a_credential_is_refused(station, maker):
    answer = await station.client.post(f"/v1/makers/{maker}", content=document(station, maker))
    assert answer.status_code == 401
    assert "Basic" in answer.headers["WWW-Authenticate"]
    assert station.stored_nothing()


async def test_a_maker_that_is_not_known_has_no_address(station, camera):
    await post(station, camera, "other", b"{}", status=404)


async def test_a_packed_post_is_refused(station, camera):
    packed = gzip.compress(document(station, "rekor"))
    problem = await post(station, camera, "rekor", packed, status=415, Content_Encoding="gzip")
    assert problem["field"] == "Content-Encoding"
    assert station.stored_nothing()


async def test_a_parameter_in_the_address_is_refused(station, camera):
    sent = {"Authorization": f"Bearer {camera}"}
    answer = await station.client.post(
        "/v1/makers/rekor?captured_at=now", content=document(station, "rekor"), headers=sent
    )
    assert answer.json()["code"] == "maker_parameter_unknown"


async def test_no_read_is_published_whose_picture_could_not_be_stored(station, camera, monkeypatch):
    body = json.loads(document(station, "genetec"))
    body["ContextImage"] = base64.b64encode(FRAME).decode()

    async def refuse(key, data):
        raise Unavailable(Common.OBJECT_NOT_STORED)

    monkeypatch.setattr(station.objects, "put", refuse)
    await post(station, camera, "genetec", json.dumps(body), status=503)
    assert station.stored_nothing()


async def test_a_faulty_read_leaves_no_picture_behind(station, camera):
    body = json.loads(document(station, "genetec")) | {"DateUtc": "01/06/2031"}
    body["ContextImage"] = base64.b64encode(FRAME).decode()
    problem = await post(station, camera, "genetec", json.dumps(body), status=422)
    assert problem["code"] == "read_field_refused"
    assert station.stored_nothing()


async def test_posts_with_pictures_count_towards_the_rate_of_frames(station):
    slow = await station.register("slow", kind="vehicle", frames_per_s=0.1)
    body = json.loads(document(station, "genetec"))
    body["ContextImage"] = base64.b64encode(FRAME).decode()
    await post(station, slow["credential"], "genetec", json.dumps(body))
    problem = await post(station, slow["credential"], "genetec", json.dumps(body), status=429)
    assert problem["code"] == "device_rate_exceeded"
    await post(station, slow["credential"], "genetec", document(station, "genetec"))


async def test_posts_with_the_picture_of_a_plate_alone_count_towards_the_rate_of_frames(station):
    slow = await station.register("slow", kind="vehicle", frames_per_s=0.1)
    files = [
        ("anpr.xml", ("anpr.xml", hikvision(station), "text/xml")),
        ("licensePlatePicture.jpg", ("licensePlatePicture.jpg", CROP, "image/jpeg")),
    ]
    await post(station, slow["credential"], "hikvision", files=files)
    problem = await post(station, slow["credential"], "hikvision", files=files, status=429)
    assert problem["code"] == "device_rate_exceeded"
    assert len(station.reads) == 1


async def test_a_frame_over_the_limit_is_left_out_and_refused_without_a_read(station, camera):
    station.change(ingest_max_frame_bytes=len(FRAME) - 1)
    body = json.loads(document(station, "genetec"))
    body["ContextImage"] = base64.b64encode(FRAME).decode()
    receipt = await post(station, camera, "genetec", json.dumps(body))
    assert [one["code"] for one in receipt["pictures_refused"]] == ["upload_too_large"]
    assert not station.captures
    assert len(station.reads) == 1
    body["Plate"] = ""
    problem = await post(station, camera, "genetec", json.dumps(body), status=413)
    assert problem["code"] == "upload_too_large"


async def test_a_post_of_many_vehicles_counts_each_towards_the_rate_of_reads(station):
    slow = await station.register("slow", kind="vehicle", reads_per_s=0.5)
    body = json.loads(document(station, "plate-recognizer"))
    [one] = body["data"]["results"]
    body["data"]["results"] = [one | {"plate": f"7ABC1{n:02}"} for n in range(20)]
    await post(station, slow["credential"], "plate-recognizer", json.dumps(body))
    problem = await post(
        station, slow["credential"], "plate-recognizer", json.dumps(body), status=429
    )
    assert problem["code"] == "device_rate_exceeded"


async def test_a_large_post_that_is_refused_counts_towards_the_rate_of_its_device(station):
    """Translating a large document takes time, whatever it is worth."""
    slow = (await station.register("slow", kind="vehicle", reads_per_s=1))["credential"]
    faulty = json.dumps(json.loads(document(station, "rekor")) | {"best_confidence": "high"})
    await post(station, slow, "rekor", faulty + " " * 4000, status=422)
    problem = await post(station, slow, "rekor", document(station, "rekor"), status=429)
    assert problem["code"] == "device_rate_exceeded"


async def test_the_pictures_in_a_post_count_towards_the_bytes_in_flight_as_well(station, camera):
    in_flight, content = station.running.in_flight, illustrated(station, overview_jpeg=FRAME)
    with in_flight.body(UUID(int=1)) as one, in_flight.body(UUID(int=2)) as other:
        one.add(in_flight._share_bytes)
        other.add(in_flight._share_bytes - len(content) * 3 // 2)
        problem = await post(station, camera, "rekor", content, status=503)
    assert problem["code"] == "too_much_in_flight"
    assert in_flight.held_bytes == 0
    assert (await post(station, camera, "rekor", content))["accepted"] == 1


async def test_a_read_that_comes_again_with_another_picture_leaves_the_first_picture_as_it_was(
    station, camera
):
    xml, other = hikvision(station), p.jpeg(160, 60)

    async def send(crop):
        files = [
            ("anpr.xml", ("anpr.xml", xml, "text/xml")),
            ("licensePlatePicture.jpg", ("licensePlatePicture.jpg", crop, "image/jpeg")),
        ]
        return (await post(station, camera, "hikvision", files=files))["read_ids"]

    first = await send(CROP)
    assert await send(CROP) == first
    assert await send(other) != first
    one, again, changed = station.reads
    assert again == one
    assert changed.crop_key != one.crop_key
    assert akin(changed.read_id) == akin(one.read_id), "both are of one sighting"
    assert station.objects.stored == {one.crop_key: CROP, changed.crop_key: other}
