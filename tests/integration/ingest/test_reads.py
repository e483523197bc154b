"""Reads that cameras made themselves: all or none, each once, the first fault named."""

import asyncio
import gzip
import json
import random
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from shared.core.plates import normalise_plate
from shared.events import ReadsRecorded
from shared.testing.reads import FOLDED


async def test_a_batch_is_published_completely_before_it_is_acknowledged(station, camera):
    body = json.dumps([station.read(n) for n in range(3)]).encode()
    answer = await station.post_reads(camera, body)
    assert answer.status_code == 202, answer.text
    receipt = answer.json()
    assert (receipt["accepted"], receipt["duplicates"]) == (3, 0)
    assert receipt["sha256"] == sha256(body).hexdigest()
    assert receipt["read_ids"] == [str(event.read_id) for event in station.reads]
    event = station.reads[0]
    assert (event.plate, event.plate_as_read, event.region) == ("7ABC000", "7ABC000", "US-CA")
    assert (event.source, event.model, event.confidence) == ("edge", "edge", 0.91)
    assert event.captured_at == station.clock.now() - timedelta(seconds=1)
    assert (event.device_name, event.agency_ori) == ("Main St", "CA0520100")
    assert event.place.latitude == 39.9277
    assert event.capture_id is None


async def test_the_reads_of_a_request_are_published_in_records_of_up_to_250(station, camera):
    for count, records in ((1, [1]), (250, [250]), (501, [250, 250, 1])):
        station.bus.records.clear()
        await station.post_reads(camera, [station.read(n) for n in range(count)])
        events = station.bus.events(ReadsRecorded)
        assert [len(event.reads) for event in events] == records
        assert {record.key.decode() for record in station.bus.records} == {str(events[0].device_id)}
        assert all(read.place is None for event in events for read in event.reads), "once"


async def test_a_read_keeps_the_cameras_own_id_and_original_time(station, camera):
    canonical, own = "2026-06-01T11:59:00.500000Z", "2026-06-01T04:59:00.5-07:00"
    await station.post_reads(
        camera, [station.read(1, captured_at=canonical), station.read(2, captured_at=own)]
    )
    [event] = station.bus.events(ReadsRecorded)
    assert [read.device_time for read in event.reads] == [None, own]
    assert [read.maker_id for read in event.reads] == ["r-1", "r-2"]
    assert f'"captured_at":"{canonical}"'.encode() in station.bus.records[-1].value


async def test_a_read_has_all_that_its_camera_sent(station):
    camera = (await station.register(kind="vehicle"))["credential"]
    said = {
        "plate": "7abc-123 ",
        "latitude": 1.5, "longitude": -2.5, "heading_deg": 359.9,
        "characters": [
            {"text": "7", "confidence": 0.99, "alternatives": [{"text": "1", "confidence": 0.01}]},
            {"text": "A"},
        ],
        "model": "cam-os 7@abc", "vehicle_make": "Ford", "vehicle_model": "Transit", "vehicle_colour": "red",
        "direction": "receding", "speed_kmh": 48.5, "lane": 2, "sequence": 481,
    }  # fmt: skip
    answer = await station.post_reads(camera, [station.read(0, **said)])
    assert answer.status_code == 202, answer.text
    [event] = station.reads
    assert (event.plate, event.plate_as_read) == ("7ABC123", "7abc-123 ")
    assert (event.place.latitude, event.place.heading_deg) == (1.5, 359.9)
    assert [(c.text, c.confidence) for c in event.characters] == [("7", 0.99), ("A", None)]
    assert [[(o.text, o.probability) for o in c.alternatives] for c in event.characters] == [
        [("1", 0.01)],
        [],
    ]
    assert event.model == "cam-os 7@abc"
    assert (event.vehicle_make, event.vehicle_model, event.vehicle_colour) == (
        "Ford",
        "Transit",
        "red",
    )
    assert (event.direction, event.speed_kmh, event.lane) == ("receding", 48.5, 2)
    [record] = station.bus.events(ReadsRecorded)
    assert record.reads[0].maker_sequence == 481


