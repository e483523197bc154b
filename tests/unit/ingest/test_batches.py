"""What becomes of a camera's batch of reads: which are live, late, repeated or refused, and what each event has."""

from datetime import timedelta

import pytest
from msgspec import Raw

from services.ingest.actions.edge_decoding import EdgeCharacter, EdgeOther, EdgePlate
from services.ingest.domain.devices import DeviceKind
from shared.core.errors import InvalidInput
from shared.core.problem_codes import Common
from shared.core.regions import ALLOWED
from shared.events import (
    Alternative,
    Character,
    OtherCharacter,
    Place,
    ReadsBackfilled,
    ReadsRecorded,
)
from shared.postgres.month_secrets import MonthEnded
from tests.unit.ingest.batches import Secrets, a_batch, an_edge_read, sent_at
from tests.unit.ingest.devices import NOON, a_device

LIVE = timedelta(seconds=900)


def recorded(device=None, **fields):
    """Return one read as it is published."""
    [event] = a_batch(device).events([an_edge_read(**fields)])
    [read] = event.reads
    return read


def refused(*reads, device=None, secrets=None):
    """Return why the last of some reads refuses its batch: the field, the code and its parameters."""
    batch = a_batch(device, secrets)
    with pytest.raises(InvalidInput) as caught:
        batch.events(reads)
    why = caught.value
    assert (why.code, why.params["index"]) == ("read_field_refused", len(reads) - 1)
    assert why.params["name"] == why.field
    return why.field, why.params["because"].code


def test_live_reads_are_published_apart_from_older_ones_and_before_them():
    old, live = NOON - LIVE - timedelta(seconds=1), NOON - LIVE
    batch = a_batch()
    reads = [an_edge_read(captured_at=sent_at(at)) for at in (old, live, old, NOON)]
    first, second = batch.events(reads)
    assert (type(first), type(second)) == (ReadsRecorded, ReadsBackfilled)
    assert [read.captured_at for read in first.reads] == [live, NOON]
    assert [read.captured_at for read in second.reads] == [old]
    assert batch.live
    assert batch.ids == [
        second.reads[0].read_id, first.reads[0].read_id, second.reads[0].read_id, first.reads[1].read_id
    ]  # fmt: skip


def test_a_batch_is_live_if_any_of_its_reads_was():
    old = an_edge_read(captured_at=sent_at(NOON - timedelta(hours=1)))
    batch = a_batch()
    assert [type(event) for event in batch.events([old])] == [ReadsBackfilled]
    assert not batch.live
    batch.events([an_edge_read()])
    assert batch.live
    batch.events([old])
    assert batch.live
    assert a_batch().events([]) == []


def test_each_distinct_read_that_came_after_its_device_may_hold_it_back_is_late():
    device, batch = a_device(may_buffer_h=2), None
    in_time, late = NOON - timedelta(hours=2), NOON - timedelta(hours=2, microseconds=1)
    batch = a_batch(device)
    [event] = batch.events(
        [an_edge_read(captured_at=sent_at(at), plate=plate) for at in (in_time, late) for plate in ("A1", "B2", "A1")]
    )  # fmt: skip
    assert [read.late for read in event.reads] == [False, False, True, True]
    assert batch.late == 2


def test_an_event_has_what_its_reads_have_in_common():
    device = a_device(name="Unit 12", kind=DeviceKind.FIXED, place=Place(1, 2, 90))
    [event] = a_batch(device).events([an_edge_read()])
    assert (event.device_id, event.device_name) == (device.device_id, "Unit 12")
    assert (event.agency_ori, event.place) == ("CA0520100", Place(1, 2, 90))
    assert event.occurred_at == event.received_at == NOON
    assert event.event_id == ReadsRecorded.id_of(event.reads)


