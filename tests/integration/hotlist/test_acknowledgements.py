"""Who takes an alert is on every open page; an urgent one that no person takes is announced again, once."""

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.hotlist.settings import Settings
from services.hotlist.store.standings import Standings
from shared.core.permissions import Permission
from shared.events import HitAcknowledged, PassesRecorded, RecordsDisclosed
from shared.testing import eventually
from tests.integration.hotlist.conftest import passed
from tests.integration.locking import locked_while

ANSWER_WITHIN = timedelta(seconds=Settings.model_fields["hotlist_answer_within_s"].default)
FINISH_WITHIN = timedelta(seconds=Settings.model_fields["hotlist_finish_within_s"].default)
VERIFIED = {"method": "CLETS", "reference": "T26-1", "outcome": "correct_read"}


@pytest.fixture
async def hit(hotlist):
    """An urgent hit of a list of the department, just raised."""
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    return hit


async def acknowledge(hotlist, hit, *, acknowledged=True, status=200, **claims):
    headers = hotlist.headers(**claims)
    path = f"/v1/hits/{hit['hit_id']}/acknowledgement"
    return await hotlist.call(
        "POST", path, json={"acknowledged": acknowledged}, headers=headers, status=status
    )


async def compare(hotlist):
    """Have the service compare hits with what it sent of them last, as it does every few seconds."""
    await hotlist.running.hit_changes.task.once()


def changes(stream):
    return [json.loads(data) for _, name, data in stream.events if name == "change"]


@pytest.mark.clause("468.4(f)/acknowledged")
async def test_who_takes_an_alert_is_recorded_once_and_the_hit_stays_unverified(hotlist, hit):
    for _ in range(2):
        answer = await acknowledge(hotlist, hit)
        assert (answer["status"], answer["outcome"]) == ("unverified", None)
        assert "Unverified" in answer["notice"]
        [one] = answer["acknowledgements"]
    [stored] = await hotlist.hits()
    assert stored["acknowledgements"] == [one]
    assert stored["status"] == "unverified"
    [event] = await hotlist.announced(HitAcknowledged)
    assert (str(event.hit_id), event.acknowledged) == (hit["hit_id"], True)
    assert event.actor.name == one["by"]["name"]
    waiting = await hotlist.call("GET", "/v1/hits/waiting")
    assert waiting["count"] == 1, "it still waits for its verification"


async def test_two_people_who_take_an_alert_are_both_named_and_either_gives_it_back(hotlist, hit):
    first, second = str(uuid4()), str(uuid4())
    await asyncio.gather(
        acknowledge(hotlist, hit, account_id=first), acknowledge(hotlist, hit, account_id=second)
    )
    [stored] = await hotlist.hits()
    assert {one["by"]["person_id"] for one in stored["acknowledgements"]} == {first, second}
    for _ in range(2):
        answer = await acknowledge(hotlist, hit, acknowledged=False, account_id=first)
        assert [one["by"]["person_id"] for one in answer["acknowledgements"]] == [second]
    told = [(e.actor.person_id, e.acknowledged) for e in await hotlist.announced(HitAcknowledged)]
    assert sorted(told) == sorted([(first, True), (second, True), (first, False)])


@pytest.mark.clause("468.4(e)/entitlement")
async def test_an_alert_of_a_source_or_agency_not_ones_own_cannot_be_taken(hotlist, hit):
    await acknowledge(hotlist, hit, sources=["state"], status=404)
    await acknowledge(hotlist, hit, ori="CA0999900", status=404)
    await acknowledge(hotlist, {"hit_id": uuid4()}, status=404)
    assert (await hotlist.hits())[0]["acknowledgements"] == []
    assert await hotlist.announced(HitAcknowledged) == []


async def test_to_take_an_alert_needs_the_permission_to_receive_it(hotlist, hit):
    path = f"/v1/hits/{hit['hit_id']}/acknowledgement"
    given = hotlist.headers(Permission.HIT_READ, Permission.HIT_VERIFY)
    await hotlist.call("POST", path, json={"acknowledged": True}, headers=given, status=403)
    given = hotlist.headers(Permission.ALERT_RECEIVE, purpose=False)
    await hotlist.call("POST", path, json={"acknowledged": True}, headers=given)


