"""Retention frees the file of a request that was kept for its time, unless a hold may concern it (ADR-0120)."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.core.errors import InternalFault
from shared.events import ReleaseCriteria, ReleaseFreed, ReleaseLapsed
from tests.integration.retention.conftest import DEVICE, a_read
from tests.integration.retention.holding import OTHER, place, release
from tests.integration.retention.packaging import an_approval
from tests.integration.retention.purging import NOON

pytestmark = pytest.mark.clause("468.7(c)/end-of-file")

LONG_AGO = datetime(2020, 5, 1, tzinfo=UTC)


def a_lapsed(request_id=None, case_number="T26-55", **criteria):
    """Ask about a request of one plate in May 2026."""
    asked = {
        "captured_from": NOON - timedelta(days=31),
        "captured_to": NOON,
        "plate": "7ABC123",
        **criteria,
    }
    return ReleaseLapsed(
        occurred_at=NOON,
        request_id=request_id or uuid4(),
        case_number=case_number,
        criteria=ReleaseCriteria(**asked),
    )


async def freed(retention, *lapsed):
    """Return which of some requests, in order, are freed."""
    await retention.store(*lapsed)
    ids = {event.request_id for event in await retention.emitted(ReleaseFreed)}
    return [one.request_id in ids for one in lapsed]


async def packages(retention):
    return [row.request_id for row in await retention.fetch("SELECT request_id FROM packages")]


async def test_a_file_that_no_hold_concerns_is_freed_with_what_is_stored_of_its_package(
    retention, as_owner
):
    old, young = (an_approval(occurred_at=LONG_AGO), an_approval(occurred_at=datetime.now(UTC)))
    await retention.store(old, young)
    await place(retention, plate="9ZZZ999")
    lapsed = [a_lapsed(old.request_id), a_lapsed(young.request_id)]
    assert await freed(retention, *lapsed) == [True, True]
    assert await packages(retention) == [young.request_id], "two years are not over"
    await retention.store(*lapsed)
    assert len(await retention.emitted(ReleaseFreed)) == 2, (
        "an event that comes twice is handled once"
    )
    async with as_owner("retention") as connection:
        with pytest.raises(Exception, match="kept for two years"):
            await connection.execute(text("DELETE FROM packages"))


async def test_a_file_stays_as_long_as_a_hold_may_concern_it(retention):
    """One placed for other records, but for the same case, counts too; the answer follows its release."""
    order = an_approval(occurred_at=LONG_AGO)
    await retention.store(order)
    hold = await place(retention, plate="7ABC12?")
    asked = [
        a_lapsed(order.request_id),
        a_lapsed(plate="9ZZZ999", case_number="26-001234"),
        a_lapsed(plate=None, device_ids=[DEVICE]),
        a_lapsed(plate="9ZZZ999"),
    ]
    assert await freed(retention, *asked) == [False, False, False, True]
    assert await packages(retention) == [order.request_id]
    await release(retention, hold)
    assert await freed(retention, a_lapsed(order.request_id)) == [True]
    assert await packages(retention) == []


async def test_a_request_whose_window_has_no_zone_is_dead_lettered_and_stops_no_other(retention):
    with pytest.raises(InternalFault, match="an offset from UTC"):
        await retention.store(a_lapsed(captured_from=datetime(2026, 5, 1)))  # noqa: DTZ001
    assert await freed(retention, a_lapsed()) == [True]


async def test_a_hold_that_names_reads_concerns_the_files_that_cover_one_of_them(retention):
    at = NOON - timedelta(days=3)
    read = a_read("7ABC123", at)
    await retention.store(read)
    await place(retention, read_ids=[str(read.read_id)])
    asked = [
        a_lapsed(),
        a_lapsed(plate="9ZZZ999"),
        a_lapsed(captured_to=at),
        a_lapsed(device_ids=[OTHER]),
    ]
    assert await freed(retention, *asked) == [False, True, True, True]
