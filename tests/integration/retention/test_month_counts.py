"""What retention counts for the public figures when a month has ended, once (policy 468.2)."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from services.retention.workers.month_counts import MonthCounter
from shared.events import MonthCounted
from shared.service.month_counts import MonthReport
from tests.integration.retention.conftest import a_read
from tests.integration.retention.holding import place
from tests.integration.retention.purging import DUE, NOON, purge

MAY = datetime(2026, 5, 10, tzinfo=UTC)


@pytest.fixture
def report(retention):
    return MonthReport(retention.runtime, MonthCounter(retention.runtime).count)


@pytest.fixture
def counts(retention, report):
    """Report the last month; return the figures of the newest report."""

    async def reported():
        await report.send_if_due()
        newest = (await retention.emitted(MonthCounted))[-1]
        return newest.month, {one.figure: one.count for one in newest.counts}

    return reported


@pytest.mark.clause("468.2/figures")
async def test_reads_count_in_the_month_of_their_capture_in_the_departments_zone(retention, counts):
    await retention.store(
        a_read("1MAY001", datetime(2026, 5, 1, 7, tzinfo=UTC)),  # midnight in California
        a_read("1MAY002", MAY),
        a_read("1MAY003", datetime(2026, 6, 1, 6, 59, 59, tzinfo=UTC)),
        a_read("1JUN001", datetime(2026, 6, 1, 7, tzinfo=UTC)),
        a_read("1APR001", datetime(2026, 5, 1, 6, 59, 59, tzinfo=UTC)),
    )
    month, found = await counts()
    assert month == date(2026, 5, 1)
    assert found == {"reads_captured": 3, "reads_stored": 4, "holds_in_force": 0}


async def test_kept_reads_are_those_that_no_purge_destroyed_and_those_that_a_hold_keeps(
    retention, counts, clock
):
    await retention.store(
        a_read("1OLD001", DUE - timedelta(days=90)),
        a_read("1OLD002", DUE - timedelta(hours=1)),
        a_read("1HELD01", DUE - timedelta(days=91)),
        a_read("2NEW001", DUE + timedelta(hours=1)),
        a_read("2NEW002", DUE + timedelta(days=90)),
        a_read("2NEW003", MAY),
    )
    await place(retention, plate="1HELD01")
    await purge(retention)
    _, found = await counts()
    assert found == {"reads_captured": 1, "reads_stored": 4, "holds_in_force": 1}
    clock.advance(days=30)
    await retention.store(a_read("3JUN001", NOON))
    month, found = await counts()
    assert month == date(2026, 6, 1)
    assert found == {"reads_captured": 1, "reads_stored": 5, "holds_in_force": 1}


async def test_a_month_is_counted_once_and_its_reads_are_read_once(
    retention, report, counts, clock, monkeypatch
):
    await retention.store(a_read("1MAY001", MAY))
    await counts()
    windows = []
    counted = MonthCounter._reads

    async def noted(self, start, end):
        windows.append((start, end))
        return await counted(self, start, end)

    monkeypatch.setattr(MonthCounter, "_reads", noted)
    assert not await report.send_if_due()
    assert not windows
    clock.advance(days=30)
    june = datetime(2026, 6, 1, 7, tzinfo=UTC), datetime(2026, 7, 1, 7, tzinfo=UTC)
    await counts()
    assert [(start, end) for start, end in windows if start < end] == [june]


async def test_two_replicas_report_a_month_once(retention):
    reports = [MonthReport(retention.runtime, MonthCounter(retention.runtime).count) for _ in "ab"]
    assert sorted(await asyncio.gather(*(one.send_if_due() for one in reports))) == [False, True]
    assert len(await retention.emitted(MonthCounted)) == 1


async def test_what_is_kept_is_not_reported_long_after_the_months_end(retention, report, clock):
    clock.advance(days=14)
    assert not await report.send_if_due()
    assert await retention.emitted(MonthCounted) == []
