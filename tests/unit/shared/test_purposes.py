"""A purpose's scope holds for every subject that a request names."""

import pytest

from shared.access.purposes import Purpose
from shared.core.errors import NotAuthorised
from shared.events import PurposeRecord

RECORD = PurposeRecord(kind="criminal_investigation")
WINDOW = {"captured_from": "2026-05-01T00:00:00Z", "captured_to": "2026-05-02T00:00:00Z"}


def check(scope, **body):
    Purpose(RECORD, scope).check_scope(body)


def test_an_empty_scope_contains_every_request():
    check({}, plate="*")


def test_the_plate_of_the_scope_matches_in_any_spelling():
    check({"plate": "7ABC123"}, plate="7abc-123")


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize(
    "asked", ["8ABC123", "7ABC12?", "*", "7ABC123*", "7ABC123＊", "", None, 7, ["7ABC123"]]
)
def test_another_plate_or_a_wildcard_is_outside_the_scope(asked):
    with pytest.raises(NotAuthorised, match="plate"):
        check({"plate": "7ABC123"}, plate=asked)


def test_a_window_within_the_scope_is_inside_across_time_zones():
    check(WINDOW, captured_from="2026-05-01T02:00:00+02:00", captured_to="2026-05-01T12:00:00Z")


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"captured_from": "2026-04-30T23:59:59Z", "captured_to": "2026-05-01T12:00:00Z"},
        {"captured_from": "2026-05-01T00:00:00Z", "captured_to": "2026-05-02T00:00:01Z"},
        {"captured_from": "2026-05-01T00:00:00", "captured_to": "2026-05-01T12:00:00Z"},
        {"captured_from": "yesterday", "captured_to": "2026-05-01T12:00:00Z"},
    ],
)
def test_a_window_beyond_the_scope_or_missing_is_outside_it(asked):
    with pytest.raises(NotAuthorised, match="window"):
        check(WINDOW, **asked)


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize("bound", ["captured_from", "captured_to"])
@pytest.mark.parametrize("limit", ["yesterday", "2026-05-01T00:00:00", 7, {}])
def test_a_window_without_a_moment_of_its_own_contains_nothing(bound, limit):
    with pytest.raises(NotAuthorised, match="window"):
        check({bound: limit}, **WINDOW)


@pytest.mark.clause("468.6(b)/case-bound")
def test_devices_must_all_be_in_the_scope():
    check({"device_ids": ["a", "b"]}, device_ids=["a"])
    for asked in (["a", "c"], [], None, 7, "a", {"a": 1}):
        with pytest.raises(NotAuthorised, match="devices"):
            check({"device_ids": ["a", "b"]}, device_ids=asked)


CIRCLE = {"latitude": 39.93, "longitude": -122.18, "radius_m": 1000}
BOX = {"south": 39.92, "west": -122.19, "north": 39.94, "east": -122.17}
WITHIN = {"latitude": 39.93, "longitude": -122.18, "radius_m": 800}


@pytest.mark.parametrize("scope", [CIRCLE, BOX])
def test_an_area_within_that_of_the_scope_is_inside_it(scope):
    check({"area": scope}, area=scope)
    check({"area": scope}, area=WITHIN)


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize("scope", [CIRCLE, BOX, {"points": [[-123, 39], [-121, 39], [-122, 41]]}])
@pytest.mark.parametrize(
    "asked",
    [
        {**CIRCLE, "radius_m": 1200},
        {**CIRCLE, "latitude": 39.95},
        {**BOX, "west": -122.2},
        {"points": [[-122.18, 39.93], [-122.17, 39.93], [-122.18, 39.95]]},
        {**CIRCLE, "radius_m": float("nan")},
        {**CIRCLE, "latitude": 10**400},
        {"points": []},
        {"radius_m": 5},
        {},
        [],
        "",
        7,
        None,
    ],
)
def test_an_area_beyond_that_of_the_scope_or_none_is_outside_it(scope, asked):
    with pytest.raises(NotAuthorised, match="area"):
        check({"area": scope}, area=asked)


WHOLE = {"plate": "7ABC123", "device_ids": ["a"], "area": WITHIN, **WINDOW}


def contains(scope, criteria):
    Purpose(RECORD, scope).check_contains(criteria)


@pytest.mark.clause("468.6(b)/contained")
def test_a_purpose_contains_criteria_within_each_of_its_limits():
    contains({}, {"captured_from": WINDOW["captured_from"]})
    contains({"plate": None}, {"plate": "7*"})
    contains(WHOLE, WHOLE)
    contains({"plate": "7ABC123"}, WHOLE)
    contains({"plate": "7ABC123"}, {**WHOLE, "lookalike": False})
    contains({"plate": None, "moon": None}, {**WHOLE, "lookalike": True})
    contains({"device_ids": ["a"], **WINDOW}, {**WHOLE, "lookalike": True})
    contains(WINDOW, {**WHOLE, "captured_to": "2026-05-01T12:00:00Z"})


@pytest.mark.clause("468.6(b)/contained")
@pytest.mark.parametrize(
    ("scope", "criteria"),
    [
        (WHOLE, {name: value for name, value in WHOLE.items() if name != left_out})
        for left_out in WHOLE
    ]
    + [
        ({"plate": "7ABC123"}, {**WHOLE, "lookalike": True}),
        ({"plate": "7ABC123"}, {"read_ids": ["r"]}),
        ({"device_ids": ["a"]}, {**WHOLE, "device_ids": ["a", "b"]}),
        (WINDOW, {**WHOLE, "captured_to": "2026-05-02T00:00:01Z"}),
        ({"area": {"radius_m": 5}}, WHOLE),
        ({"area": {**WITHIN, "radius_m": 799}}, WHOLE),
        ({"moon": "full"}, WHOLE),
    ],
)
def test_criteria_beyond_a_limit_or_without_one_are_not_contained(scope, criteria):
    with pytest.raises(NotAuthorised, match="outside the declared purpose"):
        contains(scope, criteria)
