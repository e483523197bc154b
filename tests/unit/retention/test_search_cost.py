"""The cost of a search: which searches are heavy, and which are refused, with what narrows them."""

from datetime import UTC, datetime, timedelta

import pytest

from services.retention.domain.criteria import Criteria
from services.retention.domain.search_cost import (
    MOST_COMPARED,
    Scope,
    check_cost,
    is_heavy,
    share_of_vehicle,
)
from shared.core.areas import Circle
from shared.core.errors import InvalidInput

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOWN, COUNTY = Circle(39.9, -122.2, 2_000), Circle(39.9, -122.2, 20_000)


def asked(days=31, **conditions):
    since = NOON - timedelta(days=days)
    return Criteria(captured_from=since, captured_to=NOON, **conditions)


@pytest.mark.parametrize(
    "light",
    [
        {"plate": "7ABC123"},
        {"plate": "7ABC*", "colour": "red", "make": "TOYOTA"},
        {"plate": "7ABC123", "lookalike": True, "days": 400},
        {"plate": "7A?C1?3", "days": 400},
        {"plate": "*BC12*", "days": 400},
        {"plate": "7ABC1*", "lookalike": True},
        {"area": TOWN},
        {"area": COUNTY, "days": 1},
    ],
)
def test_a_search_of_few_plates_or_a_small_area_is_light(light):
    assert not is_heavy(asked(**light))


@pytest.mark.parametrize(
    "heavy",
    [
        {"plate": "7A*"},
        {"plate": "*ABC*", "days": 7},
        {"plate": "7ABC*", "lookalike": True},
        {"plate": "*7*A*B*C*D*", "area": TOWN},  # no two known characters are beside each other
        {"area": COUNTY},
        {"area": TOWN, "region": "US-NV"},
        {"area": TOWN, "minimum_confidence": 0.99},
        {"area": TOWN, "colour": "red"},
        {"area": TOWN, "make": "TOYOTA"},
    ],
)
def test_a_search_of_many_plates_or_of_a_wide_area_is_heavy(heavy):
    assert is_heavy(asked(**heavy))


def test_the_cost_of_a_search_counts_the_reads_compared_until_its_page_is_full():
    assert Scope(reads=1e6, share=0.01).compared(100) == 10_000
    assert Scope(reads=1e6, share=1e-9).compared(100) == 1e6
    assert Scope(reads=50).compared(100) == 50


def test_a_colour_and_a_make_leave_a_part_of_the_reads_each():
    assert share_of_vehicle(asked(area=TOWN)) == 1
    of_both = share_of_vehicle(asked(area=TOWN, colour="red", make="TOYOTA"))
    assert 0 < of_both < share_of_vehicle(asked(area=TOWN, colour="red")) < 1


def test_a_search_that_compares_too_much_is_refused_with_advice_to_narrow_it():
    check_cost(asked(plate="*7*"), MOST_COMPARED)
    with pytest.raises(InvalidInput) as caught:
        check_cost(asked(plate="*7*", area=COUNTY, days=3), 2_345_678)
    assert caught.value.field == "plate"
    assert {name: value for name, value in caught.value.params.items() if name != "narrow_by"} == {
        "known_characters": 1,
        "days": 3.0,
        "reads": 2_300_000,
        "most_reads": 1_000_000,
    }
    assert "about 2300000 reads" in caught.value.detail
    assert caught.value.detail.endswith(
        "more known characters of the plate, beside each other, a shorter window, a smaller area"
    )


@pytest.mark.parametrize(
    ("conditions", "field", "narrow_by"),
    [
        ({"plate": "*7*"}, "plate", ["known_characters", "captured_from", "area"]),
        ({"area": TOWN}, "captured_from", ["captured_from", "smaller_area"]),
    ],
)
def test_the_advice_to_narrow_a_search_depends_on_its_criteria(conditions, field, narrow_by):
    with pytest.raises(InvalidInput) as caught:
        check_cost(asked(**conditions), 2e6)
    assert caught.value.field == field
    assert [one.value for one in caught.value.params["narrow_by"]] == narrow_by