async def test_a_late_or_old_hit_is_no_alert_to_take(hotlist, hit, clock):
    await hotlist.see(hotlist.read(ago_s=7200))
    late, _ = await hotlist.hits()
    assert late["late"]
    assert (await acknowledge(hotlist, late, status=409))["code"] == "hit_not_live"
    clock.advance(hours=13)
    assert (await acknowledge(hotlist, hit, status=409))["code"] == "hit_not_live"
    assert await hotlist.announced(HitAcknowledged) == []


@pytest.mark.clause("468.4(f)/acknowledged")
async def test_open_streams_show_at_once_who_takes_an_alert_and_what_is_found(
    hotlist, streams, hit
):
    async with streams.open(0) as one, streams.open(account_id=str(uuid4())) as other:
        await eventually(lambda: one.alerts and other.events)
        await hotlist.running.notices.connected()
        await acknowledge(hotlist, hit, account_id=str(uuid4()))
        await eventually(lambda: changes(one) and changes(other))
        for stream in (one, other):
            [change] = changes(stream)
            assert len(change["acknowledgements"]) == 1
            assert change["status"] == "unverified"
        path = f"/v1/hits/{hit['hit_id']}/verification"
        await hotlist.call("POST", path, json=VERIFIED)
        await eventually(lambda: len(changes(one)) == 2)
        assert changes(one)[-1]["status"] == "verified"
        assert len(one.alerts) == 1, "a change is no new alert"


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_change_is_withheld_from_streams_without_its_source(hotlist, streams, hit):
    await hotlist.listed("8XYZ999", source="state")
    await hotlist.see(hotlist.read("8XYZ999", device=uuid4()))
    theirs, _ = await hotlist.hits()
    async with (
        streams.open(sources=["state"]) as partial,
        streams.open(ori="CA0999900", account_id=str(uuid4())) as foreign,
    ):
        await eventually(lambda: partial.events and foreign.events)
        await acknowledge(hotlist, hit)
        await compare(hotlist)
        await acknowledge(hotlist, theirs)
        await compare(hotlist)
        await eventually(lambda: changes(partial))
        assert [change["hit_id"] for change in changes(partial)] == [theirs["hit_id"]]
        assert changes(foreign) == []
    async with streams.open(0, sources=["state"]) as resumed:
        await eventually(lambda: changes(resumed))
        assert hit["hit_id"] not in str(resumed.events)


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_change_is_recorded_as_disclosed_like_an_alert(hotlist, streams, hit):
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        before = len(await hotlist.announced(RecordsDisclosed))
        await acknowledge(hotlist, hit)
        await compare(hotlist)
        await eventually(lambda: changes(stream))
        told = (await hotlist.announced(RecordsDisclosed))[before:]
    shown = [r.record_id for e in told for day in e.records for r in day.shown]
    assert shown == [hit["hit_id"]] * 2, "to the person who took it, and on the stream"
    assert {event.permission for event in told} == {"alert:receive"}


async def test_a_stream_resumes_with_what_changed_while_it_was_away(hotlist, streams, hit):
    async with streams.open(0) as stream:
        await eventually(lambda: stream.alerts)
    await acknowledge(hotlist, hit)
    await compare(hotlist)
    async with streams.open(hit["seq"]) as stream:
        await eventually(lambda: changes(stream))
        assert stream.alerts == []
        [change] = changes(stream)
        assert change["changed_seq"] > hit["seq"]
    async with streams.open(change["changed_seq"]) as stream:
        await eventually(lambda: [e for e in stream.events if e[1] == "comment"])
        assert changes(stream) == []
    async with streams.open(0) as stream:
        await eventually(lambda: changes(stream))
        assert len(stream.alerts) == 1, (
            "an alert that was missed comes as one, though it has changed"
        )
        numbers = [int(number) for number, name, _ in stream.events if name in ("alert", "change")]
        assert numbers == [hit["seq"], change["changed_seq"]]


