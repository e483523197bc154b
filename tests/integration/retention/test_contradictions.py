"""Reads that contradict each other are stored, and recorded once in the audit log (ADR-0026)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.core.ids import Deriver
from shared.events import ReadContradicted
from tests.integration.retention.conftest import DEVICE, a_read

pytestmark = pytest.mark.clause("468.3.1(c)/contradicting-reads")

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SECRET = bytes(32)
OTHER_DEVICE = UUID(int=7)


def said(plate, at=NOON, source="s-1", *, device=DEVICE, **changes):
    """Return a read under the id that ingest gives it: reads of one device, time and source id are akin."""
    rest = f"{plate}{changes}"
    read_id = Deriver(SECRET, "read", device).derive_akin(at, f"{at}{source}", rest)
    return a_read(plate, at, device_id=device, read_id=read_id, **changes)


async def settle(retention):
    retention.clock.advance(seconds=11)
    await retention.running.passes.work()


async def contradictions(retention):
    return await retention.emitted(ReadContradicted)


async def test_a_contradicting_read_is_kept_and_published_once(retention):
    one, other = said("1AAA001"), said("1HIT002")
    await retention.store(one)
    await settle(retention)
    assert await contradictions(retention) == []
    await retention.store(other)
    await settle(retention)
    [event] = await contradictions(retention)
    assert (event.device_id, event.captured_on, event.count) == (DEVICE, NOON.date(), 2)
    assert set(event.read_ids) == {one.read_id, other.read_id}
    assert event.plates == ["1AAA001", "1HIT002"]
    for read in (one, other):
        assert await retention.plates(plate=read.plate) == [read.plate]
    await retention.store(one, other)  # delivered again
    await settle(retention)
    assert len(await contradictions(retention)) == 1


async def test_a_read_of_a_pass_can_be_contradicted(retention):
    first, second = said("1AAA001"), said("1AAA001", NOON + timedelta(seconds=1), "s-2")
    await retention.store(first, second)
    await settle(retention)
    assert await retention.fetch("SELECT 1 FROM pass_reads WHERE read_id = :id", id=first.read_id)
    other = said("9ZZZ999")
    await retention.store(other)
    await settle(retention)
    [event] = await contradictions(retention)
    assert set(event.read_ids) == {first.read_id, other.read_id}


async def test_a_third_contradicting_reading_is_published(retention):
    await retention.store(said("1AAA001"), said("1HIT002"))
    await settle(retention)
    await retention.store(said("1HIT003"))
    await settle(retention)
    assert [event.count for event in await contradictions(retention)] == [2, 3]


async def test_another_state_contradicts_and_an_unknown_one_does_not(retention):
    await retention.store(said("1AAA001"), said("1AAA001", region="US-CA"))
    await settle(retention)
    assert await contradictions(retention) == []
    await retention.store(said("1AAA001", region="US-NV"))
    await settle(retention)
    assert [event.count for event in await contradictions(retention)] == [3]


@pytest.mark.parametrize(
    "other",
    [
        said("1HIT002", source="s-2"),
        said("1HIT002", NOON + timedelta(milliseconds=1)),
        said("1HIT002", device=OTHER_DEVICE),
        said("1AAA001", confidence=0.4),
    ],
    ids=["another source id", "another moment", "another device", "another confidence alone"],
)
async def test_a_read_that_does_not_contradict_publishes_no_contradiction(retention, other):
    await retention.store(said("1AAA001"), other)
    await settle(retention)
    assert await contradictions(retention) == []


async def test_two_vehicles_that_pass_side_by_side_do_not_contradict_each_other(retention):
    """Nor with another reading of one of the two, which differs in its confidence alone."""
    later = NOON + timedelta(seconds=1)
    await retention.store(
        said("1AAA001", source="s-1", confidence=0.4),
        said("1AAA001", source="s-1"), said("1AAA001", later, "s-3"),
        said("9ZZZ999", source="s-2"), said("9ZZZ999", later, "s-4"),
    )  # fmt: skip
    await settle(retention)
    assert len(await retention.fetch("SELECT 1 FROM passes")) == 2
    assert await contradictions(retention) == []


async def test_contradictions_are_published_by_day_and_name_at_most_fifty_reads(retention):
    """A purge erases by day, and an event stays small for any number of reads."""
    midnight = datetime(2026, 6, 2, tzinfo=UTC)
    before = [said(f"1AAA{n:03}", midnight - timedelta(seconds=1)) for n in range(60)]
    after = [said(f"1AAA{n:03}", midnight) for n in range(2)]
    await retention.store(*before, *after)
    await settle(retention)
    events = await contradictions(retention)
    assert [(event.captured_on.day, event.count) for event in events] == [(1, 60), (2, 2)]
    assert [len(event.read_ids) for event in events] == [ReadContradicted.MAX_NAMED, 2]
