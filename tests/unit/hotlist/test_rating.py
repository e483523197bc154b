"""The rules of lists beside the rating itself: what a result says of enforcement, and when an extract or a limit of
staleness is refused."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from services.hotlist.domain.rating import (
    check_not_older,
    contradicts,
    own_staleness_s,
    shrinks,
)
from shared.core.errors import Conflict, InvalidInput
from shared.core.policy import HotLists

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("result", ["arrest", "stopped_released"])
def test_a_result_by_enforcement_contradicts_that_there_was_none(result):
    assert contradicts(result, enforcement=False)
    assert not contradicts(result, enforcement=True)


@pytest.mark.parametrize("result", ["no_contact", "surveillance_only"])
def test_a_result_without_enforcement_contradicts_that_there_was_some(result):
    assert contradicts(result, enforcement=True)
    assert not contradicts(result, enforcement=False)


@pytest.mark.parametrize("enforcement", [True, False])
def test_a_recovered_vehicle_says_nothing_of_enforcement(enforcement):
    assert not contradicts("vehicle_recovered", enforcement=enforcement)


def test_an_older_extract_than_the_one_in_force_needs_a_reason():
    older = NOON - timedelta(seconds=1)
    with pytest.raises(Conflict) as refused:
        check_not_older(older, NOON)
    assert refused.value.code == "version_older"
    check_not_older(older, NOON, "The later one was a test")


@pytest.mark.parametrize("in_force", [None, NOON, NOON - timedelta(days=1)])
def test_an_extract_that_is_not_older_needs_none(in_force):
    check_not_older(NOON, in_force)


@pytest.mark.parametrize(
    ("before", "after", "does"),
    [(100, 80, False), (100, 79, True), (100, 0, True), (100, 300, False), (0, 0, False)],
)
def test_a_list_shrinks_that_loses_more_than_its_share(before, after, does):
    assert shrinks(before, after, 0.2) is does


RULES = msgspec.convert(
    {
        "pass_window_s": 0, "minimum_confidence": 0.5, "lookalike_substitutions": 1,
        "bad_lines_share": 0.1, "shrink_share": 0.2, "staleness_hours": {"state": 24}, "tiers": {},
    },
    HotLists,
)  # fmt: skip


def test_a_lists_own_limit_of_staleness_is_within_the_policys():
    assert own_staleness_s(24, "state", RULES) == 24 * 3600
    assert own_staleness_s(None, "state", RULES) is None
    assert own_staleness_s(None, "federal", RULES) is None
    for hours, source in ((25, "state"), (1, "federal")):
        with pytest.raises(InvalidInput) as refused:
            own_staleness_s(hours, source, RULES)
        assert refused.value.code == "list_staleness_too_long"