async def test_an_urgent_alert_that_no_person_takes_is_announced_once_more(
    hotlist, streams, hit, clock
):
    def unanswered():
        return REGISTRY.get_sample_value("alpr_alerts_unanswered")

    await hotlist.listed("8LST999", kind="lost_plate")
    await hotlist.see(hotlist.read("8LST999"))
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        await compare(hotlist)
        assert unanswered() == 0
        clock.advance(seconds=ANSWER_WITHIN.total_seconds())
        for _ in range(2):
            await compare(hotlist)
        await eventually(lambda: changes(stream))
        [change] = changes(stream)
        assert (change["hit_id"], change["unanswered"]) == (hit["hit_id"], True)
        assert unanswered() == 1
        waiting = await hotlist.call("GET", "/v1/hits/waiting")
        assert (waiting["unanswered"], waiting["unanswered_since"]) == (1, hit["raised_at"])
        await acknowledge(hotlist, hit)
        await compare(hotlist)
        await eventually(lambda: len(changes(stream)) == 2)
        assert changes(stream)[-1]["unanswered"] is False
        assert unanswered() == 0
        assert (await hotlist.call("GET", "/v1/hits/waiting"))["unanswered"] == 0
        await acknowledge(hotlist, hit, acknowledged=False)
        await compare(hotlist)
        await eventually(lambda: len(changes(stream)) == 3)
        assert changes(stream)[-1]["unanswered"] is True, "the person cannot go after all"


@pytest.mark.clause("468.4(f)/acknowledged")
async def test_an_urgent_alert_that_a_person_took_and_no_one_worked_is_announced_once_more(
    hotlist, streams, hit, clock
):
    await hotlist.listed("8LST999", kind="lost_plate")
    await hotlist.see(hotlist.read("8LST999"))
    for one in await hotlist.hits():
        await acknowledge(hotlist, one)

    async def unfinished(after):
        clock.advance(seconds=after.total_seconds())
        await compare(hotlist)
        hits = {one["hit_id"]: one for one in await hotlist.hits()}
        late = [hit_id for hit_id, one in hits.items() if one["unfinished"]]
        return late, hits[hit["hit_id"]]["changed_seq"]

    second = timedelta(seconds=1)
    late, taken = await unfinished(FINISH_WITHIN - second)
    assert late == []
    late, told = await unfinished(second)
    assert late == [hit["hit_id"]]
    assert told > taken
    assert await unfinished(second) == (late, told), "once"
    # Both hits were taken in one step, in whichever order; only changes after the later one may follow.
    changed = max(
        taken,
        *(one["changed_seq"] for one in await hotlist.hits() if one["hit_id"] != hit["hit_id"]),
    )
    async with streams.open(changed) as stream:
        await eventually(lambda: changes(stream))
        seen = [(change["hit_id"], change["unfinished"]) for change in changes(stream)]
        assert seen == [(hit["hit_id"], True)]
    await acknowledge(hotlist, hit, account_id=str(uuid4()))
    assert (await unfinished(FINISH_WITHIN - second))[0] == [], "another person goes now"
    assert (await unfinished(second))[0] == [hit["hit_id"]]
    path = f"/v1/hits/{hit['hit_id']}/disposition"
    result = {"result": "no_contact", "enforcement": False}
    assert (await hotlist.call("POST", path, json=result))["unfinished"] is False


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize("answer", ["verification", "disposition", "ended"])
async def test_an_alert_that_was_worked_or_whose_entry_ended_is_not_announced_again(
    hotlist, hit, clock, answer, taken
):
    if taken:
        await acknowledge(hotlist, hit)
    if answer == "ended":
        await hotlist.call("PATCH", f"/v1/lists/{hit['list_id']}", json={"enabled": False})
    else:
        body = (
            VERIFIED if answer == "verification" else {"result": "no_contact", "enforcement": False}
        )
        await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/{answer}", json=body)
    clock.advance(seconds=2 * FINISH_WITHIN.total_seconds())
    await compare(hotlist)
    assert (await hotlist.hits())[0]["unanswered"] is False
    assert (await hotlist.hits())[0]["unfinished"] is False
    assert REGISTRY.get_sample_value("alpr_alerts_unanswered") == 0


async def test_open_streams_show_that_an_entry_has_ended_or_has_another_caution(
    hotlist, streams, hit, clock
):
    list_id = hit["list_id"]
    rows = "plate,state,record_kind,caution\n7ABC123,CA,stolen_vehicle,{}\n"
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        await hotlist.upload(list_id, rows.format("Armed and dangerous"))
        await compare(hotlist)
        await eventually(lambda: changes(stream))
        [warning] = changes(stream)[-1]["warnings"]
        assert warning["code"] == "caution_since"
        assert "Armed and dangerous" in warning["text"]
        await hotlist.upload(list_id, rows.format("Escape risk"))
        await compare(hotlist)
        await eventually(lambda: len(changes(stream)) == 2)
        await hotlist.call("POST", f"/v1/lists/{list_id}/withdrawal", json={"reason": "recovered"})
        await compare(hotlist)
        await eventually(lambda: len(changes(stream)) == 3)
        assert [w["code"] for w in changes(stream)[-1]["warnings"]] == ["entry_ended"]


