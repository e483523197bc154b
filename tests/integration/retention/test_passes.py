"""Reads of one vehicle voted into one pass: once, from the rows in Postgres, in any order of arrival."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.retention.domain.passes import pass_id_of
from services.retention.domain.voting import vote
from services.retention.store import locks, pass_queue
from services.retention.store.locks import Locks
from services.retention.workers import passes
from shared.core.ids import derive_with_time_of, id_digest
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    Alternative,
    Box,
    Character,
    PassesRecorded,
    Place,
    RecordsDisclosed,
)
from tests.integration.retention.conftest import DEVICE, SOLANO, a_read, started

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OTHER_ORI = "CA0520000"


def seen(plate, seconds=0.0, *, sure=0.98, x_px=500, **changes):
    """Return a read out of a frame, with its place in it."""
    at = changes.pop("start", NOON) + timedelta(seconds=seconds)
    return a_read(
        plate,
        at,
        source="recognition",
        confidence=sure,
        characters=[Character(text, sure) for text in plate],
        box=Box(x_px, 300, 120, 40),
        crop_key=f"crops/{plate}-{seconds}.jpg",
        **changes,
    )


VEHICLE = [
    seen("7ABC123", 0.0, region="US-CA", misread_risk=0.05),
    seen("7A8C123", 0.2, x_px=510, sure=0.9),
    seen("7ABC123", 0.4, x_px=520, sure=0.99, region="US-CA", misread_risk=0.02),
]


async def settle(retention, seconds=11):
    retention.clock.advance(seconds=seconds)
    await retention.running.passes.work()


async def left_due(retention):
    return len(await retention.fetch("SELECT due_id FROM pass_due"))


async def members(retention):
    """Return the read ids of each pass."""
    rows = await retention.fetch("SELECT pass_id, read_id FROM pass_reads")
    found = {}
    for pass_id, read_id in rows:
        found.setdefault(pass_id, set()).add(read_id)
    return found


def ids(reads):
    return {read.read_id for read in reads}


async def test_reads_of_one_vehicle_become_one_pass_with_its_dissent(retention):
    await retention.store(*VEHICLE)
    await settle(retention)
    [event] = await retention.passes()
    assert event.plate == "7ABC123"
    assert event.read_ids == [read.read_id for read in VEHICLE]
    assert event.outvoted_read_ids == [VEHICLE[1].read_id]
    assert event.best_read_id == VEHICLE[2].read_id
    assert event.crop_key == VEHICLE[2].crop_key
    assert (event.first_seen_at, event.last_seen_at) == (
        VEHICLE[0].captured_at,
        VEHICLE[2].captured_at,
    )
    [told] = await retention.emitted(PassesRecorded)
    assert (told.device_id, told.device_name) == (DEVICE, "Solano St at Third")
    assert event.region == "US-CA"
    assert [(one.plate, one.reads) for one in event.alternatives] == [("7A8C123", 1)]
    [dissent] = event.dissent
    assert dissent.place == 2
    assert list(dissent.others) == ["8"]
    assert event.characters[2].confidence == event.confidence < event.characters[0].confidence
    assert event.misread_risk > 0.3
    assert await left_due(retention) == 0


async def test_a_pass_is_published_only_after_it_has_settled_and_only_once(retention):
    await retention.store(*VEHICLE)
    await settle(retention, 9)
    assert await retention.passes() == []
    await settle(retention, 2)
    await settle(retention)
    await retention.store(*VEHICLE)  # Kafka delivers again
    await settle(retention)
    assert len(await retention.passes()) == 1
    assert list((await members(retention)).values()) == [ids(VEHICLE)]
    assert await left_due(retention) == 0


async def test_a_single_read_forms_no_pass(retention):
    await retention.store(a_read("7ABC123", NOON), a_read("8XYZ987", NOON))
    await settle(retention)
    assert await retention.passes() == []
    assert await left_due(retention) == 0
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert (found["pass_id"], found["pass_agrees"]) == (None, None)


async def test_reads_that_a_camera_made_itself_are_voted_on_too(retention):
    await retention.store(
        a_read("7ABC123", NOON, confidence=0.9),
        a_read("7A8C123", NOON + timedelta(seconds=1), confidence=0.6),
        a_read("7ABC124", NOON + timedelta(seconds=2), confidence=0.9),
        a_read("7ABC123", NOON, confidence=0.9, device_id=UUID(int=7)),
    )
    await settle(retention)
    [event] = await retention.passes()
    assert (event.plate, len(event.read_ids)) == ("7ABC123", 2)


@pytest.mark.parametrize("seed", range(5))
async def test_passes_do_not_depend_on_the_order_in_which_reads_arrive(retention, seed):
    """In any order and any batches, with turns of work between, as long as none comes too late."""
    rnd = random.Random(seed)
    cars = [
        [seen(plate, car * 2 + n / 5, x_px=300 + 20 * n) for n in range(6)]
        for car, plate in enumerate(("7ABC123", "7ABC124", "8XYZ987", "7ABC123"))
    ]
    reads = [read for car in cars for read in car]
    rnd.shuffle(reads)
    while reads:
        await retention.store(*[reads.pop() for _ in range(min(len(reads), rnd.randint(1, 6)))])
        await settle(retention, rnd.choice([0, 1]))
    await settle(retention)
    found = await members(retention)
    # The first and the last car read the same, but the gap lies between them.
    assert sorted(map(sorted, found.values())) == sorted(sorted(ids(car)) for car in cars)
    assert {event.pass_id for event in await retention.passes()} == set(found)


async def test_a_pass_is_published_once_all_its_reads_have_settled(retention):
    await retention.store(*VEHICLE[:2])
    retention.clock.advance(seconds=9)
    await retention.store(VEHICLE[2])
    await settle(retention, 2)
    assert await retention.passes() == []
    assert await left_due(retention) == 1
    await settle(retention)
    [event] = await retention.passes()
    assert len(event.read_ids) == 3


async def test_a_busy_camera_publishes_passes_while_further_reads_arrive(retention):
    """Its reads never all settle: those a gap behind the newest are decided all the same."""
    for n in range(6):
        car = f"7ABC12{n}"
        at = NOON + timedelta(seconds=8 * n)
        await retention.store(*[seen(car, i / 5, start=at) for i in range(3)])
        await settle(retention, 8)
    assert [event.plate for event in await retention.passes()] == [f"7ABC12{n}" for n in range(5)]


async def open_passes(retention):
    """Return how many reads each pass has that is not voted on yet."""
    rows = await retention.fetch("SELECT reads FROM open_passes ORDER BY reads")
    return [reads for (reads,) in rows]


async def stay_in_sight(retention, turns):
    """Store the reads of a vehicle that stays while another one passes each turn; return the reads of the first."""
    staying = []
    for turn in range(turns):
        at = NOON + timedelta(seconds=8 * turn)
        stays = [seen("7ABC123", 2 * n, start=at) for n in range(4)]
        await retention.store(
            *stays, *[seen(f"8XYZ98{turn}", 3 + n / 5, start=at, x_px=2500) for n in range(2)]
        )
        await settle(retention, 8)
        staying += stays
    return staying


async def test_a_vehicle_that_stays_in_sight_is_one_pass_and_holds_back_no_other(retention):
    staying = await stay_in_sight(retention, 5)
    others = [event.plate for event in await retention.passes()]
    assert others == [f"8XYZ98{turn}" for turn in range(4)]
    assert await open_passes(retention) == [16]
    assert await left_due(retention) == 1, "only what has not settled"
    found = (await retention.search(plate="7ABC123"))["items"]
    assert {one["pass_id"] for one in found} == {None}
    await settle(retention)
    [event] = [e for e in await retention.passes() if e.plate == "7ABC123"]
    assert event.read_ids == [read.read_id for read in staying]
    assert (await open_passes(retention), await left_due(retention)) == ([], 0)
    found = (await retention.search(plate="7ABC123"))["items"]
    assert {one["pass_id"] for one in found} == {str(event.pass_id)}


async def test_a_service_that_starts_anew_goes_on_with_a_pass_that_is_open(
    settings, bus, objects, clock, authority, policy
):
    parts = (settings, bus, objects, clock, authority, policy)
    async with started(*parts) as first:
        staying = await stay_in_sight(first, 3)
        assert await open_passes(first) == [8]
    async with started(*parts) as second:
        await settle(second)
        [event] = [e for e in await second.passes() if e.plate == "7ABC123"]
    assert event.read_ids == [read.read_id for read in staying]


async def test_a_late_read_joins_an_open_pass_and_counts_in_its_vote(retention):
    staying = await stay_in_sight(retention, 3)
    late = seen("7ABC123", 1.5)
    await retention.store(late)
    await settle(retention, 11)
    [event] = [e for e in await retention.passes() if e.plate == "7ABC123"]
    assert event.read_ids == [staying[0].read_id, late.read_id, *(r.read_id for r in staying[1:])]
    assert await retention.fetch("SELECT read_id FROM pass_reads WHERE late") == []


async def test_a_single_read_joins_reads_that_arrive_much_later(retention):
    """The service that reads frames was down in between: the single read is not announced until then."""
    await retention.store(VEHICLE[0])
    await settle(retention, 60)
    await retention.store(*VEHICLE[1:])
    await settle(retention)
    [event] = await retention.passes()
    assert set(event.read_ids) == ids(VEHICLE)


async def test_a_read_after_its_published_pass_is_added_as_late_without_a_new_event(
    retention,
):
    await retention.store(*VEHICLE[:2])
    await settle(retention)
    [event] = await retention.passes()
    late = seen("7ABC123", 0.6, x_px=530)
    await retention.store(late)
    await settle(retention)
    assert await retention.passes() == [event]
    found = (await retention.get(f"/v1/passes/{event.pass_id}")).json()
    assert found["late_read_ids"] == [str(late.read_id)]
    assert len(found["reads"]) == 3
    assert found["last_seen_at"] == "2026-06-01T12:00:00.200000Z"


@pytest.mark.parametrize(
    "place", [None, Place(39.9277, -122.1792), Place(0.0, -122.1792, 0.0)], ids=str
)
async def test_a_pass_has_the_place_and_the_picture_of_its_best_read(retention, place):
    """Also a place without a heading, none at all, and one on the equator."""
    best = seen("7ABC123", 0.2, sure=0.99, place=place)
    other = a_read("7ABC123", NOON, confidence=0.5, region="US-NV")
    await retention.store(best, other)
    await settle(retention)
    [event] = await retention.passes()
    assert (event.best_read_id, event.place, event.crop_key) == (best.read_id, place, best.crop_key)
    assert (event.region, event.misread_risk) == ("US-NV", None)


@pytest.mark.clause("468.5/passes-in-sets")
async def test_a_late_read_of_another_plate_in_the_place_of_the_vehicle_joins_its_closed_pass(
    retention,
):
    await retention.store(*[seen("7ABC123", n / 10, x_px=500 + 5 * n) for n in (0, 1, 3)])
    await settle(retention)
    [event] = await retention.passes()
    late = seen("7A3C123", 0.2, x_px=510)
    await retention.store(late)
    await settle(retention)
    assert await retention.fetch("SELECT read_id, pass_id FROM pass_reads WHERE late") == [
        (late.read_id, event.pass_id)
    ]


async def test_a_crash_before_the_vote_is_stored_loses_and_duplicates_no_pass(
    retention, monkeypatch
):
    await retention.store(*VEHICLE)

    def killed(_):
        raise RuntimeError("killed")

    monkeypatch.setattr(passes, "vote", killed)
    with pytest.raises(RuntimeError):
        await settle(retention)
    assert await members(retention) == {}
    monkeypatch.setattr(passes, "vote", vote)
    await retention.running.passes.work()
    assert len(await retention.passes()) == 1
    assert list((await members(retention)).values()) == [ids(VEHICLE)]


async def test_a_restarted_service_publishes_the_pass_with_the_same_id(
    settings, bus, objects, clock, authority, policy
):
    parts = (settings, bus, objects, clock, authority, policy)
    async with started(*parts) as first:
        await first.store(*VEHICLE)  # and is gone before anything was decided
    async with started(*parts) as second:
        await settle(second)
        [event] = await second.passes()
    first = VEHICLE[0].read_id
    assert event.pass_id == derive_with_time_of(first, "pass", first)


async def test_concurrent_workers_publish_each_pass_once(retention):
    for n in range(12):
        device = UUID(int=100 + n)
        await retention.store(*[seen("7ABC123", i / 5, device_id=device) for i in range(3)])
    retention.clock.advance(seconds=11)
    work = retention.running.passes.work
    await asyncio.gather(work(), work(), work())
    assert len({event.device_id for event in await retention.emitted(PassesRecorded)}) == 12
    assert len(await retention.passes()) == 12


@pytest.mark.clause("468.5/passes-in-sets")
async def test_passes_of_a_device_are_one_event_that_is_cut_where_it_is_full(
    retention, monkeypatch
):
    monkeypatch.setattr(PassesRecorded, "MOST", 4)
    other = UUID(int=100)
    await retention.store(
        *[seen(f"7ABC{n:03}", 5 * n + i / 5) for n in range(6) for i in range(3)],
        *[seen("8XYZ987", i / 5, device_id=other) for i in range(3)],
        *[seen("8XYZ987", 60 + i / 5, device_id=other, agency_ori="CA0520200") for i in range(3)],
    )
    await settle(retention)
    events = await retention.emitted(PassesRecorded)
    found = [(event.device_id, event.agency_ori, len(event.passes)) for event in events]
    assert sorted(found, key=str) == sorted(
        [
            (DEVICE, "CA0520100", 4),
            (DEVICE, "CA0520100", 2),
            (other, "CA0520100", 1),
            (other, "CA0520200", 1),
        ],
        key=str,
    )
    assert len({event.event_id for event in events}) == 4
    stored = await retention.fetch("SELECT agency_ori FROM passes WHERE device_id = :d", d=other)
    assert sorted(agency for [agency] in stored) == ["CA0520100", "CA0520200"]


async def test_a_device_locked_by_another_worker_is_skipped(retention):
    await retention.store(*VEHICLE)
    async with retention.runtime.db.begin() as connection:
        await Locks(connection).exclusive(locks.PASSES, str(DEVICE))
        await settle(retention)
        assert await retention.passes() == []
    await retention.running.passes.work()
    assert len(await retention.passes()) == 1


async def test_a_flood_is_processed_in_sets_within_one_turn(retention, monkeypatch):
    monkeypatch.setattr(pass_queue, "MOST_READS", 40)
    monkeypatch.setattr(passes, "READS_AT_ONCE", 40)
    cars = [[seen(f"7ABC{n:03}", 5 * n + i / 5) for i in range(3)] for n in range(50)]
    await retention.store(*[read for car in cars for read in car])
    await settle(retention)
    assert len(await retention.passes()) == 50
    assert sorted(map(sorted, (await members(retention)).values())) == sorted(
        sorted(ids(car)) for car in cars
    )
    assert await left_due(retention) == 0


@pytest.mark.parametrize("apart_s", [0, 0.001])
async def test_a_flood_of_reads_beyond_the_batch_does_not_block_later_passes(
    retention, monkeypatch, apart_s
):
    monkeypatch.setattr(pass_queue, "MOST_READS", 20)
    flood = [a_read(f"1ABC{n:03}", NOON + timedelta(seconds=n * apart_s)) for n in range(90)]
    await retention.store(*flood, *[seen("7ABC123", 20 + i / 5) for i in range(3)])
    await settle(retention)
    for _ in range(8):
        await retention.running.passes.work()
    [event] = await retention.passes()
    assert event.plate == "7ABC123"
    assert await left_due(retention) == 0


async def test_a_search_names_the_pass_and_says_whether_it_agrees(retention):
    await retention.store(*VEHICLE)
    await settle(retention)
    [event] = await retention.passes()
    found = (await retention.search(plate="7A*"))["items"]
    assert {(r["plate"], r["pass_id"], r["pass_agrees"]) for r in found} == {
        ("7ABC123", str(event.pass_id), True),
        ("7A8C123", str(event.pass_id), False),
    }


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_pass_is_returned_with_its_reads_and_each_is_disclosed(retention):
    await retention.store(*VEHICLE)
    await settle(retention)
    [event] = await retention.passes()
    found = (await retention.get(f"/v1/passes/{event.pass_id}")).json()
    assert (found["plate"], found["agreed"]) == ("7ABC123", False)
    assert [read["plate"] for read in found["reads"]] == ["7ABC123", "7A8C123", "7ABC123"]
    assert [one["plate"] for one in found["other_readings"]] == ["7A8C123"]
    assert found["dissent"][0]["place"] == 2
    assert [one["text"] for one in found["dissent"][0]["others"]] == ["8"]
    assert found["device_name"] == "Solano St at Third"
    [attempt] = await retention.emitted(AccessAttempted)
    assert attempt.route == "/v1/passes/{pass_id}"
    disclosed = {e.record_kind: e for e in await retention.emitted(RecordsDisclosed)}
    assert disclosed["pass"].all_ids == [str(event.pass_id)]
    assert disclosed["pass"].all_plates == ["7A8C123", "7ABC123"]
    [record] = disclosed["pass"].all_records
    assert set(record.read_ids) == {str(read.read_id) for read in VEHICLE}
    assert set(disclosed["read"].all_ids) == {str(read.read_id) for read in VEHICLE}
    assert all(e.attempt_id == attempt.attempt_id for e in disclosed.values())


@pytest.mark.clause("wall/sealed-log")
async def test_the_access_record_of_a_pass_contains_the_digest_of_its_id(retention):
    """The id begins with the moment of the pass's first read, and the log keeps the record for years."""
    await retention.store(*VEHICLE)
    await settle(retention)
    [event] = await retention.passes()
    await retention.get(f"/v1/passes/{event.pass_id}")
    [attempt] = await retention.emitted(AccessAttempted)
    assert attempt.elements == {"pass_id": str(id_digest(event.pass_id))}


