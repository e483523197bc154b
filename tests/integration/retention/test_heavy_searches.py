"""Wide searches: they wait for one another, are refused if they compare too much, and otherwise end page by page."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from services.retention.actions import heavy_searches
from services.retention.domain import search_cost
from services.retention.domain.criteria import Criteria
from services.retention.store import search as search_module
from services.retention.store import search_plan
from shared.core.errors import Unavailable
from shared.core.periodic import cancelled
from shared.events import AccessAttempted, RecordsDisclosed
from shared.testing import eventually
from tests.integration.retention.conftest import DEVICE, a_read, started

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
READS = 600
WIDE = {"plate": "7A*", "device_ids": [str(DEVICE)]}
"""A pattern of many plates, at a device with many reads."""


@pytest.fixture
async def filled(retention, as_owner):
    """Retention with reads of as many plates, one an hour, and statistics of them."""
    plates = [f"7{'AB'[n % 2]}{n:04}" for n in range(READS)]
    await retention.store(
        *(a_read(plate, NOON - timedelta(hours=n)) for n, plate in enumerate(plates))
    )
    async with as_owner("retention") as connection:
        await connection.execute(text("ANALYZE reads, plates, devices"))
    return retention


@asynccontextmanager
async def plates_locked(retention):
    """Make every search by a part of a plate wait for the table of plates, until the end."""
    async with retention.runtime.db.begin() as connection:
        await connection.execute(text("LOCK TABLE plates IN ACCESS EXCLUSIVE MODE"))
        yield


async def ask(retention, **body):
    window = {"captured_from": (NOON - timedelta(days=30)).isoformat()}
    window["captured_to"] = (NOON + timedelta(hours=1)).isoformat()
    headers = retention.authority.headers()
    return await retention.client.post("/v1/reads/search", json={**window, **body}, headers=headers)


@pytest.mark.clause("468.4(c)/light-searches")
async def test_heavy_searches_queue_leave_connections_to_others_and_are_limited(
    filled,
):
    at_once, most = filled.running.settings.retention_heavy_searches, heavy_searches.MOST_WAITING
    async with asyncio.TaskGroup() as asking, plates_locked(filled):
        asked = [asking.create_task(ask(filled, plate="7A*")) for _ in range(at_once + most + 9)]
        await eventually(lambda: [task.done() for task in asked].count(True) == 9, within_s=30)
        exact = await ask(filled, plate="7A0000")
        assert (exact.status_code, len(exact.json()["items"])) == (200, 1)
    answers = [task.result() for task in asked]
    assert sorted({answer.status_code for answer in answers}) == [200, 503]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 9
    for answer in refused:
        assert answer.json()["code"] == "searches_busy"
        assert int(answer.headers["Retry-After"]) >= 1
    assert (await ask(filled, plate="7A*")).status_code == 200


async def test_a_process_runs_no_more_heavy_searches_than_it_has_connections(
    settings, bus, objects, clock, authority, policy
):
    """A further one would wait for a connection, for which light searches and storing wait, too."""
    few = settings.model_copy(update={"database_pool_size": 3})
    running = heavy_searches.RUNNING._value.get  # of this process, whatever tests ran before
    parts = (few, bus, objects, clock, authority, policy)
    async with started(*parts, retention_heavy_searches=50) as service:
        turn, before = service.running.search.heavy.turn, running()

        async def search():
            async with turn():
                await asyncio.sleep(60)

        waiting = [asyncio.create_task(search()) for _ in range(5)]
        try:
            await eventually(lambda: running() > before)
            await asyncio.sleep(0)
            assert running() - before == 3
        finally:
            for task in waiting:
                await cancelled(task)


@pytest.mark.clause("468.4(c)/light-searches")
async def test_pieces_of_exports_queue_with_heavy_searches(filled):
    body = {"plate": "7A*", "format": "ndjson", "captured_to": NOON.isoformat()}
    body["captured_from"] = (NOON - timedelta(days=30)).isoformat()
    turns = filled.running.search.heavy
    async with asyncio.TaskGroup() as asking, turns.turn(), turns.turn():
        headers = filled.authority.headers()
        sent = filled.client.post("/v1/reads/export", json=body, headers=headers)
        exporting = asking.create_task(sent)
        _, pending = await asyncio.wait([exporting], timeout=0.5)
        assert pending
        assert not await filled.emitted(RecordsDisclosed)
    assert exporting.result().status_code == 200


@pytest.mark.clause("468.4(c)/too-wide")
async def test_a_search_that_compares_too_much_is_refused_before_it_reads_any(filled, monkeypatch):
    monkeypatch.setattr(search_cost, "MOST_COMPARED", 100)
    monkeypatch.setattr(search_plan, "MOST_PLATES", 20)
    problem = await filled.search(422, **WIDE)
    assert (problem["code"], problem["field"]) == ("search_too_wide", "plate")
    params = problem["params"]
    assert params["narrow_by"] == ["known_characters", "captured_from", "device_ids"]
    assert (params["known_characters"], params["days"], params["most_reads"]) == (2, 30.0, 100)
    assert 100 < params["reads"] <= READS
    rare = {"device_ids": WIDE["device_ids"], "region": "US-NV"}
    await filled.search(422, **rare)
    assert await filled.emitted(RecordsDisclosed) == []
    assert [attempt.allowed for attempt in await filled.emitted(AccessAttempted)] == [True] * 2
    # What narrows it does: a shorter window, or more characters.
    day = (NOON - timedelta(days=1)).isoformat()
    assert len(await filled.plates(**WIDE, captured_from=day)) == 13
    assert len(await filled.plates(**WIDE | {"plate": "7A000*"})) == 5
    assert len(await filled.plates(**WIDE, limit=20)) == 20


@pytest.mark.parametrize(
    ("plate", "at_plates"),
    [("7A00??", True), ("7?0012", True), ("7A*", False), ("*A0*", False), ("*2", True)],
)
async def test_a_search_starts_where_it_is_expected_to_compare_least(
    filled, monkeypatch, plate, at_plates
):
    monkeypatch.setattr(search_plan, "_SOME_PLATES", 20)
    monkeypatch.setattr(search_plan, "_LEAST_ESTIMATED", READS - 50)
    criteria = Criteria(
        plate=plate, captured_from=NOON - timedelta(days=30), captured_to=NOON + timedelta(hours=1)
    )
    async with filled.runtime.db.begin() as connection:
        plan = await search_plan.SearchPlans(connection).of(criteria, wanted=101)
    assert plan.starts.are_plates is at_plates
    least = search_cost.cost_of_plates(1)
    assert least <= plan.cost <= READS
    if not at_plates:
        # Every second read matches: so many hours have a page, and a third more is read at once.
        assert plan.starts.first is not None
        assert plan.starts.first / timedelta(hours=2 * 101) == pytest.approx(1.5, abs=0.4)
        # What Postgres may not know yet widens nothing.
        monkeypatch.undo()
        async with filled.runtime.db.begin() as connection:
            plan = await search_plan.SearchPlans(connection).of(criteria, wanted=101)
        assert plan.starts.first == timedelta(hours=2)


@pytest.mark.clause("468.4(c)/light-searches")
async def test_a_search_that_is_cancelled_while_it_waits_leaves_its_place_to_another():
    turns = heavy_searches.HeavySearches(1, most_waiting=1)

    async def search():
        async with turns.turn():
            pass

    async with turns.turn():
        waiting = asyncio.create_task(search())
        await asyncio.sleep(0)
        await cancelled(waiting)
        following = asyncio.create_task(search())
        await asyncio.sleep(0)
        assert not following.done()
        with pytest.raises(Unavailable):
            await search()
    await following


@pytest.mark.clause("468.4(c)/too-wide")
async def test_a_page_ends_at_its_time_limit_and_the_next_page_continues(filled, monkeypatch):
    monkeypatch.setattr(search_module, "PAGE_S", 0)
    monkeypatch.setattr(search_plan, "MOST_PLATES", 0)
    monkeypatch.setattr(search_plan, "_DEVICES_FIRST", timedelta(days=4))
    found, pages, after = [], [], None
    while not pages or after is not None:
        page = await filled.search(plate="7A05?0*", limit=4, after=after)
        pages.append((len(page["items"]), page["searched_from"] is not None))
        found += [read["plate"] for read in page["items"]]
        after = page["next"]
    assert found == [f"7A{n:04}" for n in range(500, READS, 10)]
    assert (4, False) in pages
    assert (0, True) in pages
    assert pages[-1][1] is False


async def test_an_export_continues_after_pages_that_ended_at_their_time_limit(filled, monkeypatch):
    monkeypatch.setattr(search_module, "PAGE_S", 0)
    monkeypatch.setattr(search_plan, "MOST_PLATES", 0)
    body = {"plate": "7A*", "format": "ndjson", "captured_to": (NOON + timedelta(1)).isoformat()}
    body["captured_from"] = (NOON - timedelta(days=4)).isoformat()
    headers = filled.authority.headers()
    answer = await filled.client.post("/v1/reads/export", json=body, headers=headers)
    _, *reads, end = map(json.loads, answer.text.splitlines())
    assert end == {"end": {"complete": True, "records": 49}}
    assert len(reads) == 49
