"""Destruction: five facts, two people, holds apart, never early and never late."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.retention.domain.signing import document_holds
from services.retention.store.destroying import Destruction
from services.retention.store.runs import Runs
from services.retention.workers import destroyer, purger
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import Actor, HitDisposed, HitVerified, PurgeChanged, RecordsPurged
from shared.testing import eventually
from tests.integration.locking import locked_while
from tests.integration.retention.conftest import (
    JPEG,
    ORI,
    SOLANO,
    a_capture,
    a_hit,
    a_read,
    started,
)
from tests.integration.retention.purging import (
    AUTHORISER,
    DUE,
    EXECUTOR,
    NOON,
    PROPOSER,
    authorise,
    execute,
    left,
    listed,
    propose,
    purge,
    records,
)


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_deletes_only_records_that_are_past_the_schedule(retention):
    await retention.store(
        a_read("1OLD001", datetime(2025, 2, 10, tzinfo=UTC)),
        a_read("1OLD002", datetime(2025, 4, 2, tzinfo=UTC)),
        a_read("1OLD003", DUE - timedelta(microseconds=1)),
        a_read("2NEW001", DUE),
        a_read("2NEW002", NOON - timedelta(days=366)),
        a_read("2NEW003", NOON),
    )
    run = await purge(retention)
    assert run["state"] == "certified"
    assert run["reads"] == 3
    assert run["months_dropped"] == ["2025_02"]
    assert await left(retention) == ["2NEW001", "2NEW002", "2NEW003"]
    assert sorted(row[0] for row in await retention.fetch("SELECT plate FROM plates")) == [
        "2NEW001",
        "2NEW002",
        "2NEW003",
    ]
    tables = await retention.fetch("SELECT to_regclass('reads_2025_02')")
    assert tables[0][0] is None
    [purged] = await retention.emitted(RecordsPurged)
    assert (purged.reads, purged.before, purged.kept_under_hold) == (3, DUE, 0)
    changes = [event.change for event in await retention.emitted(PurgeChanged)]
    assert changes == ["proposed", "authorised", "executed", "certified"]


@pytest.mark.clause("468.5/schedule")
async def test_objects_are_deleted_after_the_commit_and_retried(retention, monkeypatch, caplog):
    old, new = a_capture(DUE - timedelta(days=1)), a_capture(NOON)
    for event in (old, new):
        await retention.objects.put(event.capture.image.object_key, JPEG)
    await retention.objects.put("crops/1", b"crop")
    read = a_read(
        "1OLD001",
        DUE - timedelta(days=1),
        capture_id=old.capture.capture_id,
        crop_key="crops/1",
        image_key=old.capture.image.object_key,
    )
    await retention.store(old, new, read)

    async def refuse(key):
        raise Unavailable(Common.OBJECT_STORE_AWAY)

    with monkeypatch.context() as patched:
        patched.setattr(retention.objects, "delete", refuse)
        run = await purge(retention)
    assert (run["state"], run["reads"], run["captures"], run["objects"]) == ("executed", 1, 1, 2)
    assert len(retention.stored_keys) == 3
    assert "2 objects could not be deleted" in caplog.text
    assert "crops/1" not in caplog.text, "a key has a camera and a day"
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert run["state"] == "certified"
    assert retention.stored_keys == [new.capture.image.object_key]
    captures = await retention.fetch("SELECT capture_id FROM captures")
    assert [row[0] for row in captures] == [new.capture.capture_id]


def at(run, name):
    """Return a time of a run as a certificate writes it."""
    return datetime.fromisoformat(run[name]).isoformat()


async def test_the_certificate_is_signed_and_a_changed_one_does_not_verify(retention):
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    proposed = await propose(retention)
    for step in (authorise, execute):
        retention.clock.advance(minutes=1)
        await step(retention, proposed)
    retention.clock.advance(minutes=1)
    await retention.running.purger.work()
    path = f"/v1/purge-runs/{proposed['run_id']}"
    run = (await retention.get(path)).json()
    certificate = (await retention.get(f"{path}/certificate")).json()
    times = [certificate[name]["at"] for name in ("proposed", "authorised", "executed")]
    assert times == [at(run, "proposed_at"), at(run, "decided_at"), at(run, "executed_at")]
    assert len({*times, at(run, "started_at")}) == 4
    assert certificate["captured_before"] == at(run, "before")
    assert certificate["under_standing_leave"] is None
    pem = (await retention.client.get("/v1/signing-key")).json()["public_pem"]
    key = load_pem_public_key(pem.encode())
    assert certificate["destroyed"]["reads"] == 1
    assert certificate["proposed"]["name"] == "C. Records"
    assert certificate["authorised"]["name"] == "Sgt. A"
    assert certificate["basis"]["resolution_id"] == "Corning City Council Resolution 2026-011"
    assert document_holds(certificate, key)
    certificate["destroyed"]["reads"] = 2
    assert not document_holds(certificate, key)


@pytest.mark.clause("468.5/floor")
@pytest.mark.clause("468.3.1(f)/five-facts")
@pytest.mark.parametrize("days", [0, 1, 364, 364.999, -10])
async def test_a_record_under_the_floor_is_never_destroyed(retention, days):
    before = (NOON - timedelta(days=days)).isoformat()
    problem = await propose(retention, 422, before=before)
    assert problem["field"] == "before"
    assert "365" in problem["detail"]
    assert problem["params"]["missing"] == ["age"]


@pytest.mark.clause("468.5/floor")
async def test_a_run_that_was_begun_by_a_clock_ahead_destroys_no_record_before_its_time(retention):
    retention.clock.advance(days=50)
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    retention.clock.advance(days=-50)
    await retention.store(
        a_read("1OLD001", DUE - timedelta(days=1)), a_read("2NEW001", DUE + timedelta(days=49))
    )
    await retention.running.purger.work()
    assert await left(retention) == ["1OLD001", "2NEW001"]
    retention.clock.advance(days=50)
    await retention.running.purger.work()
    assert await left(retention) == []


@pytest.mark.clause("468.5/floor")
async def test_a_record_between_floor_and_schedule_is_not_destroyed_either(retention):
    problem = await propose(retention, 422, before=(NOON - timedelta(days=380)).isoformat())
    assert problem["params"]["missing"] == ["schedule_in_force"]


LACKING = {
    "no schedule": ({"schedule_id": " "}, "schedule_in_force"),
    "schedule not yet in force": (
        {"schedule_in_force_from": date(2026, 6, 2)},
        "schedule_in_force",
    ),
    "no resolution": ({"resolution_id": " "}, "resolution"),
    "no consent of the attorney": ({"attorney_consent_id": " "}, "attorney_consent"),
}


@pytest.mark.clause("468.3.1(f)/five-facts")
@pytest.mark.parametrize(("change", "missing"), LACKING.values(), ids=LACKING)
async def test_a_purge_without_a_required_fact_is_neither_proposed_nor_executed(
    settings, bus, objects, clock, authority, policy, change, missing
):
    """Each fact is missing from the start, and again after a complete authorisation."""
    lacking = msgspec.structs.replace(
        policy, retention=msgspec.structs.replace(policy.retention, **change)
    )
    parts = (settings, bus, objects, clock, authority)
    async with started(*parts, policy) as whole:
        await whole.store(a_read("1OLD001", DUE - timedelta(days=1)))
        waiting = await propose(whole)
        authorised = await propose(whole)
        await authorise(whole, authorised)
        begun = await propose(whole)
        await authorise(whole, begun)
        await execute(whole, begun)
        standing = await propose(whole, kind="standing")
        await authorise(whole, standing)
    async with started(*parts, lacking) as without:
        assert missing in (await propose(without, 409))["params"]["missing"]
        await authorise(without, waiting, 409)
        await execute(without, authorised, 409)
        await without.running.purger.work()  # both the run in hand and the daily one stay undone
        assert await left(without) == ["1OLD001"]
        assert refused() == 1
        schedule = (await without.get("/v1/schedule")).json()
        assert schedule["missing"] == [missing]
    async with started(*parts, policy) as whole:
        await whole.running.purger.work()
        assert await left(whole) == []
        assert refused() == 0


@pytest.mark.clause("468.3.1(f)/five-facts")
async def test_a_purge_is_authorised_and_executed_only_on_the_basis_that_was_proposed(
    settings, bus, objects, clock, authority, policy
):
    parts = (settings, bus, objects, clock, authority)
    async with started(*parts, policy) as before:
        proposed, authorised = await propose(before), await propose(before)
        await authorise(before, authorised)
    retention = msgspec.structs.replace(policy.retention, resolution_id="Resolution 2026-099")
    async with started(*parts, msgspec.structs.replace(policy, retention=retention)) as after:
        for problem in (
            await authorise(after, proposed, 409),
            await execute(after, authorised, 409),
        ):
            assert problem["code"] == "purge_basis_changed"


@pytest.mark.clause("468.3.1(f)/five-facts")
async def test_a_schedule_that_a_clock_ahead_took_for_in_force_authorises_nothing(
    settings, bus, objects, clock, authority, policy
):
    """The basis is the proposed one, and the fact is missing all the same."""
    of_tomorrow = msgspec.structs.replace(
        policy.retention, schedule_in_force_from=(NOON + timedelta(days=1)).date()
    )
    parts = (settings, bus, objects, clock, authority)
    async with started(*parts, msgspec.structs.replace(policy, retention=of_tomorrow)) as early:
        clock.advance(days=1)
        waiting, authorised = await propose(early), await propose(early)
        await authorise(early, authorised)
        clock.advance(days=-1)
        for problem in (
            await authorise(early, waiting, 409),
            await execute(early, authorised, 409),
        ):
            assert problem["params"]["missing"] == ["schedule_in_force"]
        clock.advance(days=1)
        await authorise(early, waiting)


@pytest.mark.clause("468.3.1(f)/steps")
async def test_each_step_of_a_purge_is_an_event_of_the_person_who_took_it(retention):
    def step(run, name):
        note = {"note": "litigation expected"}
        return retention.post(f"/v1/purge-runs/{run['run_id']}/{name}", note, **AUTHORISER)

    for end in ("refusal", "withdrawal"):
        run = await propose(retention)
        if end == "withdrawal":
            await authorise(retention, run)
        ended = await step(run, end)
        assert (ended["proposed_by"]["name"], ended["decided_by"]["name"]) == (
            "C. Records",
            "Sgt. A",
        )
    run = await purge(retention)
    told = [
        (event.change, event.actor.name, event.details.get("withdrawn"))
        for event in await retention.emitted(PurgeChanged)
    ]
    why = {
        (event.change, event.details.get("reason"), event.details.get("note"))
        for event in await retention.emitted(PurgeChanged)
        if event.change not in ("executed", "certified")
    }
    assert why == {
        ("proposed", "past the schedule", None),
        ("authorised", None, "reviewed"),
        ("refused", None, "litigation expected"),
    }
    assert told == [
        ("proposed", "C. Records", None),
        ("refused", "Sgt. A", None),
        ("proposed", "C. Records", None),
        ("authorised", "Sgt. A", None),
        ("refused", "Sgt. A", True),
        ("proposed", "C. Records", None),
        ("authorised", "Sgt. A", None),
        ("executed", "Lt. B", None),
        ("certified", "Lt. B", None),
    ]
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    people = [certificate[name]["name"] for name in ("proposed", "authorised", "executed")]
    assert people == ["C. Records", "Sgt. A", "Lt. B"]


@pytest.mark.clause("468.3.1(f)/steps")
@pytest.mark.parametrize("step", ["authorisation", "execution"])
async def test_a_step_of_a_purge_that_two_people_take_at_once_is_taken_once(retention, step):
    run = await propose(retention)
    if step == "execution":
        await authorise(retention, run)
    people = [AUTHORISER, {**AUTHORISER, "account_id": str(uuid4())}]
    if step == "execution":
        people = [EXECUTOR, {**EXECUTOR, "account_id": str(uuid4())}]
    path = f"/v1/purge-runs/{run['run_id']}/{step}"
    answers = await locked_while(
        retention.runtime.db,
        f"SELECT FROM purge_runs WHERE run_id = '{run['run_id']}' FOR UPDATE",
        *(
            retention.client.post(
                path, json={"note": "reviewed"}, headers=retention.authority.headers(**who)
            )
            for who in people
        ),
    )
    assert [answer.is_success for answer in answers] == [True, False]
    assert answers[1].json()["code"] == "purge_state_forbids"


def refused():
    return REGISTRY.get_sample_value("alpr_purge_refused")


@pytest.mark.parametrize("kind", ["single", "standing"])
async def test_a_purge_that_may_not_run_is_a_metric_until_it_is_withdrawn(
    settings, bus, objects, clock, authority, policy, kind
):
    parts = (settings, bus, objects, clock, authority)
    later = {"schedule_days": policy.retention.schedule_days + 1}
    async with started(*parts, policy) as before:
        run = await propose(before, kind=kind)
        await authorise(before, run)
        if kind == "single":
            await execute(before, run)
        path = f"/v1/purge-runs/{run['run_id']}/withdrawal"
    changed = msgspec.structs.replace(policy.retention, **later)
    async with started(*parts, msgspec.structs.replace(policy, retention=changed)) as after:
        for _ in range(2):
            await after.running.purger.work()
            assert refused() == 1
        await after.post(path, {"note": "the schedule has changed"}, **AUTHORISER)
        await after.running.purger.work()
        assert refused() == 0


@pytest.mark.clause("468.3.1(f)/steps")
async def test_the_proposer_cannot_authorise_a_purge_and_the_roles_are_separate(retention):
    run = await propose(retention)
    problem = await authorise(retention, run, 409, **PROPOSER)
    assert "another person" in problem["detail"]
    custodian = retention.authority.headers(
        Permission.PURGE_PROPOSE, Permission.PURGE_EXECUTE, Permission.PURGE_READ
    )
    answer = await retention.client.post(
        f"/v1/purge-runs/{run['run_id']}/authorisation", json={"note": "mine"}, headers=custodian
    )
    assert answer.status_code == 403
    administrator = retention.authority.headers(Permission.PURGE_AUTHORISE)
    for path in ("/v1/purge-runs", f"/v1/purge-runs/{run['run_id']}/execution"):
        answer = await retention.client.post(
            path, json={"kind": "single", "reason": "mine"}, headers=administrator
        )
        assert answer.status_code == 403


@pytest.mark.clause("468.3.1(f)/steps")
async def test_each_step_needs_the_one_before(retention):
    run = await propose(retention)
    await execute(retention, run, 409)
    await authorise(retention, run)
    await authorise(retention, run, 409)
    await execute(retention, run)
    await execute(retention, run, 409)
    refused = await propose(retention)
    path = f"/v1/purge-runs/{refused['run_id']}"
    await retention.post(f"{path}/refusal", {"note": "not now"}, **AUTHORISER)
    await authorise(retention, refused, 409)
    await retention.get(f"{path}/certificate", 404)
    await retention.get("/v1/purge-runs/00000000-0000-4000-8000-000000000000", 404)


@pytest.mark.clause("468.3.1(f)/steps")
@pytest.mark.clause("468.3.1(f)/steps")
@pytest.mark.parametrize("who", ["proposed", "authorised"])
async def test_a_single_run_is_carried_out_by_a_third_person(retention, who):
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    run = await propose(retention)
    await authorise(retention, run)
    person = PROPOSER if who == "proposed" else AUTHORISER
    problem = await execute(retention, run, 409, **{**person, "name": "Somebody Else"})
    assert problem["code"] == "purge_needs_third_person"
    assert f"you {who} this purge" in problem["detail"]
    await retention.running.purger.work()
    assert await left(retention) == ["1OLD001"]
    await execute(retention, run)
    await retention.running.purger.work()
    done = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    people = [done[f"{step}_by"]["person_id"] for step in ("proposed", "decided", "executed")]
    assert len(set(people)) == 3
    assert await left(retention) == []


async def test_an_authorised_run_deletes_no_record_until_it_is_executed(retention):
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    run = await propose(retention)
    await retention.running.purger.work()
    await authorise(retention, run)
    await retention.running.purger.work()
    assert await left(retention) == ["1OLD001"]


@pytest.mark.clause("468.5/schedule")
async def test_a_standing_order_runs_the_purge_once_a_day(retention):
    reads = [a_read(f"1DAY00{n}", DUE + timedelta(days=n, hours=-1)) for n in range(4)]
    await retention.store(*reads)
    await retention.running.purger.work()
    assert len(await left(retention)) == 4  # no leave
    leave = await propose(retention, kind="standing")
    await retention.running.purger.work()
    assert len(await left(retention)) == 4  # not authorised
    await authorise(retention, leave)
    await retention.running.purger.work()
    assert await left(retention) == ["1DAY001", "1DAY002", "1DAY003"]
    await retention.running.purger.work()
    retention.clock.advance(days=1)
    await retention.running.purger.work()
    assert await left(retention) == ["1DAY002", "1DAY003"]
    runs = (await retention.get("/v1/purge-runs")).json()["items"]
    daily = [run for run in runs if run["kind"] == "daily"]
    assert [(run["state"], run["reads"]) for run in daily] == [("certified", 1)] * 2
    assert all(run["standing_id"] == leave["run_id"] for run in daily)
    path = f"/v1/purge-runs/{daily[0]['run_id']}/certificate"
    certificate = (await retention.get(path)).json()
    assert certificate["under_standing_leave"] == leave["run_id"]
    schedule = (await retention.get("/v1/schedule")).json()
    assert schedule["standing"]["run_id"] == leave["run_id"]
    path = f"/v1/purge-runs/{leave['run_id']}/withdrawal"
    await retention.post(path, {"note": "litigation expected"}, **AUTHORISER)
    retention.clock.advance(days=1)
    await retention.running.purger.work()
    assert await left(retention) == ["1DAY002", "1DAY003"]
    runs = (await retention.get("/v1/purge-runs")).json()["items"]
    states = sorted((run["kind"], run["state"]) for run in runs)
    assert states == [*[("daily", "certified")] * 2, ("standing", "withdrawn")]


async def test_there_is_one_standing_order_at_a_time_and_it_is_not_executed(retention):
    first, second = [await propose(retention, kind="standing") for _ in range(2)]
    await authorise(retention, first)
    await authorise(retention, second, 409)
    await execute(retention, first, 409)
    await propose(retention, 422, kind="standing", before=DUE.isoformat())


@pytest.mark.clause("468.5/schedule")
async def test_an_interrupted_run_continues_where_it_stopped(retention, monkeypatch):
    months = [datetime(2025, month, 10, tzinfo=UTC) for month in (1, 2, 3)]
    await retention.store(*(a_read("1OLD001", month) for month in months))
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    drop = Destruction.drop
    calls = 0

    async def cut_off(*arguments):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise RuntimeError("killed")
        return await drop(*arguments)

    monkeypatch.setattr(Destruction, "drop", cut_off)
    with pytest.raises(RuntimeError):
        await retention.running.purger.work()
    assert len(await left(retention)) == 2
    monkeypatch.setattr(Destruction, "drop", drop)
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (run["state"], run["reads"]) == ("certified", 3)
    assert run["months_dropped"] == ["2025_01", "2025_02", "2025_03"]
    assert len(await retention.emitted(RecordsPurged)) == 1


async def test_a_read_that_arrives_late_for_a_purged_month_is_kept_until_the_next_purge(retention):
    await retention.store(a_read("1OLD001", datetime(2025, 2, 10, tzinfo=UTC)))
    await purge(retention)
    await retention.store(a_read("1OLD002", datetime(2025, 2, 11, tzinfo=UTC)))
    assert await left(retention) == ["1OLD002"]
    assert [row[0] for row in await retention.fetch("SELECT plate FROM plates")] == ["1OLD002"]
    await purge(retention)
    assert await left(retention) == []


async def test_hits_and_device_days_are_purged_with_their_records(retention):
    gone, stays = a_read("1OLD001", DUE - timedelta(days=2)), a_read("2NEW001", NOON)
    await retention.store(gone, stays, a_hit(gone), a_hit(stays, hit_id=UUID(int=9)))
    await purge(retention)
    assert await retention.fetch("SELECT read_id FROM hits") == [(stays.read_id,)]
    assert await retention.fetch("SELECT day FROM device_days") == [(NOON.date(),)]


async def test_acts_on_a_hit_that_come_after_its_read_was_destroyed_go_with_the_next_purge(
    retention,
):
    at = DUE - timedelta(days=2)
    gone = a_read("1OLD001", at)
    hit = a_hit(gone)
    await retention.store(gone, hit)
    await purge(retention)
    by = Actor(person_id="o", name="Officer Nine", title="Police Officer", agency_ori=ORI)
    named = {"hit_id": hit.hit_id, "read_id": gone.read_id, "captured_on": at.date()}
    await retention.store(
        HitVerified(
            occurred_at=NOON, verified_by=by, method="CLETS", reference="T26-1", outcome="misread",
            note="it is 1OLD0O1", **named,
        ),
        HitDisposed(
            occurred_at=NOON, disposed_by=by, disposition="let go", enforcement=False, **named
        ),
    )  # fmt: skip
    await purge(retention)
    assert await retention.fetch("SELECT read_id FROM hits") == []
    assert await retention.fetch("SELECT kind FROM hit_events") == []


@pytest.mark.clause("468.4(c)/canvass")
async def test_a_read_of_the_day_on_which_a_purge_ends_is_still_found_by_its_place(retention):
    await retention.store(
        a_read("1OLD001", DUE - timedelta(hours=1)), a_read("2NEW001", DUE + timedelta(hours=1))
    )
    await purge(retention)
    scene = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 100}
    window = {
        "captured_from": DUE.isoformat(),
        "captured_to": (DUE + timedelta(hours=2)).isoformat(),
    }
    assert await retention.plates(area=scene, **window) == ["2NEW001"]


@pytest.mark.clause("468.5/schedule")
async def test_overdue_months_are_reported_until_they_are_purged(retention):
    await retention.store(
        *(a_read("1OLD001", datetime(2025, month, 10, tzinfo=UTC)) for month in (1, 3, 4))
    )
    schedule = (await retention.get("/v1/schedule")).json()
    assert schedule["overdue_months"] == ["2025_01", "2025_03"]
    assert datetime.fromisoformat(schedule["due_before"]) == DUE
    await retention.running.purger.work()
    figures = (await retention.client.get("/metrics")).text
    assert "alpr_months_overdue 2.0" in figures
    await purge(retention)
    assert (await retention.get("/v1/schedule")).json()["overdue_months"] == []


async def test_the_last_purge_is_a_metric_and_an_order_for_daily_ones_counts_as_one(retention):
    def done(kind):
        return REGISTRY.get_sample_value("alpr_purge_done_timestamp_seconds", {"kind": kind})

    await retention.running.purger.work()
    assert (done("single"), done("daily")) == (None, None)
    await purge(retention)
    first = retention.clock.now().timestamp()
    assert (done("single"), done("daily")) == (first, None)
    await authorise(retention, await propose(retention, kind="standing"))
    await retention.running.purger.work()
    assert (done("single"), done("daily")) == (first, first)
    retention.clock.advance(days=1)
    await retention.running.purger.work()
    assert done("daily") == retention.clock.now().timestamp()


async def test_a_plate_with_newer_reads_is_not_purged_with_its_old_reads(retention):
    await retention.store(a_read("7ABC123", DUE - timedelta(days=1)), a_read("7ABC123", NOON))
    await purge(retention)
    assert await retention.plates(plate="7AB*") == ["7ABC123"]


async def test_two_replicas_at_one_purge_destroy_and_count_each_record_once(retention):
    await retention.store(
        *(a_read(f"1OLD00{n}", datetime(2025, n, 10, tzinfo=UTC)) for n in (1, 2, 3, 4))
    )
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    first = retention.running.purger
    second = purger.Purger(retention.runtime, retention.running.keys)
    await asyncio.gather(first.work(), second.work())
    await first.work()
    [run] = [r for r in (await retention.get("/v1/purge-runs")).json()["items"] if r["day"]]
    assert (run["state"], run["reads"]) == ("certified", 4)
    assert run["months_dropped"] == ["2025_01", "2025_02", "2025_03"]
    assert len(await retention.emitted(RecordsPurged)) == 1


async def test_a_busy_hour_is_purged_in_slices(retention, monkeypatch):
    monkeypatch.setattr(destroyer, "FEWEST", 3)
    monkeypatch.setattr(destroyer, "MOST", 3)
    start = DUE - timedelta(days=2)
    await retention.store(
        *(a_read(f"1OLD{n:03}", start + timedelta(minutes=20 * n)) for n in range(30)),
        *(a_read(f"2OLD{n:03}", start - timedelta(days=90, minutes=20 * n)) for n in range(30)),
    )
    run = await purge(retention)
    assert run["reads"] == 60
    assert await left(retention) == []


async def test_runs_are_listed_in_pages_newest_first(retention):
    made = []
    for _ in range(3):
        made.append((await propose(retention))["run_id"])
        retention.clock.advance(seconds=1)
    page = (await retention.get("/v1/purge-runs?limit=2")).json()
    assert [run["run_id"] for run in page["items"]] == made[:0:-1]
    rest = (await retention.get(f"/v1/purge-runs?limit=2&after={page['next']}")).json()
    assert [run["run_id"] for run in rest["items"]] == made[:1]
    assert rest["next"] is None
    assert UUID(made[0])


async def test_a_purge_yields_to_readers_and_is_retried(retention, monkeypatch):
    """It never makes the hot path queue behind it for longer than its lock timeout."""
    monkeypatch.setattr(destroyer, "ATTEMPTS", 1)
    await retention.store(a_read("1OLD001", datetime(2025, 2, 10, tzinfo=UTC)))
    run = await propose(retention)
    await authorise(retention, run)
    await execute(retention, run)
    async with retention.runtime.db.begin() as connection:
        await connection.execute(text("SELECT count(*) FROM reads"))  # a long search, not yet ended
        with pytest.raises(Unavailable):
            await retention.running.purger.work()
    assert await left(retention) == ["1OLD001"]
    await retention.running.purger.work()
    assert await left(retention) == []


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_that_others_lock_out_is_reported_and_holds_up_no_other_work(
    retention, monkeypatch
):
    """A backup reads for hours, an operator's transaction for days."""
    monkeypatch.setattr(destroyer, "ATTEMPTS", 1)
    old = datetime(2025, 2, 10, tzinfo=UTC)
    await retention.store(a_read("1OLD001", old - timedelta(days=300), crop_key="crops/1"))
    await retention.objects.put("crops/1", JPEG)
    retention.objects.down = True
    earlier = await purge(retention)
    retention.objects.down = False
    assert (earlier["state"], retention.stored_keys) == ("executing", ["crops/1"])
    await retention.store(a_read("1OLD002", old))
    later = await propose(retention)
    await authorise(retention, later)
    await execute(retention, later)
    async with retention.runtime.db.begin() as connection:
        await connection.execute(text("SELECT count(*) FROM reads"))
        with pytest.raises(Unavailable):
            await retention.running.purger.work()
    assert (await left(retention), retention.stored_keys) == (["1OLD002"], [])
    assert "alpr_months_overdue 1.0" in (await retention.client.get("/metrics")).text
    await retention.running.purger.work()
    assert await left(retention) == []
    assert "alpr_months_overdue 0.0" in (await retention.client.get("/metrics")).text


