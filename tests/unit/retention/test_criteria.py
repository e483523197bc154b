"""Permitted criteria, the window that the schedule leaves, cursors, scopes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.retention.domain.criteria import (
    Criteria,
    Cursor,
    check_hold,
    check_release,
    check_search,
    decode_cursor,
    scope_of,
    within_retention,
)
from services.retention.store.locks import month_of, next_month
from shared.core.areas import Box, Circle, Polygon
from shared.core.errors import InvalidInput, NotAuthorised
from shared.core.policy import Narrowness

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DEVICE = UUID(int=1)
RULE = Narrowness(known_characters=3, days=31)


def asked(**changes):
    return Criteria(**{"captured_from": NOON - DAY, "captured_to": NOON, **changes})


def test_a_window_is_cut_at_the_schedule_and_refused_beyond_it():
    cut = within_retention(asked(captured_from=NOON - 900 * DAY), NOON, 400)
    assert cut.captured_from == NOON - 400 * DAY
    assert cut.captured_to == NOON
    with pytest.raises(InvalidInput, match="400 days"):
        within_retention(
            asked(captured_from=NOON - 900 * DAY, captured_to=NOON - 400 * DAY), NOON, 400
        )
    with pytest.raises(InvalidInput, match="after captured_from"):
        within_retention(asked(captured_to=NOON - DAY), NOON, 400)
    with pytest.raises(InvalidInput, match="window"):
        within_retention(Criteria(plate="7ABC123"), NOON, 400)


def test_wide_searches_and_releases_are_refused_and_narrow_ones_accepted():
    for wide in (
        asked(),
        asked(plate="7*"),
        asked(device_ids=(DEVICE,), captured_from=NOON - 32 * DAY),
        asked(plate="7A*", captured_from=NOON - 32 * DAY),
        asked(plate="*A*", device_ids=(DEVICE,), captured_from=NOON - 32 * DAY),
        asked(region="US-CA"),
        asked(colour="red", make="TOYOTA"),
        asked(plate="7*", colour="red", make="TOYOTA"),
    ):
        with pytest.raises(InvalidInput):
            check_search(wide, RULE)
        with pytest.raises(InvalidInput):
            check_release(wide, RULE)
    for narrow in (
        asked(plate="7AB*", captured_from=NOON - 399 * DAY),
        asked(plate="7A*", captured_from=NOON - 31 * DAY),
        asked(plate="7*", device_ids=(DEVICE,)),
        asked(area=Circle(39.9, -122.0, 500)),
    ):
        check_search(narrow, RULE)
        check_release(narrow, RULE)


def test_a_hold_needs_at_least_one_condition():
    with pytest.raises(InvalidInput):
        check_hold(Criteria())
    check_hold(Criteria(captured_from=NOON))
    check_hold(Criteria(read_ids=(DEVICE,)))


@pytest.mark.clause("468.5/schedule")
@pytest.mark.parametrize(
    "condition",
    [
        {"plate": "7ABC123"},
        {"region": "US-CA"},
        {"minimum_confidence": 0.0},
        {"colour": "red"},
        {"make": "TOYOTA"},
        {"read_ids": (UUID(int=1),)},
    ],
    ids=lambda condition: next(iter(condition)),
)
def test_a_condition_that_a_frame_without_a_read_cannot_meet_keeps_no_such_frame(condition):
    window = {"captured_from": NOON - timedelta(days=1), "captured_to": NOON}
    assert Criteria(**window, **condition).names_reads
    assert not Criteria(**window, device_ids=(UUID(int=2),)).names_reads


def test_criteria_come_back_from_json_as_they_were():
    for area in (
        Circle(39.9, -122.0, 500.0),
        Box(39.0, -122.0, 39.1, -121.9),
        Polygon(((-122.0, 39.0), (-121.9, 39.0), (-121.95, 39.1))),
    ):
        criteria = asked(plate="7A*", area=area, device_ids=(DEVICE,), minimum_confidence=0.5)
        assert Criteria.from_json(criteria.as_json()) == criteria


def test_a_cursor_is_of_one_search_and_cannot_be_made_up():
    search = asked(plate="7ABC123")
    text = Cursor(NOON, DEVICE, search.fingerprint).encode()
    assert decode_cursor(text, search) == Cursor(NOON, DEVICE, search.fingerprint)
    for bad, of in (
        (text, asked(plate="7ABC124")),
        (text[:-4], search),
        ("nonsense", search),
        ("\u00e4", search),
        (Cursor(NOON.replace(tzinfo=None), DEVICE, search.fingerprint).encode(), search),
    ):
        with pytest.raises(InvalidInput) as refused:
            decode_cursor(bad, of)
        assert refused.value.field == "after"


def test_a_scope_is_parsed_completely_or_refused():
    scope = scope_of(
        {
            "plate": "7ABC123",
            "device_ids": [str(DEVICE)],
            "captured_from": "2026-06-01T12:00:00+00:00",
            "captured_to": None,
            "area": {"latitude": 39.9, "longitude": -122.0, "radius_m": 400},
        }
    )
    assert scope == Criteria(
        plate="7ABC123",
        device_ids=(DEVICE,),
        captured_from=NOON,
        area=Circle(39.9, -122.0, 400),
    )
    assert scope_of({}) == Criteria()
    for strange in ({"moon": "full"}, {"plate": 7}, {"area": {"radius_m": 4}}, {"area": "all"}):
        with pytest.raises(NotAuthorised):
            scope_of(strange)


def test_months_are_those_of_utc():
    pacific = datetime.fromisoformat("2026-05-31T20:00:00-07:00")
    assert month_of(pacific) == datetime(2026, 6, 1, tzinfo=UTC)
    assert next_month(datetime(2026, 12, 1, tzinfo=UTC)) == datetime(2027, 1, 1, tzinfo=UTC)
    assert next_month(datetime(2027, 1, 1, tzinfo=UTC)) == datetime(2027, 2, 1, tzinfo=UTC)
