"""A release may be no wider than a search."""

from datetime import timedelta
from uuid import UUID

import pytest

from services.release.domain.scope import check_scope
from shared.core.errors import InvalidInput
from shared.core.policy import Narrowness
from shared.events import ReleaseCriteria
from tests.unit.release.requests import NOON

RULE = Narrowness(known_characters=3, days=31)
CAMERA = UUID(int=1)
MONTH, INSTANT = timedelta(days=31), timedelta(microseconds=1)


def criteria(plate=None, window=MONTH, cameras=()):
    return ReleaseCriteria(
        plate=plate, captured_from=NOON, captured_to=NOON + window, device_ids=list(cameras)
    )


@pytest.mark.parametrize(
    "asked",
    [
        criteria(cameras=[CAMERA]),
        criteria("7ABC123", window=timedelta(days=365)),
        criteria("7A*"),
        criteria("?*7", cameras=[CAMERA]),
    ],
)
def test_a_month_of_a_camera_or_a_year_of_a_plate_may_be_asked(asked):
    check_scope(asked, RULE)


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        (criteria(), "nothing_named", "plate"),
        (criteria("7*"), "plate_too_open", "plate"),
        (criteria("7A*", window=MONTH + INSTANT), "window_too_long", "captured_from"),
        (
            criteria(cameras=[CAMERA], window=MONTH + INSTANT),
            "window_too_long",
            "captured_from",
        ),
    ],
)
@pytest.mark.parametrize("at", ["", "criteria."])
def test_a_wider_release_is_refused_by_the_field(asked, code, field, at):
    with pytest.raises(InvalidInput) as refused:
        check_scope(asked, RULE, at=at)
    assert (refused.value.code, refused.value.field) == (code, f"{at}{field}")
