"""A hit on one frame that the vehicle's other frames contradict is marked so, and alerts do not wait for it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.hotlist.store.purging import Purging
from shared.events import PassesRecorded
from tests.integration.hotlist.conftest import passed


async def codes(hotlist):
    [hit] = await hotlist.hits()
    whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert whole["warnings"] == hit["warnings"]
    return [warning["code"] for warning in hit["warnings"]]


@pytest.mark.parametrize("pass_first", [False, True])
async def test_a_hit_on_an_outvoted_read_has_a_warning_in_any_order_of_events(hotlist, pass_first):
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    event = passed(hotlist, read)
    if pass_first:
        await hotlist.handlers[PassesRecorded]([event])
        await hotlist.see(read)
    else:
        await hotlist.see(read)
        assert await codes(hotlist) == []  # raised at once, the vote not awaited
        await hotlist.handlers[PassesRecorded]([event])
    await hotlist.handlers[PassesRecorded]([event, event])  # Kafka delivers again
    assert await codes(hotlist) == ["outvoted"]
    [hit] = await hotlist.hits()
    assert hit["warnings"][0]["text"].startswith("The 3 frames of this vehicle")
    assert event.passes[0].plate not in str(hit)  # only the hit's own plate


async def test_a_read_that_won_its_vote_has_no_warning(hotlist):
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    await hotlist.see(read)
    await hotlist.handlers[PassesRecorded]([passed(hotlist, read, plate="7ABC123", outvoted=False)])
    assert await codes(hotlist) == []


@pytest.mark.clause("wall/purge-list")
async def test_a_purge_deletes_outvoted_reads_in_pieces_and_resumes_after_a_failure(
    hotlist, monkeypatch
):
    """A purge that is cut off between two pieces comes again, and does the rest."""
    monkeypatch.setattr("services.hotlist.actions.purging.PURGED_AT_ONCE", 2)
    held, *gone = (hotlist.read(ago_s=n) for n in range(6))
    passes = [passed(hotlist, read) for read in (held, *gone)]
    await hotlist.handlers[PassesRecorded](passes)
    hotlist.clock.advance(days=400)
    late = hotlist.read()
    await hotlist.handlers[PassesRecorded]([passed(hotlist, late)])
    due = hotlist.clock.now() - timedelta(days=399)

    async def outvoted():
        async with hotlist.runtime.db.begin() as connection:
            return set((await connection.execute(text("SELECT read_id FROM outvoted"))).scalars())

    purge_beside, pieces = Purging.purge_beside, 1

    async def cut_off(*arguments):
        nonlocal pieces
        if not pieces:
            raise RuntimeError("killed")
        pieces -= 1
        return await purge_beside(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Purging, "purge_beside", cut_off)
        with pytest.raises(RuntimeError):
            await hotlist.purge(due, held, gone=gone)
    assert len(await outvoted()) == 5
    await hotlist.purge(due, held, gone=gone)
    assert await outvoted() == {held.read_id, late.read_id}


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_of_all_hits_and_outvoted_reads_leaves_none_in_the_planners_statistics(
    hotlist, sampled
):
    """Hits without a verification or disposition are deleted whole."""
    await hotlist.listed("7ABC123")
    reads = [hotlist.read(device=uuid4()) for _ in range(2)]
    await hotlist.see(*reads)
    await hotlist.handlers[PassesRecorded]([passed(hotlist, read) for read in reads])
    traces = {
        "7ABC123",
        *(str(value) for read in reads for value in (read.read_id, read.device_id)),
    }
    found = await sampled("hotlist", anew=True)
    assert {trace for trace in traces if trace in found} == traces
    hotlist.clock.advance(days=400)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=399), gone=reads)
    async with hotlist.runtime.db.begin() as connection:
        for table in ("hits", "sightings", "outvoted"):
            assert (
                await connection.execute(text(f"SELECT count(*) FROM {table}"))
            ).scalar_one() == 0
    found = await sampled("hotlist")
    assert {trace for trace in traces if trace in found} == set()
