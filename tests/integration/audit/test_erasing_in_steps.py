"""A purge erases the log's values in steps that commit: whatever step an erasing ends after, it goes on from there."""

from datetime import UTC, datetime

import pytest

from services.audit.workers import erasing
from services.audit.workers.erasing import Eraser
from tests.integration.audit.erasing import READS, purge, sightings
from tests.integration.audit.sealed_events import a_hit, verdict

__all__ = ["purge", "verdict"]

pytestmark = pytest.mark.clause("wall/erasing")

STORED = "SELECT count(*) FROM sealed_values"
ENTRIES = "SELECT count(*) FROM entries WHERE kind = 'values.erased'"


class Killed(Exception):
    """The process ends."""


class Stopping(Eraser):
    """Lists and deletes some pieces of one group each, and ends."""

    pieces = 1

    async def _in_pieces(self, step):
        async def counted(values, most):
            if not self.pieces:
                raise Killed
            self.pieces -= 1
            return await step(values, most)

        await super()._in_pieces(counted)


@pytest.fixture
def stopping(runtime, writer, monkeypatch):
    """Work as far as some pieces reach; return whether all work is done."""
    monkeypatch.setattr(erasing, "FEWEST", 1)
    monkeypatch.setattr(erasing, "MOST", 1)

    async def work(pieces):
        eraser = Stopping(runtime, writer)
        eraser.pieces = pieces
        try:
            await eraser.catch_up()
        except Killed:
            return False
        return True

    return work


async def test_an_interrupted_erasing_continues_after_any_step(
    deliver, clock, purge, query, verdict, stopping
):
    await deliver(*sightings(clock))
    await purge(follow=False)
    [[before]] = await query(STORED)
    steps = 1
    while not await stopping(1):
        steps += 1
        found = await verdict()
        assert found.ok, found.faults
    assert steps > 10
    assert (await query("SELECT count(*) FROM erased"), await query(ENTRIES)) == ([(5,)], [(1,)])
    assert await query(STORED) == [(before - 3,)]
    assert await query("SELECT 1 FROM erasings") == []
    assert (await verdict()).ok


async def test_an_event_that_arrives_between_two_steps_is_erased_with_the_rest(
    deliver, clock, purge, query, verdict, stopping
):
    await deliver(*sightings(clock))
    await purge(follow=False)
    await stopping(3)
    late = datetime(2025, 4, 20, 9, tzinfo=UTC)
    await deliver(a_hit(clock, read_id=READS["gone"], captured_at=late, plate_read="1LATE11"))
    assert await stopping(100)
    stored = str(await query("SELECT opened(disclosure) FROM sealed_values"))
    assert "1LATE11" not in stored
    assert "1GONE11" not in stored
    assert (await verdict()).ok


async def test_a_value_whose_erasing_is_logged_is_unreadable_before_its_row_is_deleted(
    deliver, clock, purge, query, verdict, stopping, client, auditor
):
    async def found(**body):
        answer = await client.post("/v1/entries/search", json=body, headers=auditor())
        return [entry["seq"] for entry in answer.json()["items"]], answer.text

    await deliver(*sightings(clock))
    await purge(follow=False)
    while await query(ENTRIES) == [(0,)]:
        assert (await found(plate="1GONE11"))[0] == [2, 1]
        assert not await stopping(1)
    assert "1GONE11" in str(await query("SELECT opened(disclosure) FROM sealed_values"))
    assert (await found(plate="1GONE11"))[0] == []
    assert (await found(plate="2HELD22"))[0] == [3, 1]
    assert "1GONE11" not in (await found())[1]
    assert (await verdict()).ok