@pytest.mark.clause("468.3.1(f)/steps")
async def test_withdrawing_a_standing_order_stops_the_running_daily_purge(retention, monkeypatch):
    await retention.store(
        *(a_read("1OLD001", datetime(2025, month, 10, tzinfo=UTC)) for month in (1, 2, 3))
    )
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    original = retention.running.purger._destroyer._run_step

    async def step_then_withdraw(run, step):
        found = await original(run, step)
        if len(await left(retention)) == 2:
            path = f"/v1/purge-runs/{leave['run_id']}/withdrawal"
            answer = await retention.client.post(
                path, json={"note": "stop"}, headers=retention.authority.headers(**AUTHORISER)
            )
            assert answer.status_code in {200, 409}
        return found

    monkeypatch.setattr(retention.running.purger._destroyer, "_run_step", step_then_withdraw)
    await retention.running.purger.work()
    assert len(await left(retention)) == 2
    runs = (await retention.get("/v1/purge-runs")).json()["items"]
    assert {run["kind"]: run["state"] for run in runs} == {
        "daily": "withdrawn",
        "standing": "withdrawn",
    }
    daily, order = runs
    assert daily["decided_by"] == order["decided_by"], "the authoriser"
    for name in ("withdrawn_by", "withdrawn_at", "withdrawal_note"):
        assert daily[name] == order[name] is not None
    assert order["withdrawal_note"] == "stop"
    assert await retention.emitted(RecordsPurged) == []


