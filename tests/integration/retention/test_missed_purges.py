"""Records that are left later than the schedule says are announced, holds apart (policy 468.3.1(f), ADR-0120)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.retention.workers.destroyer import Destroyer
from services.retention.workers.missed_purges import announce_missed
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.events import PurgeMissed
from tests.integration.retention.conftest import DEVICE, a_capture, a_read
from tests.integration.retention.holding import place, release
from tests.integration.retention.purging import (
    AUTHORISER,
    authorise,
    execute,
    propose,
    purge,
)

pytestmark = pytest.mark.clause("468.3.1(f)/overdue")

# At noon of 1 June 2026, with a schedule of 400 days and 14 days more: days that end by noon of 13 April 2025.
OVERDUE = datetime(2025, 4, 12, 23, tzinfo=UTC)
NOT_YET = datetime(2025, 4, 13, 1, tzinfo=UTC)


@pytest.fixture
def missed(retention):
    """Returns the days that are announced by now."""

    async def days():
        await announce_missed(retention.runtime)
        return [event.oldest_on for event in await retention.emitted(PurgeMissed)]

    return days


async def test_overdue_records_are_announced_once_by_the_day_of_the_oldest(
    retention, missed, policy
):
    later = datetime(2025, 5, 1, tzinfo=UTC)
    await retention.store(a_read("7ABC123", NOT_YET), a_read("7ABC126", later))
    assert await missed() == []
    await retention.store(
        a_read("7ABC124", OVERDUE), a_read("7ABC125", OVERDUE - timedelta(days=1))
    )
    assert await missed() == [date(2025, 4, 11)]
    [event] = await retention.emitted(PurgeMissed)
    assert (event.schedule_days, event.overdue_days) == (policy.retention.schedule_days, 14)
    retention.clock.advance(days=1)
    assert len(await missed()) == 1, "the same stretch"
    await purge(retention)
    retention.clock.advance(days=20)
    assert await missed() == [date(2025, 4, 11), later.date()], "another stretch"


async def test_a_frame_without_a_plate_is_overdue_too_and_one_with_a_held_read_is_not(
    retention, missed
):
    read = a_read("7ABC123", OVERDUE)
    await retention.store(
        read, a_capture(OVERDUE, capture_id=read.capture_id, read_ids=[read.read_id])
    )
    await place(retention, plate="7ABC123")
    assert await missed() == []
    await retention.store(a_capture(OVERDUE, outcome="no_plate"))
    assert await missed() == [OVERDUE.date()]


async def test_what_holds_keep_is_not_overdue(retention, missed):
    await retention.store(
        a_read("7ABC123", OVERDUE - timedelta(days=40)), a_read("9ZZZ999", OVERDUE)
    )
    await place(retention, plate="7ABC12?")
    assert await missed() == [OVERDUE.date()]
    await place(retention, device_ids=[str(DEVICE)], captured_to=NOT_YET.isoformat())
    await retention.store(a_read("8DEF456", OVERDUE - timedelta(days=2)))
    assert await missed() == [OVERDUE.date()]


async def test_a_purge_that_reaches_the_records_has_so_many_days_from_its_last_step(
    retention, missed
):
    await retention.store(a_read("7ABC123", OVERDUE))
    too_early = await propose(retention, before=OVERDUE.isoformat())
    refused = await propose(retention)
    path = f"/v1/purge-runs/{refused['run_id']}/refusal"
    await retention.post(path, {"note": "ask the attorney first"}, 200, **AUTHORISER)
    run = await propose(retention)
    retention.clock.advance(days=13)
    assert await missed() == []
    await authorise(retention, run)
    retention.clock.advance(days=13)
    assert await missed() == []
    await execute(retention, run)
    await authorise(retention, too_early)
    retention.clock.advance(days=13)
    assert await missed() == []
    retention.clock.advance(days=1)
    assert await missed() == [OVERDUE.date()]


async def test_daily_runs_that_destroy_nothing_do_not_hide_overdue_records(
    retention, missed, monkeypatch
):
    await retention.store(a_read("7ABC123", OVERDUE))
    await authorise(retention, await propose(retention, kind="standing"))

    async def waits(self, run):
        raise Unavailable(Common.OBJECT_STORE_AWAY)

    monkeypatch.setattr(Destroyer, "destroy", waits)
    with pytest.raises(Unavailable):
        await retention.running.purger.work()
    assert await missed() == [OVERDUE.date()]


async def test_what_comes_after_a_purge_or_is_released_later_has_as_many_days(retention, missed):
    await retention.store(a_read("7ABC123", OVERDUE))
    hold = await place(retention, plate="7ABC123")
    await purge(retention)
    await retention.store(a_read("9ZZZ999", OVERDUE - timedelta(days=90)))
    await release(retention, hold)
    retention.clock.advance(days=13)
    assert await missed() == []
    retention.clock.advance(days=1)
    assert await missed() == [(OVERDUE - timedelta(days=90)).date()]
    await purge(retention)
    retention.clock.advance(days=14)
    assert len(await missed()) == 1, "the purge destroyed what the hold had kept"