def test_an_event_has_250_reads_at_most():
    reads = [an_edge_read(source_id=str(n)) for n in range(501)]
    events = a_batch().events(reads)
    assert [len(event.reads) for event in events] == [250, 250, 1]
    assert [read.maker_id for event in events for read in event.reads] == list(map(str, range(501)))


def test_a_repeated_read_is_published_once_and_has_one_id():
    batch = a_batch()
    [event] = batch.events([an_edge_read(source_id=one) for one in "aba"])
    assert [read.maker_id for read in event.reads] == ["a", "b"]
    assert batch.ids == [event.reads[0].read_id, event.reads[1].read_id, event.reads[0].read_id]
    assert batch.events([an_edge_read(source_id="a")]) == [], "in a later slice too"


def test_one_id_of_a_camera_cannot_stand_for_two_reads():
    one, other = an_edge_read(source_id="a", lane=1), an_edge_read(source_id="a", lane=2)
    assert refused(one, other) == ("source_id", "read_source_id_reused")
    nameless = [an_edge_read(lane=1), an_edge_read(lane=2)]
    [event] = a_batch().events(nameless)
    assert [read.lane for read in event.reads] == [1]


def test_pictures_of_plates_tell_reads_apart():
    reads = [an_edge_read(), an_edge_read(), an_edge_read(), an_edge_read()]
    batch = a_batch(crops=["one", "two", "one", None])
    [event] = batch.events(reads)
    assert len(event.reads) == 3
    assert batch.ids[0] == batch.ids[2]
    plain = a_batch()
    plain.events(reads[:1])
    assert batch.ids[3] == plain.ids[0]


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (sent_at(NOON + timedelta(seconds=301)), "captured_at_in_future"),
        (sent_at(NOON - timedelta(days=400, seconds=1)), "captured_at_too_old"),
        (sent_at("2026-06-01T12:00:00"), "captured_at_without_zone"),
        (sent_at("0001-01-01T00:00:00+14:00"), "captured_at_out_of_age"),
        (sent_at("noon"), "captured_at_unreadable"),
        (Raw(b"null"), "captured_at_unreadable"),
        (Raw(b"1780315198"), "captured_at_unreadable"),
        (sent_at("2026-06-01T12:00:00" + "0" * 108 + "Z"), "captured_at_unreadable"),
    ],
)
def test_a_time_that_cannot_be_a_captures_is_refused(time, code):
    assert refused(an_edge_read(), an_edge_read(captured_at=time)) == ("captured_at", code)


def test_a_time_has_128_bytes_at_most():
    """Blanks around it count; each is one of the bytes that a device sent."""
    fits = Raw(b'"2026-06-01T12:00:00Z"'.ljust(128))
    assert recorded(captured_at=fits).captured_at == NOON
    longer = Raw(b'"2026-06-01T12:00:00Z"'.ljust(129))
    assert refused(an_edge_read(captured_at=longer)) == ("captured_at", "captured_at_unreadable")


class Ended(Secrets):
    """The secrets after a purge."""

    def secret(self, moment):
        raise MonthEnded(Common.MONTH_DESTROYED)


def test_a_read_of_a_month_whose_records_are_destroyed_is_refused():
    assert refused(an_edge_read(), secrets=Ended()) == ("captured_at", "month_destroyed")