@pytest.mark.clause("468.3.1(f)/steps")
async def test_a_standing_order_that_is_withdrawn_as_the_daily_purge_begins_destroys_no_record(
    retention, monkeypatch
):
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    leave = await propose(retention, kind="standing")
    await authorise(retention, leave)
    add, destroy = Runs.add, retention.running.purger._destroyer.destroy
    withdrawing = []

    async def ends_or_waits():
        waiting = await retention.fetch("SELECT 1 FROM pg_locks WHERE NOT granted")
        return withdrawing[0].done() or waiting

    async def withdrawn_meanwhile(runs, run):
        path = f"/v1/purge-runs/{leave['run_id']}/withdrawal"
        withdrawal = retention.post(path, {"note": "litigation expected"}, **AUTHORISER)
        withdrawing.append(asyncio.create_task(withdrawal))
        await eventually(ends_or_waits)
        return await add(runs, run)

    async def after_the_withdrawal(run):
        await withdrawing[0]
        await destroy(run)

    monkeypatch.setattr(Runs, "add", withdrawn_meanwhile)
    monkeypatch.setattr(retention.running.purger._destroyer, "destroy", after_the_withdrawal)
    await retention.running.purger.work()
    assert await left(retention) == ["1OLD001"]
    runs = (await retention.get("/v1/purge-runs")).json()["items"]
    assert {run["state"] for run in runs} == {"withdrawn"}


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_removes_purged_values_from_the_planners_statistics(retention, as_owner):
    """Postgres stores samples of columns, among them the commonest and outermost values."""
    kept = (
        "SELECT concat_ws(' ', most_common_vals::text, histogram_bounds::text) FROM pg_stats"
        " WHERE schemaname = 'retention' AND attname IN ('plate', 'plate_as_read', 'captured_at')"
    )

    async def remembered():
        async with as_owner("retention") as connection:
            return str((await connection.execute(text(kept))).scalars().all())

    old = datetime(2025, 4, 2, 7, 31, 12, tzinfo=UTC)
    await retention.store(a_read("1OLD001", old), a_read("1OLD002", old))
    later = [a_read(f"2NEW00{n}", NOON - timedelta(seconds=n)) for n in range(3)]
    await retention.store(*later, a_read("2NEW009", DUE + timedelta(hours=1)))
    async with as_owner("retention") as connection:
        await connection.execute(text("ANALYZE plates, reads"))
    found = await remembered()
    assert "1OLD001" in found
    assert "2025-04-02 07:31:12" in found
    await purge(retention)
    found = await remembered()
    assert "1OLD00" not in found
    assert "2025-04-02" not in found
    assert "2NEW001" in found