async def test_the_plate_comes_first_then_each_other_once_by_its_probability(station, camera):
    others = [("1abc-123", 0.02), ("7A8C123", 0.03), ("7ABC 000", 0.9), ("1ABC123", 0.01)]
    sent = [{"plate": plate, "confidence": confidence} for plate, confidence in others]
    answer = await station.post_reads(camera, [station.read(0, alternatives=sent)])
    assert answer.status_code == 202, answer.text
    [event] = station.reads
    assert [(a.plate, a.probability) for a in event.alternatives] == [
        ("7ABC000", event.confidence),
        ("7A8C123", 0.03),
        ("1ABC123", 0.02),
    ]


async def test_ndjson_is_accepted_and_gives_the_same_ids(station, camera):
    reads = [station.read(n) for n in range(3)]
    lines = b"\n".join(json.dumps(read).encode() for read in reads) + b"\n"
    one = await station.post_reads(
        camera, lines, Content_Type="application/x-ndjson; charset=utf-8"
    )
    other = await station.post_reads(camera, reads)
    assert one.json()["read_ids"] == other.json()["read_ids"]


@pytest.mark.clause("468.5/transfer")
async def test_a_resent_batch_or_part_of_it_has_the_same_ids(station, camera):
    reads = [station.read(n, **({"source_id": None} if n % 2 else {})) for n in range(10)]
    first = (await station.post_reads(camera, reads)).json()["read_ids"]
    station.clock.advance(days=3)
    again = (await station.post_reads(camera, reads[4:])).json()["read_ids"]
    assert first[4:] == again
    assert len(set(first)) == 10
    assert {str(read.read_id) for read in station.reads} == set(first)


@pytest.mark.clause("wall/keyed-ids")
async def test_the_same_month_of_another_year_has_its_own_secret(station, camera):
    reads = [station.read(1), station.read(2, captured_at="2025-06-02T12:00:00Z")]
    together = (await station.post_reads(camera, reads)).json()["read_ids"]
    alone = [(await station.post_reads(camera, [read])).json()["read_ids"] for read in reads]
    assert [together[:1], together[1:]] == alone


async def test_a_batch_that_unpacks_beyond_the_memory_limit_is_refused_with_a_retry_after(
    station, camera
):
    in_flight, packed = station.running.in_flight, gzip.compress(b"[" + b" " * 100_000 + b"]")
    with in_flight.body(UUID(int=1)) as one, in_flight.body(UUID(int=2)) as other:
        one.add(in_flight._share_bytes)
        other.add(in_flight._share_bytes - 50_000)
        answer = await station.post_reads(camera, packed, Content_Encoding="gzip")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert in_flight.held_bytes == 0


async def test_the_id_of_a_read_depends_on_the_time_as_the_device_wrote_it(station, camera):
    times = (
        "2026-06-01T11:00:00Z",
        "2026-06-01T04:00:00-07:00",
        "2026-06-01T11:00:00.000000+00:00",
    )
    ids = set()
    for at in times:
        answer = await station.post_reads(camera, [station.read(0, captured_at=at)])
        ids |= set(answer.json()["read_ids"])
    assert len(ids) == 3
    assert len({event.captured_at for event in station.reads}) == 1


async def test_a_camera_that_restarts_its_numbering_loses_no_read(station, camera):
    for at in ("2026-06-01T11:00:00Z", "2026-06-01T11:30:00Z"):
        await station.post_reads(camera, [station.read(1, captured_at=at)])
    assert len({event.read_id for event in station.reads}) == 2


async def test_two_devices_with_the_same_source_id_made_two_reads(station, camera):
    other = (await station.register("Other"))["credential"]
    for credential in (camera, other):
        await station.post_reads(credential, [station.read(1)])
    assert len({event.read_id for event in station.reads}) == 2


async def test_duplicates_within_a_batch_collapse(station, camera):
    read, bare = station.read(1), station.read(2, source_id=None)
    answer = await station.post_reads(camera, [read, bare, read, bare | {"model": "other"}])
    assert (answer.json()["accepted"], answer.json()["duplicates"]) == (2, 2)
    ids = answer.json()["read_ids"]
    assert ids[:2] == ids[2:]
    assert len(station.reads) == 2


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
async def test_reads_that_contradict_each_other_are_both_kept(station, camera, together):
    """A read with a receipt is on record, and every hit is on a plate of a record."""
    reads = [
        station.read(1),
        station.read(1, plate="1HOT002"),
        station.read(1, region="US-NV"),
        station.read(1, confidence=0.3),
    ]
    for batch in [reads] if together else [[read] for read in reads]:
        answer = await station.post_reads(camera, batch)
        assert answer.json()["accepted"] == len(batch)
    assert len({event.read_id for event in station.reads}) == 4
    assert {event.plate for event in station.reads} == {"7ABC001", "1HOT002"}


