"""The list of a purge: complete, proved by the certificate, written before the run counts as executed."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from services.retention.domain.signing import canonical
from services.retention.store import slices
from services.retention.store.runs import Runs
from services.retention.workers import purge_lists
from services.retention.workers.destroyer import Destroyer
from shared.core.errors import DependencyDown
from shared.events import PurgeChanged, PurgeList, RecordsPurged
from shared.objects.purge_list import ListReader
from tests.integration.retention.conftest import a_capture, a_read
from tests.integration.retention.holding import place, release
from tests.integration.retention.purging import (
    AUTHORISER,
    DUE,
    NOON,
    authorise,
    execute,
    left,
    listed,
    propose,
    purge,
    records,
)

WHOLE_MONTH = datetime(2025, 2, 10, tzinfo=UTC)
PART_OF_MONTH = DUE - timedelta(hours=2)


@pytest.mark.clause("wall/purge-list")
async def test_the_list_names_all_destroyed_and_all_held_records(retention, monkeypatch):
    monkeypatch.setattr(slices, "PAGE", 2)
    monkeypatch.setattr(purge_lists, "READ_AT_ONCE", 1)
    gone = [
        *(a_read(f"1OLD00{n}", WHOLE_MONTH + timedelta(days=n)) for n in range(5)),
        *(a_read(f"1OLD00{n}", PART_OF_MONTH) for n in range(3)),
        *(a_capture(WHOLE_MONTH, capture_id=UUID(int=n)) for n in range(1, 4)),
    ]
    held = [
        *(a_read("7HELD01", WHOLE_MONTH + timedelta(days=n)) for n in range(2)),
        a_read("7HELD01", PART_OF_MONTH),
    ]
    await retention.store(*gone, *held, a_read("7HELD01", NOON), a_read("2NEW001", DUE))
    await place(retention, plate="7HELD01")
    run = await purge(retention)
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*gone), records(*held))
    assert (run["reads"] + run["captures"], run["kept_under_hold"]) == (11, 3)
    assert (event.purge_list.purged, event.purge_list.held) == (11, 3)
    assert await retention.fetch("SELECT 1 FROM purge_slices") == []


@pytest.mark.clause("wall/purge-list")
async def test_the_certificate_commits_to_the_list(retention):
    read = a_read("1OLD001", PART_OF_MONTH)
    await retention.store(read)
    run = await purge(retention)
    [event] = await retention.emitted(RecordsPurged)
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    named = PurgeList(**certificate["purge_list"])
    assert named == event.purge_list
    await ListReader(retention.objects, event.run_id, named).verify()
    assert json.loads(retention.objects.stored[named.key])["purged"]["root"] == named.purged_root


@pytest.mark.clause("wall/purge-list")
async def test_a_run_does_not_end_with_a_list_that_lacks_what_another_worker_destroyed_meanwhile(
    retention, monkeypatch
):
    """A worker that has lost its connection, and so its lock, may end a step while the next one writes the list."""
    first, late = a_read("1OLD001", PART_OF_MONTH), a_read("1OLD002", PART_OF_MONTH)
    await retention.store(first)
    write = purge_lists.PurgeLists.write

    async def destroy_more_meanwhile(lists, run_id, before):
        named = await write(lists, run_id, before)
        monkeypatch.undo()
        await retention.store(late)
        async with retention.runtime.db.begin() as connection:
            run = await Runs(connection).due(run_id)
        await Destroyer(retention.runtime).destroy(run)
        return named

    monkeypatch.setattr(purge_lists.PurgeLists, "write", destroy_more_meanwhile)
    run = await purge(retention)
    assert (run["state"], run["reads"]) == ("executing", 2)
    assert await retention.emitted(RecordsPurged) == []
    await retention.running.purger.work()
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(first, late), [])


@pytest.mark.clause("468.5/holds")
@pytest.mark.clause("wall/purge-list")
async def test_records_of_a_released_hold_are_in_the_next_purge_list(retention):
    capture = a_capture(WHOLE_MONTH)
    read = a_read("7HELD01", WHOLE_MONTH, capture_id=capture.capture.capture_id)
    await retention.store(capture, read)
    hold = await place(retention, plate="7HELD01")
    await purge(retention)
    await release(retention, hold)
    retention.clock.advance(seconds=1)
    await purge(retention)
    first, second = await retention.emitted(RecordsPurged)
    assert await listed(retention, first) == ([], records(capture, read))
    assert await listed(retention, second) == (records(capture, read), [])


@pytest.mark.clause("wall/purge-list")
async def test_a_run_does_not_finish_before_its_list_is_stored(retention):
    read = a_read("1OLD001", WHOLE_MONTH)
    await retention.store(read)
    retention.objects.down = True
    run = await purge(retention)
    assert (run["state"], run["reads"]) == ("executing", 1)
    assert await retention.emitted(RecordsPurged) == []
    retention.objects.down = False
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (run["state"], run["reads"]) == ("certified", 1)
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(read), [])


@pytest.mark.clause("wall/purge-list")
async def test_a_crash_after_the_list_was_stored_only_delays_the_run(retention, monkeypatch):
    """Records that arrive late in between are destroyed and named too."""
    first, late = a_read("1OLD001", WHOLE_MONTH), a_read("1OLD002", WHOLE_MONTH)
    await retention.store(first)
    write = purge_lists.PurgeLists.write

    async def put_and_die(self, *arguments):
        await write(self, *arguments)
        raise RuntimeError("killed")

    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    with monkeypatch.context() as patched:
        patched.setattr(purge_lists.PurgeLists, "write", put_and_die)
        with pytest.raises(RuntimeError):
            await retention.running.purger.work()
    await retention.store(late)
    await retention.running.purger.work()
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(first, late), [])


@pytest.mark.clause("wall/purge-list")
async def test_a_resent_read_that_is_held_now_is_not_listed_as_destroyed(retention, monkeypatch):
    """One step destroys it, it is sent again, and the next step retains it: followers keep their data of it."""
    read = a_read("7HELD01", WHOLE_MONTH)
    await retention.store(read)
    end = retention.running.purger._end

    async def not_yet(run):
        raise DependencyDown("not yet")

    monkeypatch.setattr(retention.running.purger, "_end", not_yet)
    await purge(retention)
    await place(retention, plate="7HELD01")
    await retention.store(read)
    monkeypatch.setattr(retention.running.purger, "_end", end)
    await retention.running.purger.work()
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == ([], records(read))


async def test_records_that_a_withdrawn_run_destroyed_are_in_the_next_purge_list(
    retention, monkeypatch
):
    first, second = (
        a_read("1OLD001", datetime(2025, 1, 10, tzinfo=UTC)),
        a_read("1OLD002", WHOLE_MONTH),
    )
    await retention.store(first, second)
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    destroyer = retention.running.purger._destroyer
    take = destroyer._run_step

    async def step_then_withdraw(run, step):
        found = await take(run, step)
        if len(await left(retention)) == 1:
            await retention.client.post(
                f"/v1/purge-runs/{leave['run_id']}/withdrawal",
                json={"note": "stop"},
                headers=retention.authority.headers(**AUTHORISER),
            )
        return found

    monkeypatch.setattr(destroyer, "_run_step", step_then_withdraw)
    await retention.running.purger.work()
    monkeypatch.setattr(destroyer, "_run_step", take)
    assert await left(retention) == ["1OLD002"]
    await purge(retention, before="2025-01-05T00:00:00Z")  # it lists no record from after its date
    await purge(retention)
    events = await retention.emitted(RecordsPurged)
    found = [await listed(retention, event) for event in events]
    assert found == [([], []), (records(first, second), [])]


async def test_a_run_that_waits_for_its_list_keeps_its_records_from_a_later_run(retention):
    first, second = a_read("1OLD001", WHOLE_MONTH), a_read("1OLD002", PART_OF_MONTH)
    await retention.store(first, second)
    for body in ({"before": (DUE - timedelta(days=20)).isoformat()}, {}):
        run = await propose(retention, **body)
        await authorise(retention, run)
        await execute(retention, run)
        retention.clock.advance(seconds=1)
    retention.objects.down = True
    await retention.running.purger.work()
    assert await left(retention) == []
    retention.objects.down = False
    await retention.running.purger.work()
    events = await retention.emitted(RecordsPurged)
    found = [await listed(retention, event) for event in events]
    assert found == [(records(first), []), (records(second), [])]


async def test_a_run_lists_and_counts_no_held_record_from_after_its_date(retention):
    frame = a_capture(PART_OF_MONTH)
    of_frame = {"capture_id": frame.capture.capture_id}
    await retention.store(frame, a_read("7ABC123", PART_OF_MONTH, **of_frame))
    await place(retention, plate="7ABC123")
    await purge(retention)
    await purge(retention, before=(DUE - timedelta(days=20)).isoformat())
    events = await retention.emitted(RecordsPurged)
    assert [event.kept_under_hold for event in events] == [2, 0]
    assert [len((await listed(retention, event))[1]) for event in events] == [2, 0]


async def test_a_list_is_deleted_after_thirty_days_and_its_proof_is_kept(retention):
    await retention.store(a_read("1OLD001", WHOLE_MONTH))
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    retention.clock.advance(days=1)  # the list is as old as the run's end
    await retention.running.purger.work()
    assert len(retention.objects.stored) == 2
    retention.clock.advance(days=30)
    await retention.running.purger.work()
    assert len(retention.objects.stored) == 2
    retention.clock.advance(seconds=1)
    retention.objects.down = True
    await retention.running.purger.work()
    retention.objects.down = False
    assert len(retention.objects.stored) == 2
    await retention.running.purger.work()
    assert retention.objects.stored == {}
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    assert certificate["purge_list"]["purged"] == 1


async def test_the_list_of_a_run_that_was_withdrawn_before_its_end_is_deleted_too(
    retention, monkeypatch
):
    await retention.store(a_read("1OLD001", WHOLE_MONTH))
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    lists = retention.running.purger._lists
    write = lists.write

    async def write_then_withdraw(*arguments):
        named = await write(*arguments)
        path = f"/v1/purge-runs/{run['run_id']}/withdrawal"
        await retention.post(path, {"note": "stop"}, 200, **AUTHORISER)
        return named

    monkeypatch.setattr(lists, "write", write_then_withdraw)
    await retention.running.purger.work()
    assert len(retention.objects.stored) == 2
    retention.clock.advance(days=30, seconds=1)
    await retention.running.purger.work()
    assert retention.objects.stored == {}


@pytest.mark.clause("wall/erasing")
async def test_a_list_is_kept_until_its_certificate_is_published(retention, monkeypatch):
    """Audit erases only certified records, by the list: without a certificate the list stays."""
    await retention.store(a_read("1OLD001", WHOLE_MONTH))
    certify = retention.running.purger._certify

    async def not_now(run_id):
        return None

    monkeypatch.setattr(retention.running.purger, "_certify", not_now)
    run = await purge(retention)
    retention.clock.advance(days=40)
    await retention.running.purger.work()
    assert len(retention.objects.stored) == 2
    monkeypatch.setattr(retention.running.purger, "_certify", certify)
    await retention.running.purger.work()
    path = f"/v1/purge-runs/{run['run_id']}/certificate"
    certificate = (await retention.get(path)).json()
    [told] = [e for e in await retention.emitted(PurgeChanged) if e.change == "certified"]
    digest = sha256(canonical(certificate)).hexdigest()
    assert (str(told.run_id), told.details["certificate_sha256"]) == (run["run_id"], digest)
    await retention.running.purger.work()
    assert retention.objects.stored == {}