def test_a_time_is_kept_as_the_device_wrote_it_unless_we_write_it_so_too():
    assert recorded(captured_at=sent_at("2026-06-01T12:00:00Z")).device_time is None
    read = recorded(captured_at=sent_at("2026-06-01T05:00:00-07:00"))
    assert (read.captured_at, read.device_time) == (NOON, "2026-06-01T05:00:00-07:00")
    assert read.captured_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"plate": "---"}, "plate", "plate_length"),
        ({"plate": "7ABC123\n"}, "plate", "text_unprintable"),
        ({"plate": "7ABC1234567890123"}, "plate", "plate_length"),
        ({"region": "CA"}, "region", "read_region_unknown"),
        ({"model": "a\nb"}, "model", "text_unprintable"),
        ({"vehicle_make": "a\nb"}, "vehicle_make", "text_unprintable"),
        ({"vehicle_model": "a\nb"}, "vehicle_model", "text_unprintable"),
        ({"vehicle_colour": "a\nb"}, "vehicle_colour", "text_unprintable"),
        ({"characters": [EdgeCharacter("\n")]}, "characters", "text_unprintable"),
        (
            {"characters": [EdgeCharacter("7", alternatives=[EdgeOther("\n", 0.1)])]},
            "characters",
            "text_unprintable",
        ),
        ({"alternatives": [EdgePlate("---", 0.1)]}, "alternatives", "plate_length"),
        ({"latitude": 1.0}, "latitude", "read_place_incomplete"),
        ({"longitude": 1.0}, "latitude", "read_place_incomplete"),
        ({"heading_deg": 1.0}, "latitude", "read_place_incomplete"),
    ],
)
def test_a_value_that_no_read_may_have_is_refused_with_its_field(fields, field, code):
    first = an_edge_read(source_id="first")
    assert refused(first, an_edge_read(**fields)) == (field, code)


def test_an_unknown_region_is_refused_with_those_that_are_known():
    with pytest.raises(InvalidInput) as caught:
        a_batch().events([an_edge_read(region="CA")])
    assert caught.value.params["because"].params["allowed"] == ALLOWED


def test_a_fixed_camera_sends_its_own_place_or_none():
    device = a_device(kind=DeviceKind.FIXED, place=Place(1, 2, 90))
    assert recorded(device).place is None
    assert recorded(device, latitude=1.0, longitude=2.0).place == Place(1, 2, 90)
    far = an_edge_read(latitude=1.01, longitude=2.0)
    assert refused(far, device=device) == ("latitude", "place_too_far")
    assert recorded(latitude=3.0, longitude=4.0, heading_deg=5.0).place == Place(3, 4, 5)


def test_a_read_has_all_that_its_device_said():
    said = {
        "region": "US-CA",
        "confidence": 0.75,
        "model": "OurEngine 4.1",
        "vehicle_make": "Ford",
        "vehicle_model": "F-150",
        "vehicle_colour": "white",
        "direction": "receding",
        "speed_kmh": 48.5,
        "lane": 2,
    }
    read = recorded(**said, source_id="s-1", sequence=7, plate="7abc-123")
    expected = {("engine" if name == "model" else name): value for name, value in said.items()}
    assert {name: getattr(read, name) for name in expected} == expected
    assert (read.maker_id, read.maker_sequence) == ("s-1", 7)
    assert (read.plate, read.plate_as_read) == ("7ABC123", "7abc-123")
    bare = recorded()
    assert (bare.engine, bare.plate_as_read) == ("edge", None)
    assert (bare.characters, bare.alternatives) == ([], [])


def test_characters_keep_their_order_and_what_else_they_may_be():
    read = recorded(
        characters=[
            EdgeCharacter("7", 0.9, alternatives=[EdgeOther("T", 0.1), EdgeOther("1", 0.05)]),
            EdgeCharacter("A"),
        ]
    )
    assert read.characters == [
        Character("7", 0.9, [OtherCharacter("T", 0.1), OtherCharacter("1", 0.05)]),
        Character("A", None, []),
    ]


def test_other_plates_come_once_each_by_their_probability_after_the_plate_itself():
    listed = [
        ("7A8C123", 0.2),
        ("7abc-123", 0.8),
        ("9XYZ", 0.3),
        ("7A8C-123", 0.4),
        ("7A8C123", 0.1),
        ("1AB", 0.3),
    ]
    read = recorded(alternatives=[EdgePlate(plate, sure) for plate, sure in listed])
    assert read.alternatives == [
        Alternative("7ABC123", 0.9),
        Alternative("7A8C123", 0.4),
        Alternative("1AB", 0.3),
        Alternative("9XYZ", 0.3),
    ]