async def test_two_different_reads_with_one_source_id_are_refused(station, camera):
    answer = await station.post_reads(camera, [station.read(1), station.read(1, model="other")])
    assert answer.status_code == 422
    assert (answer.json()["params"]["index"], answer.json()["field"]) == (1, "source_id")
    assert station.stored_nothing()


@pytest.mark.clause("468.5/transfer")
async def test_ten_thousand_reads_are_accepted_in_one_request(station, camera):
    reads = [station.read(n) for n in range(10_000)]
    body = gzip.compress(json.dumps(reads).encode(), 1)
    answer = await station.post_reads(camera, body, Content_Encoding="gzip")
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 10_000
    assert "read_ids" not in answer.json()
    assert len({event.read_id for event in station.reads}) == 10_000


async def test_ids_of_a_large_batch_are_returned_on_request(station, camera):
    reads = [station.read(n) for n in range(101)]
    assert "read_ids" not in (await station.post_reads(camera, reads)).json()
    assert len((await station.post_reads(camera, reads[:100])).json()["read_ids"]) == 100
    asked = await station.post_reads(camera, reads, query="?ids=true")
    assert len(asked.json()["read_ids"]) == 101
    for query, field in (("?ids=perhaps", "ids"), ("?id=true", "id")):
        refused = await station.post_reads(camera, reads, query=query)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


FAULTS = [
    ({"plate": "---"}, "plate", "plate_length", "letters and digits"),
    ({"plate": "A" * 13}, "plate", "plate_length", "letters and digits"),
    ({"plate": "A" * 33}, "plate", "field_too_long", "plate must have 32 or fewer characters"),
    ({"plate": ""}, "plate", "field_too_short", "plate must have 1 or more characters"),
    ({"plate": "7ABC\u0000123"}, "plate", "text_unprintable", "printed"),
    ({"plate": 7}, "plate", "field_type_wrong", "plate must be of the type string"),
    ({"plate": None}, "plate", "field_type_wrong", "plate must be of the type string"),
    ({"confidence": 1.01}, "confidence", "field_too_high", "confidence must be 1.0 or less"),
    ({"confidence": "0.9"}, "confidence", "field_type_wrong", "of the type number"),
    ({"captured_at": "2026-06-01T11:00:00"}, "captured_at", "captured_at_without_zone", "time zone"),
    ({"captured_at": 1780000000}, "captured_at", "captured_at_unreadable", "send e.g. 2026-06-01T"),
    ({"captured_at": f"2026-06-01T11:59:59.{'0' * 200}Z"}, "captured_at", "captured_at_unreadable", "send e.g. 2026-06-01T"),
    ({"captured_at": "2026-06-01T12:05:01Z"}, "captured_at", "captured_at_in_future", "future"),
    ({"captured_at": "2025-04-01T12:00:00Z"}, "captured_at", "captured_at_too_old", "before the retention schedule"),
    ({"captured_at": "0001-01-01T00:00:00+12:00"}, "captured_at", "captured_at_out_of_age", "outside the years"),
    ({"region": "California"}, "region", "read_region_unknown", "3166-2"),
    ({"region": "US-ZZ"}, "region", "read_region_unknown", "3166-2"),
    ({"region": "CA"}, "region", "read_region_unknown", "US-CA, or a country"),
    ({"region": "us-ca"}, "region", "read_region_unknown", "full form"),
    ({"latitude": 91, "longitude": 0}, "latitude", "field_too_high", "latitude must be 90.0 or less"),
    ({"latitude": 0, "longitude": -181}, "longitude", "field_too_low", "longitude must be -180.0 or more"),
    ({"latitude": 1}, "latitude", "read_place_incomplete", "give both"),
    ({"heading_deg": 90}, "latitude", "read_place_incomplete", "give both"),
    ({"latitude": 1, "longitude": 1, "heading_deg": 360}, "heading_deg", "field_not_below", "less than 360"),
    ({"source_id": ""}, "source_id", "field_too_short", "1 or more"),
    ({"source_id": "s" * 129}, "source_id", "field_too_long", "128 or fewer"),
    ({"model": "a\u0007"}, "model", "text_unprintable", "printed"),
    ({"characters": [{"text": "7", "confidence": 2}]}, "characters[0].confidence", "field_too_high", "1.0 or less"),
    ({"characters": [{"text": "\u0000"}]}, "characters", "text_unprintable", "printed"),
    ({"characters": [{"text": "7"}] * 17}, "characters", "field_too_many", "16 or fewer items"),
    ({"characters": [{"text": "7", "x": 1}]}, "characters[0].x", "field_unknown", "allowed: text, confidence"),
    ({"characters": [{"text": "7", "alternatives": [{"text": "\u0000", "confidence": 0}]}]}, "characters", "text_unprintable", "printed"),
    ({"alternatives": [{"plate": "---", "confidence": 0.1}]}, "alternatives", "plate_length", "letters and digits"),
    ({"alternatives": [{"plate": "7A", "confidence": 2}]}, "alternatives[0].confidence", "field_too_high", "1.0 or less"),
    ({"alternatives": [{"plate": "7A", "confidence": 0}] * 10}, "alternatives", "field_too_many", "9 or fewer items"),
    *(
        ({name: "a\u0007"}, name, "text_unprintable", "printed")
        for name in ("vehicle_make", "vehicle_model", "vehicle_colour")
    ),
    ({"direction": "north"}, "direction", "field_not_allowed", "one of: approaching, receding"),
    ({"speed_kmh": -1}, "speed_kmh", "field_too_low", "speed_kmh must be 0.0 or more"),
    ({"lane": 100}, "lane", "field_too_high", "lane must be 99 or less"),
    ({"sequence": -1}, "sequence", "field_too_low", "sequence must be 0 or more"),
    ({"colour": "red"}, "colour", "field_unknown", "allowed: plate, confidence, captured_at"),
]  # fmt: skip


