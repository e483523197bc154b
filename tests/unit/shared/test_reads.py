"""Events of several reads: their form, their division, and their former version (ADR-0055)."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import uuid4

import msgspec
import pytest
from aiokafka import TopicPartition

from shared.core.types import Ori, PlateText
from shared.events import Character, Place, Read, ReadsRecognised, ReadsRecorded
from shared.events.past import ReadRecognisedV1, ReadRecordedV1
from shared.kafka.codec import COUNT, Message, count_of, decode_present, encode, encode_all, part_of
from shared.kafka.consumer import turns
from shared.testing import recorded
from tests.architecture.source import ROOT

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
EXAMPLES = ROOT / "shared/events/examples"
READS = TopicPartition(ReadsRecorded.TOPIC, 0)
SINCE_THEN = {"vehicle_model", "direction", "speed_kmh", "lane"}
"""Fields that the former version did not have."""


def a_read(plate: str = "7ABC123", **changes) -> Read:
    fields = {
        "read_id": uuid4(),
        "device_id": uuid4(),
        "device_name": "camera",
        "agency_ori": Ori("CA0520100"),
        "captured_at": NOON,
        "received_at": NOON,
        "source": "edge",
        "plate": PlateText(plate),
        "plate_as_read": plate,
        "confidence": 0.9,
        "model": "edge",
    }
    return Read(**{**fields, **changes})


def an_event(count: int, **changes) -> ReadsRecorded:
    [event] = recorded(*(a_read(device_id=DEVICE, **changes) for _ in range(count)))
    return event


DEVICE = uuid4()


def as_consumed(kind: str, body: bytes) -> Message:
    return Message(kind.rsplit(".", 1)[0], 0, 0, b"key", body, {"ce_type": kind.encode()})


@pytest.mark.clause("468.4(c)/canvass")
def test_a_read_without_a_place_of_its_own_has_that_of_its_record():
    event = an_event(2)
    cameras, own = Place(39.9275, -122.1792), Place(39.9276, -122.1793, 90.0)
    there = msgspec.structs.replace(event.reads[0], place=own)
    event = msgspec.structs.replace(event, place=cameras, reads=[there, event.reads[1]])
    assert [read.place for read in event.each()] == [own, cameras]


@pytest.mark.parametrize("path", sorted((EXAMPLES / ReadRecordedV1.TOPIC / "1").glob("*.json")))
def test_a_read_of_the_former_version_is_handled_with_all_its_fields(path):
    former = msgspec.json.decode(path.read_bytes(), type=ReadRecordedV1)
    event = decode_present(as_consumed("alpr.read.recorded.v1", path.read_bytes()))
    assert isinstance(event, ReadsRecorded)
    assert (event.event_id, event.occurred_at) == (former.event_id, former.occurred_at)
    [read] = event.each()
    for name in Read.__struct_fields__:
        expected = None if name in SINCE_THEN else getattr(former, name)
        assert getattr(read, name) == expected, name


def test_a_recognised_read_of_the_former_version_is_handled_with_all_its_fields():
    body = (EXAMPLES / ReadRecognisedV1.TOPIC / "1" / "full.json").read_bytes()
    former = msgspec.json.decode(body, type=ReadRecognisedV1)
    event = decode_present(as_consumed("alpr.read.recognised.v1", body))
    assert isinstance(event, ReadsRecognised)
    assert (event.capture, event.capture_id) == (former.capture, former.capture_id)
    assert event.engine == former.model
    assert (event.event_id, event.occurred_at) == (former.event_id, former.occurred_at)
    [read] = event.reads
    for name in set(ReadRecognisedV1.__struct_fields__) & set(read.__struct_fields__):
        assert getattr(read, name) == getattr(former, name), name


def test_absent_fields_of_a_read_are_not_encoded():
    one, two = (len(encode(an_event(count), "ingest").value) for count in (1, 2))
    [read] = msgspec.json.decode(encode(an_event(1), "ingest").value)["reads"]
    assert set(read) == {"read_id", "captured_at", "plate", "plate_as_read", "confidence", "late"}
    assert two - one < 180


def test_a_record_has_its_number_of_reads_in_a_header_unless_it_is_one():
    headers = dict(encode(an_event(3), "ingest").headers)
    assert (headers[COUNT], count_of(headers)) == (b"3", 3)
    assert COUNT not in dict(encode(an_event(1), "ingest").headers)
    assert [count_of({COUNT: said}) for said in (b"x", b"-5", b"0")] == [1, 1, 1]


def test_an_event_too_large_for_a_record_is_split_without_losing_reads():
    event = an_event(250, characters=[Character("8" * 4, 0.123)] * 16, model="m" * 128)
    records = encode_all([event], "ingest")
    assert len(records) > 1
    assert max(len(record.value) for record in records) <= 200_000
    events = [msgspec.json.decode(record.value, type=ReadsRecorded) for record in records]
    assert [read for part in events for read in part.reads] == event.reads
    assert len({part.event_id for part in events}) == len(events)
    with pytest.raises(ValueError, match="too many values"):
        encode(event, "ingest")


def test_a_part_of_a_record_equals_an_event_of_those_reads_alone():
    event = an_event(5)
    sent = encode(event, "ingest")
    message = Message(sent.topic, 0, 7, sent.key, sent.value, dict(sent.headers))
    [*_, last] = event.divided(1)
    [half, _] = event.divided(3)
    alone = encode(last, "ingest")
    part = part_of(message, last)
    assert (part.value, dict(part.headers)) == (alone.value, dict(alone.headers))
    assert list(half.divided(1)) == list(event.divided(1))[:3], "the way there does not matter"


def test_an_event_that_needs_no_division_stays_as_it_is():
    event = an_event(3)
    assert list(event.divided(3)) == [event]
    assert next(event.divided(3)) is event
    assert [len(part.reads) for part in event.divided(2)] == [2, 1]
    assert [len(part.reads) for part in event.halves()] == [2, 1]


def test_an_event_without_a_read_in_its_middle_is_another():
    event = an_event(3)
    first, _, last = event.reads
    assert event.with_records([first, last]).event_id != event.with_records(event.reads).event_id


def records(*counts: int) -> list[SimpleNamespace]:
    return [
        SimpleNamespace(headers=((COUNT, str(n).encode()),), offset=i) for i, n in enumerate(counts)
    ]


def test_batches_are_limited_by_reads_and_omit_no_record():
    other = TopicPartition(ReadsRecorded.TOPIC, 1)
    polled = {READS: records(100, 100, 100, 250), other: records(1, 1, 400)}
    found = list(turns(polled, 250))
    assert [sum(count_of(dict(r.headers)) for rs in t.values() for r in rs) for t in found] == [
        200, 100, 250, 2, 400,
    ]  # fmt: skip
    for partition, expected in polled.items():
        assert [r for turn in found for r in turn.get(partition, [])] == expected
    assert list(turns({}, 250)) == []
