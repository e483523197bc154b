"""The planner's statistics after a purge: Postgres samples columns at any time, and keeps samples of emptied tables."""

from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.retention.domain.plates import plate_number
from shared.postgres.statistics import never_sample, sample_again
from tests.integration.retention.conftest import JPEG, a_capture, a_hit, a_read
from tests.integration.retention.holding import place, release
from tests.integration.retention.purging import DUE, NOON, propose, purge

PLATES = {"1OLD001": DUE - timedelta(days=40), "1OLD002": DUE - timedelta(days=38)}
"""When each vehicle was seen first. A column with one value has no sample."""


@pytest.fixture
async def vehicles(retention):
    """Two vehicles' whole data, past the schedule: a frame each, two reads of it, their pass, and a hit."""
    reads = []
    for plate, seen_at in PLATES.items():
        capture = a_capture(seen_at)
        image = capture.capture.image.object_key
        await retention.objects.put(image, JPEG)
        frame = {"capture_id": capture.capture.capture_id, "image_key": image}
        both = [a_read(plate, seen_at + timedelta(seconds=n), **frame) for n in range(2)]
        await retention.store(capture, *both, a_hit(both[0], hit_id=uuid4()))
        reads += both
    return reads


@pytest.fixture
def traces(vehicles):
    """How samples would show them."""
    days = {f"{read.captured_at:%Y-%m-%d}" for read in vehicles}
    folders = {day.replace("-", "/") for day in days}
    ids = {str(one) for read in vehicles for one in (read.read_id, read.capture_id)}
    return ids | days | folders | set(PLATES) | {str(plate_number(plate)) for plate in PLATES}


@pytest.fixture
def analysed_after_each_commit(retention, as_owner, monkeypatch):
    """Have Postgres take samples whenever the service has committed, as autovacuum may."""
    db, begin = retention.runtime.db, retention.runtime.db.begin

    @asynccontextmanager
    async def analysed():
        async with begin() as connection:
            yield connection
        async with as_owner("retention") as connection:
            await connection.execute(text("ANALYZE"))

    monkeypatch.setattr(db, "begin", analysed)


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_of_everything_leaves_nothing_in_the_planners_statistics(
    retention, vehicles, traces, sampled, analysed_after_each_commit
):
    retention.clock.advance(seconds=11)
    await retention.running.passes.work()
    found = await sampled("retention", anew=True)
    assert {"1OLD001", str(plate_number("1OLD001")), str(vehicles[0].read_id)} <= {
        t for t in traces if t in found
    }
    await purge(retention)
    await retention.runtime.relay.drain()
    for table in ("reads", "captures", "plates", "passes", "pass_reads", "hits", "device_days"):
        assert await retention.fetch(f"SELECT 1 FROM {table}") == [], table
    found = await sampled("retention")
    assert {trace for trace in traces if trace in found} == set()


BRIEFLY = {
    "doomed_objects": "(object_key, run_id) SELECT 'marked/' || n, run_id FROM purge_runs",
    "open_passes": "SELECT id, id, moment, moment, 2, ARRAY[1999000 + n], id, moment",
    "outbox": "(topic, key, headers, value) SELECT '', raw, jsonb_build_object('id', id), raw",
    "purge_slices": "(run_id, captured_from, captured_to) SELECT run_id, moment, moment FROM purge_runs",
    "slice_digests": "SELECT slice_id, 0, n, raw FROM slice",
    "slice_objects": "SELECT slice_id, n, ARRAY['marked/' || n] FROM slice",
    "swept_days": "SELECT 'marked/' || n, now()",
}
"""Rows that are stored for so short a time that autovacuum seldom meets them, each with marks."""

MARKED = """
    WITH slice AS (
        INSERT INTO purge_slices (run_id) SELECT run_id FROM purge_runs RETURNING slice_id
    ), marked AS (
        SELECT n, moment, id, uuid_send(id) AS raw FROM (
            SELECT n, timestamptz '1999-01-01' + n * interval '1 day' AS moment,
                CAST(lpad(to_hex(n), 32, 'dead') AS uuid) AS id
            FROM generate_series(1, 3) n
        ) numbered
    )
    INSERT INTO
"""


@pytest.mark.clause("468.5/schedule")
@pytest.mark.parametrize("table", BRIEFLY)
async def test_no_samples_are_taken_of_what_is_stored_briefly(retention, as_owner, sampled, table):
    await propose(retention)
    rows = BRIEFLY[table]
    rows += ", marked" if " FROM " in rows else " FROM marked"
    async with as_owner("retention") as connection:
        stored = await connection.execute(text(f"{MARKED} {table} {rows}"))
        assert stored.rowcount == 3
    found = await sampled("retention", anew=True)
    assert f"'{table}'" in found, "other columns are sampled"
    for mark in ("dead", "1999", "marked/"):
        assert mark not in found


@pytest.mark.clause("468.5/schedule")
async def test_an_upgrade_deletes_the_samples_that_were_taken_before(as_owner, retention, sampled):
    columns = {"object_key": "text"}
    await propose(retention)
    async with as_owner("retention") as connection:
        await connection.execute(text(sample_again("doomed_objects", columns)))
        rows = f"{BRIEFLY['doomed_objects']}, marked"
        await connection.execute(text(f"{MARKED} doomed_objects {rows}"))
    assert "marked/" in await sampled("retention", anew=True)
    async with as_owner("retention") as connection:
        await connection.execute(text(never_sample("doomed_objects", columns)))
    assert "marked/" not in await sampled("retention", anew=True)


@pytest.mark.clause("468.5/holds")
async def test_held_records_leave_the_planners_statistics_with_the_purge_after_their_release(
    retention, vehicles, traces, sampled
):
    await retention.store(a_read("2NEW001", NOON), a_read("2NEW002", NOON))
    hold = await place(retention, plate="1OLD00*")
    await purge(retention)
    found = await sampled("retention", anew=True)
    assert {"1OLD001", str(vehicles[0].read_id)} <= {trace for trace in traces if trace in found}
    await release(retention, hold)
    await purge(retention)
    assert await retention.fetch("SELECT 1 FROM held_reads") == []
    found = await sampled("retention")
    assert {trace for trace in traces if trace in found} == set()
    assert "2NEW001" in found