@pytest.mark.clause("468.5/transfer")
async def test_a_faulty_read_refuses_the_batch_and_is_named_by_place_and_field(station, camera):
    for fields, field, rule, said in FAULTS:
        reads = [station.read(n) for n in range(5)]
        reads[3] |= fields
        answer = await station.post_reads(camera, reads)
        assert answer.status_code == 422, (fields, answer.text)
        problem = answer.json()
        assert (problem["params"]["index"], problem["field"]) == (3, field), (fields, problem)
        assert problem["params"]["because"]["code"] == rule, (fields, problem)
        assert said in problem["detail"], (fields, problem)
        assert "7ABC" not in answer.text
        assert station.stored_nothing(), fields


async def test_no_log_line_has_a_plate_a_place_or_a_secret(station, caplog):
    caplog.set_level("INFO")
    camera = (await station.register())["credential"]
    secret = camera.partition(".")[2]
    place = {"latitude": 39.9278, "longitude": -122.1793}
    assert (await station.post_reads(camera, [station.read(**place)])).status_code == 202
    far = {"latitude": 38.5816, "longitude": -121.4944}
    for credential, fields in (
        (camera, {"plate": "7ABC!!"}),
        (camera, far),
        (f"{camera}x", {}),
        (camera[::-1], {}),
    ):
        answer = await station.post_reads(credential, [station.read(**fields)])
        assert answer.status_code in (401, 422)
    station.bus.down = True
    assert (await station.post_reads(camera, [station.read()])).status_code == 503
    written = caplog.text
    for shown in ("7ABC", "39.92", "38.58", secret, secret[::-1]):
        assert shown not in written


async def test_a_missing_field_is_named(station, camera):
    for field in ("plate", "confidence", "captured_at"):
        read = station.read()
        del read[field]
        problem = (await station.post_reads(camera, [read])).json()
        assert (problem["params"]["index"], problem["field"]) == (0, field)
        because = {"code": "field_missing", "params": {"name": field}}
        assert problem["params"]["because"] == because
        assert problem["detail"] == f"read 0: {field} is required"


