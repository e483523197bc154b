"""Who may place, confirm and release a hold, and when its records are shown: the rules alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.retention.domain.criteria import Criteria
from services.retention.domain.holding import (
    check_awaits,
    check_confirmation,
    check_disclosable,
    check_evidence_basis,
    check_exports_booked,
    check_in_force,
    check_packed,
    check_released_by,
    is_wide,
    may_concern,
)
from shared.core.areas import Circle
from shared.core.errors import Conflict, InvalidInput, NotAuthorised
from shared.core.policy import Narrowness

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ONE, TWO = UUID(int=1), UUID(int=2)
RULE = Narrowness(known_characters=3, days=31)


def test_a_hold_has_one_of_the_policys_bases():
    check_evidence_basis("criminal_action", {"criminal_action", "discovery"})
    with pytest.raises(InvalidInput) as refused:
        check_evidence_basis("curiosity", {"discovery", "criminal_action"})
    assert refused.value.field == "basis"
    assert refused.value.params == {"allowed": ["criminal_action", "discovery"]}


def test_a_hold_is_wide_if_it_exceeds_the_limits_of_a_search():
    window = {"captured_from": NOON, "captured_to": NOON + timedelta(days=1)}
    assert not is_wide(Criteria(plate="7ABC123"), RULE)
    assert not is_wide(Criteria(device_ids=(ONE,), **window), RULE)
    assert is_wide(Criteria(**window), RULE)


def test_records_of_a_wide_hold_are_disclosed_and_packaged_only_after_its_confirmation():
    for check, refusal in ((check_disclosable, NotAuthorised), (check_packed, Conflict)):
        check(wide=False, confirmed_at=None)
        check(wide=True, confirmed_at=NOON)
        with pytest.raises(refusal):
            check(wide=True, confirmed_at=None)


def confirmed(**changes):
    facts = {
        "placed_by": "one",
        "confirmed_by": "two",
        "hold_case": "26-001234",
        "purpose_case": "26-001234",
    }
    check_confirmation(**{**facts, **changes})


def test_a_second_person_confirms_under_the_holds_case():
    confirmed()
    confirmed(hold_case="26-a 12", purpose_case="26-A12")
    for change in ({"confirmed_by": "one"}, {"purpose_case": "26-001235"}, {"purpose_case": None}):
        with pytest.raises(NotAuthorised):
            confirmed(**change)


def test_only_an_unconfirmed_wide_hold_in_force_awaits_a_confirmation():
    waiting = {"wide": True, "confirmed_at": None, "released_at": None}
    check_awaits(**waiting)
    for change in ({"wide": False}, {"confirmed_at": NOON}, {"released_at": NOON}):
        with pytest.raises(Conflict):
            check_awaits(**{**waiting, **change})


def test_a_hold_is_released_once():
    check_in_force(None)
    with pytest.raises(Conflict):
        check_in_force(NOON)


def test_another_person_than_the_one_who_placed_a_hold_releases_it():
    check_released_by("one", "two")
    with pytest.raises(NotAuthorised):
        check_released_by("one", "one")


def test_a_hold_is_released_once_no_export_of_it_is_unbooked():
    check_exports_booked([])
    with pytest.raises(Conflict) as refused:
        check_exports_booked([ONE, TWO])
    assert refused.value.params == {"export_ids": [ONE, TWO]}


MAY = datetime(2026, 5, 1, tzinfo=UTC)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)
ASKED = Criteria(plate="7ABC123", captured_from=MAY, captured_to=JUNE, device_ids=(ONE,))


@pytest.mark.clause("468.7(c)/end-of-file")
@pytest.mark.parametrize(
    ("hold", "expected"),
    [
        ({"plate": "7ABC123"}, True),
        ({"plate": "7ABC1*"}, True),
        ({"plate": "7A8C123", "lookalike": True}, True),
        ({"plate": "7A8C123"}, False),
        ({"plate": "?ABC124"}, False),
        ({"device_ids": (TWO, ONE)}, True),
        ({"device_ids": (TWO,)}, False),
        ({"captured_to": MAY}, False),
        ({"captured_from": JUNE}, False),
        ({"captured_from": MAY, "captured_to": MAY + timedelta(seconds=1)}, True),
        ({"area": Circle(39.9, -122.2, 500.0)}, True),
        ({"region": "US-NV"}, True),
        ({"plate": "9ZZZ999", "area": Circle(39.9, -122.2, 500.0)}, False),
    ],
)
def test_a_hold_may_concern_a_request_unless_no_record_can_meet_both(hold, expected):
    assert may_concern(Criteria(**hold), ASKED) is expected


@pytest.mark.clause("468.7(c)/end-of-file")
def test_a_hold_may_concern_a_request_for_all_records_of_a_time():
    every = Criteria(captured_from=MAY, captured_to=JUNE)
    for hold in ({"plate": "7ABC123"}, {"device_ids": (ONE,)}, {"captured_from": MAY}):
        assert may_concern(Criteria(**hold), every)
    assert not may_concern(Criteria(plate="7ABC123", captured_from=JUNE), every)