@pytest.mark.clause("468.4(a)/purpose")
async def test_a_pass_is_hidden_without_the_permission_the_purpose_or_the_agency(
    retention,
):
    await retention.store(*VEHICLE)
    await settle(retention)
    [event] = await retention.passes()
    path = f"/v1/passes/{event.pass_id}"
    for headers in (
        retention.authority.headers(Permission.HIT_READ),
        retention.authority.headers(purpose=False),
    ):
        assert (await retention.client.get(path, headers=headers)).status_code == 403
    await retention.get(path, 404, ori=OTHER_ORI)
    await retention.get(f"/v1/passes/{uuid4()}", 404)
    assert await retention.emitted(RecordsDisclosed) == []


async def test_a_purpose_narrowed_to_a_plate_hides_other_plates_of_a_pass(retention):
    await retention.store(*VEHICLE)
    await settle(retention)
    [event] = await retention.passes()

    async def get(**scope):
        headers = retention.authority.headers()
        headers["X-ALPR-Purpose"] = retention.authority.purpose_token(scope=scope)
        return await retention.client.get(f"/v1/passes/{event.pass_id}", headers=headers)

    answer = await get(plate="7ABC123")
    found = answer.json()
    assert [read["plate"] for read in found["reads"]] == ["7ABC123", "7ABC123"]
    assert (found["agreed"], found["readings_withheld"]) == (False, 1)
    assert "7A8C123" not in answer.text
    assert found["dissent"] == []
    for e in await retention.emitted(RecordsDisclosed):
        assert "7A8C123" not in e.all_plates
    before = (NOON - timedelta(hours=1)).isoformat()
    within = (NOON + timedelta(seconds=0.1)).isoformat()
    elsewhere = {"latitude": SOLANO.latitude + 1, "longitude": SOLANO.longitude, "radius_m": 400}
    for scope in (
        {"plate": "7A8C123"},
        {"captured_to": before},
        {"captured_from": within},  # the pass was voted on by a read from before it, too
        {"device_ids": [str(uuid4())]},
        {"area": elsewhere},
    ):
        assert (await get(**scope)).status_code == 404, scope
    assert len((await get(captured_to=within)).json()["reads"]) == 1
    there = {**elsewhere, "latitude": SOLANO.latitude}
    assert len((await get(area=there)).json()["reads"]) == 3
    assert (await get(device_ids=[str(DEVICE)])).json()["readings_withheld"] == 0


