"""The entries of an export, and the window of a search."""

from datetime import UTC, datetime, timedelta

import pytest

from services.audit.domain.exports import WantedExport, span_of
from services.audit.domain.problem_codes import Code
from services.audit.domain.windows import check_window
from shared.core.errors import InvalidInput
from shared.core.merkle import Span
from shared.core.problem_codes import Common

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        (WantedExport(), Span(0, 9)),
        (WantedExport(first=8), Span(8, 9)),
        (WantedExport(first=2, end=5), Span(2, 5)),
        (WantedExport(first=2, with_values=True), Span(2, 9)),
        (WantedExport(end=9, with_values=True), Span(0, 9)),
        (WantedExport(old_log=True, with_values=True), Span(0, 9)),
    ],
)
def test_an_export_goes_to_the_log_s_end_unless_it_names_one(wanted, span):
    assert span_of(wanted, 9) == span


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (WantedExport(end=10), Code.LOG_EXPORT_OUTSIDE),
        (WantedExport(first=9), Code.LOG_EXPORT_OUTSIDE),
        (WantedExport(first=5, end=5), Code.LOG_EXPORT_OUTSIDE),
        (WantedExport(end=8, with_values=True), Code.LOG_EXPORT_VALUES_TO_END),
        (WantedExport(old_log=True), Code.LOG_EXPORT_OF_OLD_LOG),
        (WantedExport(old_log=True, with_values=True, first=1), Code.LOG_EXPORT_OF_OLD_LOG),
        (WantedExport(old_log=True, with_values=True, end=9), Code.LOG_EXPORT_OF_OLD_LOG),
    ],
)
def test_an_export_outside_the_log_or_without_its_values_is_refused(wanted, code):
    with pytest.raises(InvalidInput) as raised:
        span_of(wanted, 9)
    assert raised.value.problem is code


def test_a_window_begins_before_its_end_or_is_open():
    later = NOON + timedelta(microseconds=1)
    for window in ((None, None), (NOON, None), (None, NOON), (NOON, later)):
        check_window(*window)
    for window in ((NOON, NOON), (later, NOON)):
        with pytest.raises(InvalidInput) as raised:
            check_window(*window)
        assert raised.value.problem is Common.WINDOW_BACKWARDS
