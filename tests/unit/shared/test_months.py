"""The month whose secret keys an id: that of the capture in UTC, in whatever zone its time is written."""

from datetime import UTC, date, datetime

import pytest

from shared.postgres.month_secrets import month_of


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize(
    ("said", "month"),
    [
        ("2026-05-31T16:59:59-07:00", date(2026, 5, 1)),
        ("2026-05-31T17:00:00-07:00", date(2026, 6, 1)),
        ("2027-01-01T00:30:00+01:00", date(2026, 12, 1)),
        ("2026-06-30T23:59:59+00:00", date(2026, 6, 1)),
    ],
)
def test_the_month_of_a_moment_is_that_of_utc(said, month):
    moment = datetime.fromisoformat(said)
    assert month_of(moment) == month_of(moment.astimezone(UTC)) == month