async def test_the_alternatives_of_a_read_are_stored_with_it(retention):
    read = seen(
        "7ABC123",
        misread_risk=0.07,
        alternatives=[Alternative("7ABC123", 0.93), Alternative("7A8C123", 0.04)],
    )
    await retention.store(read)
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert found["misread_risk"] == 0.07
    assert [one["plate"] for one in found["alternatives"]] == ["7ABC123", "7A8C123"]


DUE = NOON - timedelta(days=400)
PROPOSER = {"account_id": "00000000-0000-4000-8000-0000000000c1", "title": "Custodian of Records"}
EXECUTOR = {"account_id": "00000000-0000-4000-8000-0000000000a2", "title": "Lieutenant"}
AUTHORISER = {"account_id": "00000000-0000-4000-8000-0000000000a1"}


async def purge(retention):
    """Purge all records past the schedule, holds apart."""
    body = {"kind": "single", "reason": "past the schedule"}
    run = await retention.post("/v1/purge-runs", body, 201, **PROPOSER)
    path = f"/v1/purge-runs/{run['run_id']}"
    await retention.post(f"{path}/authorisation", {"note": "reviewed"}, **AUTHORISER)
    await retention.post(f"{path}/execution", None, 202, **EXECUTOR)
    await retention.running.purger.work()


