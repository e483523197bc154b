"""The facts that a destruction requires, and the order of the steps."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.retention.domain.destruction import (
    Basis,
    Kind,
    State,
    check_age,
    check_basis,
    check_executable,
    check_other_person,
    check_still,
    check_third_person,
    next_state,
    proposed_before,
)
from shared.core.errors import Conflict, InvalidInput

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
BASIS = Basis(
    floor_days=365,
    schedule_days=400,
    schedule_id="S-1",
    schedule_in_force_from=date(2026, 1, 1),
    resolution_id="R-1",
    attorney_consent_id="C-1",
)


def test_with_all_facts_present_due_records_may_be_destroyed():
    assert BASIS.missing(NOW) == []
    check_basis(BASIS, NOW)
    check_age(BASIS, BASIS.due(NOW), NOW)
    assert BASIS.due(NOW) == NOW - timedelta(days=400)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"schedule_id": ""}, "schedule_in_force"),
        ({"schedule_in_force_from": date(2026, 6, 2)}, "schedule_in_force"),
        ({"resolution_id": ""}, "resolution"),
        ({"attorney_consent_id": ""}, "attorney_consent"),
    ],
)
def test_each_fact_is_needed_and_named(change, missing):
    with pytest.raises(Conflict) as refused:
        check_basis(replace(BASIS, **change), NOW)
    assert refused.value.params["missing"] == [missing]


def test_a_schedule_is_in_force_from_its_day_in_utc_in_any_time_zone():
    east = timezone(timedelta(hours=9))
    assert BASIS.missing(datetime(2026, 1, 1, 8, tzinfo=east)) == ["schedule_in_force"]
    assert BASIS.missing(datetime(2026, 1, 1, 9, tzinfo=east)) == []


def test_the_floor_holds_whatever_the_schedule_says():
    broken = replace(BASIS, schedule_days=10)
    assert broken.due(NOW) == NOW - timedelta(days=365)
    check_age(broken, broken.due(NOW), NOW)
    for days in (0, 10, 364):
        with pytest.raises(InvalidInput):
            check_age(broken, NOW - timedelta(days=days), NOW)
    with pytest.raises(InvalidInput):
        check_age(BASIS, NOW - timedelta(days=365) + timedelta(microseconds=1), NOW)
    with pytest.raises(InvalidInput):
        check_age(BASIS, NOW - timedelta(days=399), NOW)


def test_an_authorisation_is_valid_only_for_the_facts_that_it_named():
    check_still(BASIS, BASIS)
    with pytest.raises(Conflict):
        check_still(BASIS, replace(BASIS, resolution_id="R-2"))


def test_a_basis_round_trips_through_json():
    assert Basis.from_json(BASIS.as_json()) == BASIS


def test_steps_come_in_order_and_by_two_people():
    assert next_state(State.PROPOSED, "authorise") is State.AUTHORISED
    assert next_state(State.AUTHORISED, "execute") is State.EXECUTING
    for state in (State.AUTHORISED, State.EXECUTING):
        assert next_state(state, "withdraw") is State.WITHDRAWN
    for state, step in (
        (State.PROPOSED, "execute"),
        (State.REFUSED, "authorise"),
        (State.WITHDRAWN, "execute"),
        (State.EXECUTED, "execute"),
        (State.EXECUTED, "withdraw"),
    ):
        with pytest.raises(Conflict):
            next_state(state, step)
    with pytest.raises(Conflict):
        check_other_person("a", "a")
    check_other_person("a", "b")


def test_a_single_run_destroys_due_records_or_those_before_an_earlier_time():
    assert proposed_before(Kind.SINGLE, None, BASIS, NOW) == BASIS.due(NOW)
    earlier = BASIS.due(NOW) - timedelta(days=3)
    assert proposed_before(Kind.SINGLE, earlier, BASIS, NOW) == earlier
    with pytest.raises(InvalidInput):
        proposed_before(Kind.SINGLE, BASIS.due(NOW) + timedelta(days=1), BASIS, NOW)


def test_a_standing_order_has_no_time_of_its_own():
    assert proposed_before(Kind.STANDING, None, BASIS, NOW) is None
    with pytest.raises(InvalidInput) as refused:
        proposed_before(Kind.STANDING, BASIS.due(NOW), BASIS, NOW)
    assert refused.value.field == "before"


def test_a_single_run_can_be_executed_and_a_standing_order_cannot():
    assert check_executable(Kind.SINGLE, NOW) == NOW
    for kind, before in ((Kind.STANDING, None), (Kind.STANDING, NOW), (Kind.SINGLE, None)):
        with pytest.raises(Conflict):
            check_executable(kind, before)


def test_a_third_person_executes_a_single_run():
    check_third_person("a", "b", "c")
    for executed_by, done in (("a", "proposed"), ("b", "authorised")):
        with pytest.raises(Conflict) as refused:
            check_third_person("a", "b", executed_by)
        assert refused.value.params == {"done": done}
