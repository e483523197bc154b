"""Times and places of captures, as devices send them."""

from datetime import UTC, timedelta

import pytest

from services.ingest.domain.buffering import check_buffer, is_live, may_buffer
from services.ingest.domain.circumstances import Circumstances, circumstances
from services.ingest.domain.devices import DeviceKind, check_place
from services.ingest.domain.places import hold_to_place, metres_between, place_of
from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.core.policy import Devices
from shared.events import Place
from tests.unit.ingest.devices import NOON, WINDOW, a_device


@pytest.mark.parametrize(("text", "hour"), [
    ("2026-06-01T11:00:00Z", 11), ("2026-06-01T04:00:00-07:00", 11), ("2026-06-01T13:00:00 02:00", 11),
    ("20260601T110000Z", 11), (" 2026-06-01T11:00:00.123456+00:00 ", 11),
])  # fmt: skip
def test_a_time_with_a_zone_is_understood_in_utc(text, hour):
    said = circumstances([("captured_at", text)], (), {}, WINDOW)
    assert (said.captured_at.hour, said.captured_at.tzinfo) == (hour, UTC)


def test_the_window_is_closed_at_both_ends():
    assert WINDOW.fault(NOON + timedelta(seconds=300)) is None
    assert WINDOW.fault(NOON + timedelta(seconds=301)) is Code.CAPTURED_AT_IN_FUTURE
    assert WINDOW.fault(NOON - timedelta(days=400)) is None
    assert WINDOW.fault(NOON - timedelta(days=400, seconds=1)) is Code.CAPTURED_AT_TOO_OLD


def sent(*query, headers=(), **fields):
    """Return what a device says of a frame, by its query, headers and form."""
    return circumstances(query, headers, fields, WINDOW)


def test_what_a_device_says_comes_by_query_by_header_or_by_form():
    time = "2026-06-01T11:00:00Z"
    by_query = sent(
        ("captured_at", time), ("latitude", "1"), ("longitude", "2"), ("heading_deg", "3")
    )
    assert by_query.place == Place(1, 2, 3)
    headers = [("x-captured-at", time), ("x-latitude", "1"), ("x-longitude", "2")]
    assert sent(headers=[*headers, ("x-heading-deg", "3"), ("accept", "*/*")]) == by_query
    assert sent(captured_at=time, latitude="1", longitude="2", heading_deg="3") == by_query
    assert sent() == Circumstances(None, None)
    assert sent(("latitude", "1"), ("longitude", "2")).place == Place(1, 2, None)


@pytest.mark.parametrize(
    ("said", "code", "field"),
    [
        ({"captured": "2026-06-01T11:00:00Z"}, "capture_field_unknown", "captured"),
        ({"x" * 70: "1"}, "capture_field_unknown", "x" * 64),
        ({"captured_at": "2026-06-01T11:00:00Zé"}, "capture_field_not_ascii", "captured_at"),
        ({"captured_at": "2026-06-01\n"}, "capture_field_not_ascii", "captured_at"),
        ({"captured_at": "x" * 65}, "capture_field_too_long", "captured_at"),
        ({"captured_at": "x" * 64}, "captured_at_unreadable", "captured_at"),
        ({"captured_at": "yesterday"}, "captured_at_unreadable", "captured_at"),
        ({"captured_at": "2026-06-01T11:00:00"}, "captured_at_without_zone", "captured_at"),
        ({"captured_at": "0001-01-01T00:00:00+14:00"}, "captured_at_out_of_age", "captured_at"),
        ({"captured_at": "2026-06-01T12:05:01Z"}, "captured_at_in_future", "captured_at"),
        ({"captured_at": "2025-04-26T11:59:59Z"}, "captured_at_too_old", "captured_at"),
        ({"heading_deg": "3"}, "heading_without_place", "heading_deg"),
        ({"latitude": "3"}, "place_incomplete", "longitude"),
        ({"longitude": "3"}, "place_incomplete", "latitude"),
        ({"latitude": "90.1", "longitude": "3"}, "place_out_of_range", "latitude"),
        ({"latitude": "-90.1", "longitude": "3"}, "place_out_of_range", "latitude"),
        ({"latitude": "3", "longitude": "180.1"}, "place_out_of_range", "longitude"),
        ({"latitude": "3", "longitude": "-180.1"}, "place_out_of_range", "longitude"),
        (
            {"latitude": "3", "longitude": "3", "heading_deg": "-1"},
            "place_out_of_range",
            "heading_deg",
        ),
        (
            {"latitude": "3", "longitude": "3", "heading_deg": "361"},
            "place_out_of_range",
            "heading_deg",
        ),
        ({"latitude": "1_0", "longitude": "3"}, "place_out_of_range", "latitude"),
    ],
)
def test_what_a_device_says_amiss_is_refused_with_its_field(said, code, field):
    with pytest.raises(InvalidInput) as refused:
        sent(**said)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_refusal_of_a_value_says_what_is_allowed():
    with pytest.raises(InvalidInput) as unknown:
        sent(captured="x")
    assert unknown.value.params["allowed"] == [
        "captured_at",
        "latitude",
        "longitude",
        "heading_deg",
    ]
    with pytest.raises(InvalidInput) as long:
        sent(captured_at="1" * 65)
    assert long.value.params == {"name": "captured_at", "max_characters": 64}
    with pytest.raises(InvalidInput) as far:
        sent(latitude="91", longitude="3")
    assert far.value.params == {"name": "latitude", "least": -90, "most": 90}