def as_of(start):
    return [seen("7ABC123", n / 5, start=start, region="US-CA") for n in range(3)]


@pytest.mark.clause("468.5/schedule")
@pytest.mark.parametrize(
    "start", [DUE - timedelta(hours=1), datetime(2025, 2, 10, tzinfo=UTC)], ids=["day", "month"]
)
async def test_a_pass_is_purged_with_its_reads(retention, start):
    old, new = as_of(start), as_of(NOON)
    await retention.store(*old, *new)
    await settle(retention)
    events = {event.first_seen_at: event for event in await retention.passes()}
    assert len(events) == 2
    await purge(retention)
    assert list(await members(retention)) == [events[NOON].pass_id]
    assert await retention.fetch("SELECT pass_id FROM passes") == [(events[NOON].pass_id,)]
    await retention.get(f"/v1/passes/{events[start].pass_id}", 404)


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_leaves_nothing_of_a_pass_that_was_open(retention):
    old = as_of(DUE - timedelta(hours=1))
    await retention.store(*old)
    retention.clock.advance(seconds=9)
    await retention.store(seen("7ABC123", 0.9, start=DUE - timedelta(hours=1)))
    await settle(retention, 2)
    assert await open_passes(retention) == [3]
    await purge(retention)
    assert await open_passes(retention) == []
    assert await members(retention) == {}
    await settle(retention)
    assert await retention.passes() == []


