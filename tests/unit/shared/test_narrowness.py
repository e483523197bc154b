"""How wide a request may be: its window, what it names, and the field that a refusal names."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.core.narrowness import Breadth, too_wide
from shared.core.plates import PlatePattern
from shared.core.policy import Narrowness

pytestmark = pytest.mark.clause("468.4/narrowness")

RULE = Narrowness(known_characters=3, days=31)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MONTH, INSTANT = timedelta(days=31), timedelta(microseconds=1)


def asked(plate=None, window=MONTH, **named):
    pattern = None if plate is None else PlatePattern.parse(plate)
    fields = {"captured_from": NOON, "captured_to": NOON + window, "names_place": False, **named}
    return Breadth(pattern, **fields)


@pytest.mark.parametrize(
    "breadth",
    [
        asked("7AB*", window=timedelta(days=400)),
        asked("7AB*", captured_from=None),
        asked("7A*"),
        asked(names_place=True),
        asked("?*7", names_place=True),
        asked(names_reads=True, window=timedelta(days=400)),
    ],
)
def test_a_request_that_is_narrow_enough_is_not_refused(breadth):
    assert too_wide(breadth, RULE) is None


@pytest.mark.parametrize(
    ("breadth", "field", "code"),
    [
        (asked(), "plate", "nothing_named"),
        (asked("7*"), "plate", "plate_too_open"),
        (asked("7A*", window=MONTH + INSTANT), "captured_from", "window_too_long"),
        (asked("7A*", captured_from=None), "captured_from", "window_too_long"),
        (asked("7A*", captured_to=None), "captured_from", "window_too_long"),
        (asked(names_place=True, window=MONTH + INSTANT), "captured_from", "window_too_long"),
        (asked("7A*", names_place=True, captured_to=None), "captured_from", "window_too_long"),
    ],
)
def test_a_request_that_is_too_wide_is_refused_by_the_field_at_its_place(breadth, field, code):
    for at in ("", "criteria."):
        refusal = too_wide(breadth, RULE, at=at)
        assert refusal is not None
        assert (refusal.field, refusal.code) == (f"{at}{field}", code)
