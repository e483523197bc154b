"""The legal floor of a purge (Government Code 34090.6)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.core.errors import InternalFault
from shared.events import RecordsPurged
from shared.events.purges import check_floor

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_purge(before: datetime) -> RecordsPurged:
    return RecordsPurged(
        occurred_at=NOON,
        run_id=UUID(int=1),
        before=before,
        reads=0,
        captures=0,
        objects=0,
        kept_under_hold=0,
    )


def test_a_purge_may_not_go_beyond_the_floor():
    check_floor(a_purge(NOON - timedelta(days=60)), 60, NOON)
    with pytest.raises(InternalFault, match="the last 60 days"):
        check_floor(a_purge(NOON - timedelta(days=60) + timedelta(seconds=1)), 60, NOON)