async def test_a_faulty_line_is_named_by_its_place(station, camera):
    lines = [json.dumps(station.read(n)).encode() for n in range(4)]
    lines[2] = lines[2].replace(b"0.91", b'"x"')
    answer = await station.post_reads(
        camera, b"\n".join(lines), Content_Type="application/x-ndjson"
    )
    assert (answer.status_code, answer.json()["params"]["index"]) == (422, 2)
    assert answer.json()["field"] == "confidence"
    assert station.stored_nothing()


@pytest.mark.clause("468.5/transfer")
async def test_a_batch_of_thousands_that_is_half_bad_is_refused_completely(station, camera):
    reads = [station.read(n) for n in range(10_000)]
    for read in reads[5_000:]:
        read["confidence"] = 2
    answer = await station.post_reads(camera, reads)
    assert (answer.status_code, answer.json()["params"]["index"]) == (422, 5_000)
    assert station.stored_nothing()


BODIES = {
    "no json": (b"[", {}, 400, "json_invalid"),
    "cut short": (b'[{"plate":"7ABC', {}, 400, "json_invalid"),
    "no utf-8": (b'[{"plate":"\xff"}]', {}, 400, "json_invalid"),
    "a lone surrogate": (b'[{"plate":"\\ud800"}]', {}, 400, "json_invalid"),
    "empty": (b"", {}, 400, "json_invalid"),
    "no reads": (b"[]", {}, 422, "reads_empty"),
    "an object": (b"{}", {}, 422, "field_type_wrong"),
    "a number": (b"[1]", {}, 422, "field_type_wrong"),
    "deep nesting": (b"[" * 100_000, {}, 422, "field_type_wrong"),
    "a time that is nested deeply": (b'[{"captured_at":' + b"[" * 100_000, {}, 400, "json_nested_too_deep"),
    "a form": (b"a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "reads_media_unknown"),
    "xml": (b"<a/>", {"Content_Type": "text/xml"}, 415, "reads_media_unknown"),
    "no type": (b"[]", {"Content_Type": ""}, 415, "reads_media_unknown"),
    "brotli": (b"[]", {"Content_Encoding": "br"}, 415, "reads_encoding_unknown"),
    "no gzip": (b"[]", {"Content_Encoding": "gzip"}, 400, "reads_not_gzip"),
    "cut gzip": (gzip.compress(b"[" + b" " * 1000 + b"]")[:-9], {"Content_Encoding": "gzip"}, 400, "reads_gzip_cut_off"),
    "gzip and more": (gzip.compress(b"[]") + b"x", {"Content_Encoding": "gzip"}, 400, "reads_gzip_cut_off"),
    "a gzip bomb": (gzip.compress(bytes(100_000_000)), {"Content_Encoding": "gzip"}, 413, "reads_unpack_too_large"),
    "over 8 MB": (bytes(9_000_000), {}, 413, "upload_too_large"),
    "only blank lines": (b"\n\n", {"Content_Type": "application/x-ndjson"}, 422, "reads_empty"),
}  # fmt: skip


async def test_a_body_that_is_not_a_batch_is_refused_with_its_fault(station, camera):
    for name, (body, headers, status, code) in BODIES.items():
        answer = await station.post_reads(camera, body, **headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (name, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert len(answer.json()["detail"]) < 300, name
        assert station.stored_nothing(), name
    assert station.running.in_flight.held_bytes == 0


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"", 1, 1),
        (b'[{"plate":"7ABC', 1, 16),
        (b'[{"plate":\n "\xc3\xa9\xff"}]', 2, 4),
        (b"[]\n\n  x", 3, 4),
    ],
)
async def test_a_body_that_is_not_json_is_refused_with_its_line_and_column(
    station, camera, body, line, column
):
    problem = (await station.post_reads(camera, body)).json()
    assert problem["code"] == "json_invalid"
    assert problem["params"] == {"line": line, "column": column}
    assert f"near line {line}, column {column}" in problem["detail"]


async def test_more_reads_than_a_batch_may_have_are_refused(station, camera):
    answer = await station.post_reads(camera, [station.read(n) for n in range(10_001)])
    assert (answer.status_code, answer.json()["params"]["max_reads"]) == (413, 10_000)
    assert station.stored_nothing()


