"""Times in requests: written out, with a zone, and within the range of Postgres and Python."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.core.fields import Moment

MOMENT = TypeAdapter(Moment)


def test_a_time_with_a_zone_is_accepted():
    assert MOMENT.validate_python("2026-06-01T05:00:00-07:00") == datetime(
        2026, 6, 1, 12, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("2026-06-01T12:00:00", "timezone"),
        ("2026-06-01", "the form of RFC 3339"),
        ("1780315200", "the form of RFC 3339"),
        (1780315200, "the form of RFC 3339"),
        ("0001-01-01T00:00:00+23:59", "between the years"),
        ("9999-12-31T23:59:59-23:59", "between the years"),
    ],
)
def test_a_time_that_is_ambiguous_or_cannot_be_kept_is_refused(said, fault):
    with pytest.raises(ValidationError, match=fault):
        MOMENT.validate_python(said)
