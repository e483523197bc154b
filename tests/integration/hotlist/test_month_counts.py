"""What hotlist counts for the public figures when a month has ended (policy 468.2)."""

from datetime import date

import pytest

from services.hotlist.workers.month_counts import MonthCounter
from shared.events import MonthCounted
from shared.service.month_counts import MonthReport


@pytest.mark.clause("468.2/figures")
async def test_entries_of_the_lists_in_force_count_by_source(hotlist):
    await hotlist.listed("7ABC123", "8XYZ999", source="state")
    await hotlist.listed("9AAA111", source="department")
    off = await hotlist.listed("5OFF555", source="federal")
    await hotlist.call("PATCH", f"/v1/lists/{off}", json={"enabled": False})
    assert await MonthReport(hotlist.runtime, MonthCounter(hotlist.runtime).count).send_if_due()
    [event] = await hotlist.announced(MonthCounted)
    assert event.month == date(2026, 5, 1)
    counted = {(one.figure, one.kind): one.count for one in event.counts}
    assert counted == {
        ("listed_plates", "department"): 1,
        ("listed_plates", "state"): 2,
        ("listed_plates", "federal"): 0,
    }