@pytest.mark.clause("468.5/resumable")
async def test_an_interrupted_upload_stores_no_read_and_can_resume_anywhere(station, camera):
    reads = [station.read(n) for n in range(40)]
    lines = [json.dumps(read).encode() + b"\n" for read in reads]

    async def cut():
        yield b"".join(lines[:20])  # whole lines, so that only the missing rest shows the cut
        await asyncio.Event().wait()

    station.change(ingest_body_timeout_s=0.05)
    headers = {"Authorization": f"Bearer {camera}", "Content-Type": "application/x-ndjson"}
    answer = await station.client.post("/v1/reads", content=cut(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (408, "body_too_slow")
    assert station.stored_nothing()
    some = (await station.post_reads(camera, reads[15:25])).json()["read_ids"]
    station.clock.advance(minutes=3)
    whole = (await station.post_reads(camera, reads)).json()["read_ids"]
    assert whole[15:25] == some
    assert {str(read.read_id) for read in station.reads} == set(whole)
    assert len(set(whole)) == 40


@pytest.mark.clause("468.5/transfer")
@pytest.mark.clause("468.5/resumable")
async def test_with_kafka_down_the_retry_has_the_same_ids(station, camera):
    reads = [station.read(n) for n in range(50)]
    station.bus.down = True
    refused = await station.post_reads(camera, reads)
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    assert station.stored_nothing()
    station.bus.down = False
    receipt = (await station.post_reads(camera, reads)).json()
    assert receipt["read_ids"] == [str(event.read_id) for event in station.reads]
    station.clock.advance(minutes=3)
    again = (await station.post_reads(camera, reads)).json()
    assert again["read_ids"] == receipt["read_ids"]


async def test_a_device_over_its_rate_waits_for_a_large_batch_to_be_paid_off(station):
    slow = (await station.register("Slow", reads_per_s=100))["credential"]
    reads = [station.read(n) for n in range(3_000)]
    assert (await station.post_reads(slow, reads)).status_code == 202
    answer = await station.post_reads(slow, [station.read(1)])
    assert answer.status_code == 429
    # (3,000 - 10 s of 100) / 100, less the seconds that the first request took
    assert 10 <= int(answer.headers["retry-after"]) <= 21


MANY = b'{"plate":"A","confidence":0,"captured_at":0},' * 180_000


@pytest.mark.parametrize(
    ("body", "status"),
    [(MANY[:-1], 413), (MANY + b"{}", 422), (MANY, 400)],
    ids=["too many", "a faulty one", "no JSON"],
)
async def test_a_large_batch_that_does_not_decode_counts_towards_the_rate_of_its_device(
    station, camera, body, status
):
    """Packed it has 24 kB, and to decode it takes as long as to accept 10,000 reads."""
    packed = gzip.compress(b"[" + body + b"]", 1)
    answers = [await station.post_reads(camera, packed, Content_Encoding="gzip") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, 429]
    assert 5 <= int(answers[1].headers["retry-after"]) <= 15


async def test_a_batch_that_kafka_does_not_take_costs_a_device_nothing_of_its_rate(station):
    slow = (await station.register("Slow", reads_per_s=1))["credential"]
    reads = [station.read(n) for n in range(3_000)]
    station.bus.down = True
    for _ in range(3):
        assert (await station.post_reads(slow, reads)).status_code == 503
    station.bus.down = False
    assert (await station.post_reads(slow, reads)).status_code == 202
    assert (await station.post_reads(slow, [station.read(1)])).status_code == 429


async def test_random_bodies_never_cause_a_server_error(station):
    credential = (await station.register("Fuzzed", reads_per_s=100_000))["credential"]
    rng = random.Random(20260601)
    whole = json.dumps([station.read(n) for n in range(3)]).encode()
    for number in range(300):
        data = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        kind = "application/x-ndjson" if number % 3 == 0 else "application/json"
        answer = await station.post_reads(credential, bytes(data), Content_Type=kind)
        assert answer.status_code in (202, 400, 422), (answer.status_code, answer.text)
        if answer.status_code == 202:
            assert all(normalise_plate(event.plate) == event.plate for event in station.reads)
            station.bus.records.clear()
        assert station.stored_nothing()


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_letter_that_folds_into_others_is_refused_and_not_stored(station, camera):
    for folded in FOLDED:
        answer = await station.post_reads(camera, [station.read(plate=folded)])
        assert (answer.status_code, answer.json()["field"]) == (422, "plate"), folded
    assert station.stored_nothing()