@pytest.mark.parametrize(
    "query",
    [[("latitude", "1"), ("latitude", "2")], [("latitude", "1"), ("latitude", "01")]],
)
def test_two_values_of_one_name_contradict_each_other(query):
    with pytest.raises(InvalidInput) as refused:
        sent(*query, ("longitude", "3"))
    assert (refused.value.code, refused.value.field) == ("capture_field_contradicted", "latitude")
    with pytest.raises(InvalidInput):
        sent(("longitude", "3"), headers=[("x-longitude", "4")], latitude="1")


@pytest.mark.parametrize(
    ("latitude", "longitude"), [("90", "180"), ("-90", "-180"), ("0", "0"), ("1e1", "-1.5")]
)
def test_a_place_may_be_anywhere_on_earth(latitude, longitude):
    place = sent(latitude=latitude, longitude=longitude).place
    assert place == Place(float(latitude), float(longitude))


def test_a_repeated_equal_value_is_accepted():
    query, headers = [("latitude", "1"), ("longitude", "2")], {"x-latitude": " 1"}
    said = circumstances(query, headers.items(), {"latitude": "1"}, WINDOW)
    assert (said.place.latitude, said.place.longitude) == (1, 2)


def test_a_heading_of_360_degrees_is_north():
    query = [("latitude", "1"), ("longitude", "2"), ("heading_deg", "360")]
    assert circumstances(query, (), {}, WINDOW).place.heading_deg == 0


@pytest.mark.clause("468.5/place")
@pytest.mark.parametrize(
    ("one", "other", "expected_m"),
    [
        (Place(60, 0), Place(60, 1), 55_597),  # half a degree of the equator
        (Place(0, 179.5), Place(0, -179.5), 111_195),
        (Place(40, -122), Place(41, -122), 111_195),
    ],
)
def test_a_distance_is_along_the_great_circle(one, other, expected_m):
    assert metres_between(one, other) == pytest.approx(expected_m, rel=1e-4)


@pytest.mark.parametrize("text", ["inf", "nan", "1e9", "", "one", "0x10"])
def test_a_value_that_is_not_a_number_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        circumstances([("latitude", text), ("longitude", "0")], (), {}, WINDOW)
    assert refused.value.field == "latitude"


PLACE = Place(39.9277, -122.1792)


@pytest.mark.parametrize(("kind", "place"), [(DeviceKind.FIXED, None), (DeviceKind.VEHICLE, PLACE)])
def test_a_device_with_a_place_against_its_kind_is_refused(kind, place):
    with pytest.raises(InvalidInput) as refused:
        check_place(a_device(kind=kind, place=place))
    assert refused.value.field == "place"


@pytest.mark.parametrize(("kind", "place"), [(DeviceKind.FIXED, PLACE), (DeviceKind.VEHICLE, None)])
def test_a_fixed_camera_with_a_place_and_a_vehicle_without_one_are_accepted(kind, place):
    check_place(a_device(kind=kind, place=place))


def test_a_device_looks_where_it_is_registered_to_unless_it_says_otherwise():
    fixed = a_device(kind=DeviceKind.FIXED, place=Place(1, 2, 90))
    assert place_of(fixed, Place(3, 4)) == Place(3, 4, 90)
    assert place_of(fixed, Place(3, 4, 0)) == Place(3, 4, 0)
    assert place_of(a_device(), Place(3, 4)) == Place(3, 4)


def test_a_fixed_camera_is_held_to_its_place_and_a_vehicle_is_not():
    a_degree_m = metres_between(PLACE, Place(PLACE.latitude + 1, PLACE.longitude))
    away = Place(PLACE.latitude + 1, PLACE.longitude)
    fixed = a_device(kind=DeviceKind.FIXED, place=PLACE)
    hold_to_place(fixed, away, a_degree_m)
    with pytest.raises(InvalidInput) as refused:
        hold_to_place(fixed, away, a_degree_m - 0.01)
    assert (refused.value.code, refused.value.field) == ("place_too_far", "latitude")
    assert refused.value.params == {"away_m": a_degree_m, "most_m": a_degree_m - 0.01}
    hold_to_place(a_device(kind=DeviceKind.FIXED), away, 1)
    hold_to_place(a_device(place=PLACE), away, 1)


RULES = Devices(live_within_s=900, may_buffer_h={"fixed": 0, "vehicle": 72})


def test_a_device_may_hold_back_what_the_policy_allows_its_kind():
    check_buffer(a_device(may_buffer_h=72), RULES)
    with pytest.raises(InvalidInput) as refused:
        check_buffer(a_device(may_buffer_h=73), RULES)
    assert (refused.value.code, refused.value.field) == ("device_buffer_too_long", "may_buffer_h")
    assert refused.value.params == {"kind": "vehicle", "most_h": 72}
    assert may_buffer(a_device(may_buffer_h=24), RULES) == timedelta(hours=24)
    assert may_buffer(a_device(may_buffer_h=100), RULES) == timedelta(hours=72)
    assert may_buffer(a_device(may_buffer_h=0), RULES) == timedelta(seconds=900)


def test_a_capture_is_live_for_as_long_as_the_policy_says():
    within = timedelta(seconds=900)
    assert is_live(NOON - within, NOON, within)
    assert not is_live(NOON - within - timedelta(microseconds=1), NOON, within)
    assert is_live(NOON + timedelta(seconds=5), NOON, within)