async def test_an_open_pass_of_which_a_purge_leaves_one_read_is_no_pass(retention):
    end = DUE + timedelta(seconds=11)  # of the purge, by the time of the vote
    reads = [
        seen("7ABC123", n, sure=sure, start=end)
        for n, sure in ((-1, 0.9), (-0.5, 0.9), (0.5, 0.99))
    ]
    await retention.store(*reads)
    retention.clock.advance(seconds=9)
    await retention.store(seen("8XYZ987", 1, start=end))
    await settle(retention, 2)
    assert await open_passes(retention) == [3]
    await purge(retention)
    assert await members(retention) == {pass_id_of(reads[0]): {reads[2].read_id}}
    await settle(retention)
    assert await left_due(retention) == 0
    assert await retention.passes() == []
    assert await open_passes(retention) == []


@pytest.mark.clause("468.5/holds")
async def test_a_hold_on_one_read_keeps_its_pass_until_it_is_released(retention):
    old = as_of(DUE - timedelta(hours=1))
    await retention.store(*old)
    await settle(retention)
    [event] = await retention.passes()
    body = {
        "basis": "evidence",
        "case_number": "26-1",
        "description": "as read",
        "criteria": {"read_ids": [str(old[1].read_id)]},
    }
    hold = await retention.post("/v1/holds", body, 201)
    await purge(retention)
    found = (await retention.get(f"/v1/passes/{event.pass_id}")).json()
    assert [read["read_id"] for read in found["reads"]] == [str(old[1].read_id)]
    assert found["plate"] == "7ABC123"
    path = f"/v1/holds/{hold['hold_id']}/release"
    await retention.post(path, {"reason": "case closed"}, **EXECUTOR)
    await purge(retention)
    assert await retention.fetch("SELECT pass_id FROM passes") == []
    assert await members(retention) == {}


async def test_purged_reads_form_no_pass(retention):
    await retention.store(*as_of(DUE - timedelta(hours=1)))
    await purge(retention)
    assert await left_due(retention) == 0
    await settle(retention)
    assert await retention.passes() == []