@pytest.mark.clause("468.3.1(f)/steps")
async def test_a_single_run_that_is_withdrawn_stops_and_a_later_one_certifies_what_it_destroyed(
    retention, monkeypatch
):
    months = [datetime(2025, month, 10, tzinfo=UTC) for month in (1, 2, 3)]
    reads = [a_read("1OLD001", month) for month in months]
    await retention.store(*reads)
    stopped = await propose(retention)
    await authorise(retention, stopped)
    await execute(retention, stopped)
    destroyer = retention.running.purger._destroyer
    original = destroyer._run_step

    async def step_then_withdraw(run, step):
        found = await original(run, step)
        if len(await left(retention)) == 2 and run.run_id == UUID(stopped["run_id"]):
            path = f"/v1/purge-runs/{stopped['run_id']}/withdrawal"
            await retention.post(path, {"note": "litigation expected"}, **AUTHORISER)
        return found

    monkeypatch.setattr(destroyer, "_run_step", step_then_withdraw)
    await retention.running.purger.work()
    run = (await retention.get(f"/v1/purge-runs/{stopped['run_id']}")).json()
    assert (run["state"], run["reads"], run["months_dropped"]) == ("withdrawn", 1, ["2025_01"])
    assert len(await left(retention)) == 2
    assert await retention.emitted(RecordsPurged) == []
    later = await purge(retention)
    assert (later["state"], await left(retention)) == ("certified", [])
    [event] = await retention.emitted(RecordsPurged)
    assert await listed(retention, event) == (records(*reads), [])