async def test_open_streams_show_an_entry_that_expires_and_frames_that_read_another_plate(
    hotlist, streams, clock
):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, "plate,state,record_kind\n7ABC128,CA,stolen_vehicle\n")
    ends = (clock.now() + timedelta(minutes=2)).isoformat()
    await hotlist.add(list_id, "7ABC123", state="CA", expires_at=ends)
    read = hotlist.read()
    await hotlist.see(read)
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        await hotlist.handlers[PassesRecorded]([passed(hotlist, read)])
        await compare(hotlist)
        await eventually(lambda: changes(stream))
        assert [w["code"] for w in changes(stream)[-1]["warnings"]][-1] == "outvoted"
        clock.advance(minutes=3)
        await compare(hotlist)
        await eventually(lambda: len(changes(stream)) == 2)
        assert changes(stream)[-1]["warnings"][0]["code"] == "entry_ended"


async def test_a_hit_that_changes_after_the_patrol_is_told_to_no_stream(
    hotlist, streams, hit, clock, as_owner
):
    clock.advance(hours=13)
    path = f"/v1/hits/{hit['hit_id']}/verification"
    await hotlist.call("POST", path, json=VERIFIED)
    await compare(hotlist)
    async with as_owner("hotlist") as connection:
        await connection.execute(text("UPDATE hits SET changed_seq = 100"))
    async with streams.open(0) as resumed:
        await eventually(lambda: [e for e in resumed.events if e[1] == "comment"])
        assert (resumed.alerts, changes(resumed)) == ([], [])


async def test_a_purge_keeps_who_took_an_alert_and_nothing_of_its_vehicle(hotlist, hit, clock):
    await acknowledge(hotlist, hit)
    day = clock.now()
    clock.advance(days=400)
    await hotlist.purge(day + timedelta(days=1))
    kept = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert len(kept["acknowledgements"]) == 1
    assert kept["purged_at"] is not None
    assert (kept["plate_read"], kept["changed_seq"]) == (None, None)


async def test_a_hit_that_is_purged_while_its_change_waits_stays_cleared(hotlist, hit):
    await hotlist.running.hit_changes.task.stop()
    await acknowledge(hotlist, hit)
    now, hour = hotlist.clock.now(), timedelta(hours=1)

    async def renew():
        async with hotlist.runtime.db.begin() as connection:
            times = {"fresh_since": now - hour, "answer_by": now, "finish_by": now}
            await Standings(connection).renew(now=now, **times)

    cleared = "UPDATE hits SET purged_at = now(), standing = '', changed_seq = NULL"
    await locked_while(hotlist.runtime.db, cleared, renew())
    async with hotlist.runtime.db.begin() as connection:
        [row] = await connection.execute(text("SELECT standing, changed_seq FROM hits"))
    assert tuple(row) == ("", None)


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_hit_names_the_other_hits_of_its_read_that_the_viewer_may_see(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.listed("7ABC123", source="federal", name="Wanted", kind="wanted_person")
    await hotlist.listed("8XYZ999")
    await hotlist.see(hotlist.read(), hotlist.read("8XYZ999", device=uuid4()))
    own = next(hit for hit in await hotlist.hits() if hit["source"] == "federal")
    other = next(
        hit
        for hit in await hotlist.hits()
        if hit["source"] == "department" and hit["plate_read"] == "7ABC123"
    )
    before = len(await hotlist.announced(RecordsDisclosed))
    whole = await hotlist.call("GET", f"/v1/hits/{other['hit_id']}")
    [twin] = whole["twins"]
    assert (twin["hit_id"], twin["list_name"]) == (own["hit_id"], "Wanted")
    assert twin["status"] == "unverified"
    disclosed = (await hotlist.announced(RecordsDisclosed))[before:]
    shown = [r.record_id for e in disclosed for day in e.records for r in day.shown]
    assert {own["hit_id"], other["hit_id"]} <= set(shown)
    given = hotlist.headers(sources=["department"])
    whole = await hotlist.call("GET", f"/v1/hits/{other['hit_id']}", headers=given)
    assert whole["twins"] == []
