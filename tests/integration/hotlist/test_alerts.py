"""The alert stream: resumed without loss or doubling, withheld by source, recorded before it is sent."""

import asyncio
import contextlib
import json
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.core.problem_codes import Common
from shared.events import AccessAttempted, LogCovered, RecordsDisclosed
from shared.service.coverage import Coverage
from shared.testing import eventually
from tests.integration.hotlist.conftest import Streams, served, serving


async def seen(hotlist, count, plate="7ABC123", **fields):
    for _ in range(count):
        await hotlist.see(hotlist.read(plate, device=uuid4(), **fields))


@pytest.mark.clause("468.4(f)/unverified")
@pytest.mark.clause("468.4(b)/patrol")
async def test_an_alert_contains_what_the_officer_must_know(hotlist, streams):
    await hotlist.listed("7ABC123", name="SVS", source="state")
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        await seen(hotlist, 1, crop_key="crops/1.jpg")
        await eventually(lambda: stream.alerts)
        [alert] = stream.alerts
        assert alert["status"] == "unverified"
        assert "Unverified" in alert["notice"]
        assert (alert["list_name"], alert["tier"], alert["plate_read"]) == (
            "SVS",
            "high",
            "7ABC123",
        )
        assert f"{alert['hit_id']}/crop?" in alert["crop_url"]
        assert alert["image_url"] is None, "there is no whole picture"
        assert stream.headers["x-accel-buffering"] == "no", "a proxy holds no alert back"
        assert stream.ids == [alert["seq"]]


async def test_the_time_from_receipt_to_alert_is_measured_once_for_all_streams(
    hotlist, streams, clock
):
    def measured(end):
        return REGISTRY.get_sample_value(f"alpr_alert_seconds_{end}")

    await hotlist.listed("7ABC123")
    async with streams.open() as one, streams.open(account_id=str(uuid4())) as other:
        await eventually(lambda: one.events and other.events)
        count, total = measured("count"), measured("sum")
        delivered = REGISTRY.get_sample_value("alpr_alerts_delivered_total")
        await seen(hotlist, 1, received_at=clock.now() - timedelta(seconds=3))
        await eventually(lambda: one.alerts and other.alerts)
    assert measured("count") == count + 1
    assert measured("sum") == pytest.approx(total + 3)
    assert REGISTRY.get_sample_value("alpr_alerts_delivered_total") == delivered + 2


async def test_a_silent_stream_sends_keepalive_comments(streams):
    async with streams.open() as stream:
        await eventually(lambda: [e for e in stream.events if e[1] == "comment"])
        assert stream.events[0][1] == "ready"


async def test_a_stream_resumes_with_each_alert_exactly_once(hotlist, streams):
    await hotlist.listed("7ABC123")
    await seen(hotlist, 5)
    async with streams.open(0) as stream:
        await eventually(lambda: len(stream.ids) == 5)
        first = stream.ids
    await seen(hotlist, 3)
    for position in range(6):
        last = 0 if position == 0 else first[position - 1]
        async with streams.open(last) as stream:
            await eventually(lambda s=stream, n=8 - position: len(s.ids) >= n)
            assert stream.ids[: 5 - position] == first[position:]
            assert len(set(stream.ids)) == len(stream.ids) == 8 - position
    async with streams.open() as stream:  # without an id: from now on
        await eventually(lambda: stream.events)
        await seen(hotlist, 1)
        await eventually(lambda: stream.ids)
        assert len(stream.ids) == 1
    async with streams.open(10**17) as stream:  # an id from a database that was restored since
        await eventually(lambda: stream.events)
        await seen(hotlist, 1)
        await eventually(lambda: stream.ids)
    for bad in ("x", "-1", "1.5", "9" * 30):
        with pytest.raises(AssertionError, match="whole number"):
            async with streams.open(bad):
                pass


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "9" * 19, "9" * 5000])
async def test_an_id_that_is_no_number_of_an_alert_is_refused(hotlist, last):
    sent = {"Last-Event-ID": last}
    problem = await hotlist.call("GET", "/v1/alerts", headers=sent, status=422)
    assert problem["code"] == "alert_id_malformed"


async def test_alerts_while_resuming_are_neither_lost_nor_doubled(hotlist, streams):
    """Hits are raised all the while as clients come, go and resume."""
    await hotlist.listed("7ABC123")
    done = asyncio.Event()
    got: list[list[int]] = []

    async def client(pause):
        ids: list[int] = []
        account_id = str(uuid4())
        while not (done.is_set() and ids and ids[-1] == total):
            async with streams.open(ids[-1] if ids else 0, account_id=account_id) as stream:
                until = asyncio.get_running_loop().time() + pause
                await eventually(
                    lambda s=stream, u=until: (
                        asyncio.get_running_loop().time() > u
                        or (done.is_set() and s.ids and s.ids[-1] == total)
                    )
                )
            ids += stream.ids
        got.append(ids)

    total = 150
    clients = [asyncio.create_task(client(0.05 + 0.06 * n)) for n in range(5)]
    await seen(hotlist, total)
    done.set()
    await asyncio.wait_for(asyncio.gather(*clients), 30)
    for ids in got:
        assert ids == list(range(1, total + 1))


@pytest.mark.clause("468.4(e)/entitlement")
async def test_alerts_from_sources_or_agencies_not_ones_own_are_withheld(hotlist, streams):
    await hotlist.listed("7ABC123", source="federal")
    await hotlist.listed("8XYZ999", source="department")
    async with (
        streams.open(sources=["department", "state"]) as partial,
        streams.open() as full,
        streams.open(ori="CA0999900") as foreign,
    ):
        await eventually(lambda: partial.events and full.events and foreign.events)
        await seen(hotlist, 1)
        await seen(hotlist, 1, "8XYZ999")
        await eventually(lambda: len(full.alerts) == 2 and partial.alerts)
        assert [a["plate_read"] for a in partial.alerts] == ["8XYZ999"]
        assert foreign.alerts == []
    async with streams.open(0, sources=["department"]) as resumed:
        await eventually(lambda: resumed.alerts)
        assert [a["plate_read"] for a in resumed.alerts] == ["8XYZ999"]
        assert "7ABC123" not in str(resumed.events)


async def disclosed(hotlist):
    """Return hit ids in committed disclosures, as another connection sees them."""
    async with hotlist.runtime.db.begin() as connection:
        rows = await connection.execute(
            text("SELECT convert_from(value, 'UTF8')::jsonb FROM outbox WHERE topic = :topic"),
            {"topic": RecordsDisclosed.TOPIC},
        )
        return [
            hit
            for body in rows.scalars()
            if body["record_kind"] == "hit"
            for day in body["records"]
            for hit in [r["record_id"] for r in day["shown"]]
        ]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_each_delivery_is_recorded_before_it_is_sent(hotlist, streams, monkeypatch):
    """When the server receives the bytes, their disclosure is committed."""
    broadcaster = hotlist.running.broadcaster
    early: list[str] = []
    plain = broadcaster.stream

    async def watched(viewer):
        async for sent in plain(viewer):
            if b"event: alert" in sent:
                known = await disclosed(hotlist)
                for part in sent.split(b'"hit_id":"')[1:]:
                    hit_id = part[:36].decode()
                    if hit_id not in known:
                        early.append(hit_id)
            yield sent

    monkeypatch.setattr(broadcaster, "stream", watched)
    await hotlist.listed("7ABC123")
    await seen(hotlist, 5)
    async with streams.open(0) as one, streams.open() as two:
        await eventually(lambda: len(one.ids) == 5 and two.events)
        await seen(hotlist, 10)
        await eventually(lambda: len(one.ids) == 15 and len(two.ids) == 10)
    assert early == []
    known = await disclosed(hotlist)
    assert len(known) == 25
    told = await hotlist.disclosed()
    assert {t.permission for t in told} == {"alert:receive"}
    assert len({t.attempt_id for t in told}) == 2
    assert told[0].all_plates == ["7ABC123"]
    async with hotlist.runtime.db.begin() as connection:
        counted = await connection.execute(text("SELECT count(*) FROM disclosed_counts"))
    assert counted.scalar_one() == 0, "an officer would get no alert past a limit of searches"


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_no_alert_is_sent_while_disclosures_cannot_be_stored(hotlist, streams, monkeypatch):
    from services.hotlist.store import alerts
    from services.hotlist.store.hits import HitDisclosures
    from shared.core.errors import Unavailable

    await hotlist.listed("7ABC123")
    async with streams.open() as stream:
        await eventually(lambda: stream.events)

        async def fails(*_):
            raise Unavailable(Common.DATABASE_AWAY)

        monkeypatch.setattr(alerts, "emit", fails)
        monkeypatch.setattr(HitDisclosures, "record", fails)
        await seen(hotlist, 2)
        await eventually(lambda: stream.end)
        assert stream.end["code"] == "database_away"
        assert stream.ids == []
        monkeypatch.undo()
    async with streams.open(0) as stream:
        await eventually(lambda: len(stream.ids) == 2)


async def test_a_stream_ends_when_its_token_expires(hotlist, streams, clock):
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        clock.advance(minutes=10)
        await eventually(lambda: stream.ended)
        assert (stream.end["code"], stream.end["status"]) == ("token_expired", 401)
        assert (stream.end["params"], stream.end["detail"]) == ({}, "the token has expired")


async def test_a_stream_ends_once_and_at_once_when_its_key_is_no_longer_trusted(
    streams, authority, clock
):
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        keys = authority.people.keys
        for kid, (jwk, _) in list(keys._keys.items()):
            keys.add(kid, jwk, clock.now())
        await eventually(lambda: stream.ended)
        assert stream.end["code"] == "token_key_unknown"
        assert stream.end["detail"] == "the token's key is not known"
        assert [event[1] for event in stream.events].count("end") == 1


@pytest.mark.clause("468.3.1(b)/training")
@pytest.mark.clause("468.4(d)/training-first")
async def test_a_stream_ends_when_training_lapses(hotlist, streams, clock):
    soon = clock.now() + timedelta(minutes=2)
    async with streams.open(trained_until=soon) as stream:
        await eventually(lambda: stream.events)
        clock.advance(minutes=3)
        await eventually(lambda: stream.ended)
        assert stream.end["code"] == "training_lapsed"
        assert stream.end["params"] == {"lapsed_on": soon.date().isoformat()}
        assert "468.4(d)" in stream.end["detail"]


@pytest.mark.clause("468.6/separation")
async def test_a_stream_ends_when_the_token_is_revoked_before_another_alert(
    hotlist, streams, authority, clock
):
    account = uuid4()
    await hotlist.listed("7ABC123")
    async with streams.open(account_id=str(account)) as stream:
        await eventually(lambda: stream.events)
        clock.advance(seconds=1)
        authority.people.learn(authority.account(account, "separated", clock.now()))
        await seen(hotlist, 1)
        await eventually(lambda: stream.ended)
        assert stream.alerts == []
        assert stream.end["code"] == "account_ended"
        assert stream.end["params"] == {"status": "separated"}
    assert await disclosed(hotlist) == []


@pytest.mark.clause("468.6/separation")
async def test_alerts_that_a_person_missed_are_not_sent_once_they_have_left(
    hotlist, streams, authority, clock, monkeypatch
):
    """They leave while the service reads the alerts."""
    account = uuid4()
    await hotlist.listed("7ABC123")
    await seen(hotlist, 2)
    broadcaster = hotlist.running.broadcaster
    plain = broadcaster._catch_up

    async def leave_meanwhile(viewer):
        found = await plain(viewer)
        clock.advance(seconds=1)
        authority.people.learn(authority.account(account, "separated", clock.now()))
        return found

    monkeypatch.setattr(broadcaster, "_catch_up", leave_meanwhile)
    async with streams.open(0, account_id=str(account)) as stream:
        await eventually(lambda: stream.ended)
        assert (stream.alerts, stream.end["code"]) == ([], "account_ended")


@pytest.mark.clause("468.6/separation")
async def test_nothing_is_disclosed_to_a_slow_stream_of_a_person_who_has_left(
    hotlist, streams, authority, clock
):
    account = uuid4()
    await hotlist.listed("7ABC123")
    broadcaster = hotlist.running.broadcaster
    gate = asyncio.Event()
    gate.set()
    broadcaster.stream = held_by(gate, broadcaster.stream)
    async with streams.open(account_id=str(account)) as slow:
        await eventually(lambda: broadcaster._any_live)
        gate.clear()
        await asyncio.sleep(0.3)  # past a heartbeat, after which it waits
        clock.advance(seconds=1)
        authority.people.learn(authority.account(account, "separated", clock.now()))
        await seen(hotlist, 1)
        await eventually(lambda: broadcaster._position == 1)
        gate.set()
        await eventually(lambda: slow.ended)
        assert (slow.alerts, slow.end["code"]) == ([], "account_ended")
    assert await disclosed(hotlist) == []


@pytest.mark.clause("468.6/separation")
async def test_a_silent_stream_ends_within_seconds_of_the_separation(
    settings, bus, objects, authority, policy, clock
):
    """The end does not wait for the next sign of life, which may be long in coming."""
    account = uuid4()
    slow = settings.model_copy(update={"hotlist_heartbeat_s": 60.0})
    async with (
        serving(slow, bus, objects, clock, authority, policy) as service,
        served(service.app) as address,
        Streams(address, authority).open(account_id=str(account)) as stream,
    ):
        await eventually(lambda: stream.events)
        await eventually(lambda: service.running.broadcaster._any_live)
        await asyncio.sleep(0.3)  # it waits now, as a silent stream does
        clock.advance(seconds=1)
        authority.people.learn(authority.account(account, "separated", clock.now()))
        await eventually(lambda: stream.ended)
        assert stream.end["params"] == {"status": "separated"}


def held_by(gate, stream):
    """Return `stream` as it is while the gate is open; otherwise it waits after what it sends, as for a full socket."""

    async def held(viewer):
        async for sent in stream(viewer):
            yield sent
            await gate.wait()

    return held


async def test_a_slow_client_delays_no_other_client_and_misses_no_alert(hotlist, streams):
    """One client stops reading for a while; its alerts wait in Postgres, not in memory."""
    await hotlist.listed("7ABC123")
    broadcaster = hotlist.running.broadcaster
    plain = broadcaster.stream
    gate = asyncio.Event()
    gate.set()
    broadcaster.stream = held_by(gate, plain)
    async with streams.open() as slow:
        await eventually(lambda: broadcaster._any_live)
        gate.clear()
        broadcaster.stream = plain
        async with streams.open() as fast:
            await eventually(lambda: fast.events)
            await seen(hotlist, 60)
            await eventually(lambda: len(fast.ids) == 60)
            [viewer] = [v for v in broadcaster._viewers if v.behind]
            assert len(viewer._waiting) <= 20
            gate.set()
            await eventually(lambda: len(slow.ids) == 60)
            assert slow.ids == fast.ids
            await eventually(lambda: not viewer.behind)
            await seen(hotlist, 1)
            await eventually(lambda: len(slow.ids) == len(fast.ids) == 61)


async def test_a_disconnected_client_is_removed(hotlist, streams):
    broadcaster = hotlist.running.broadcaster
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        assert len(broadcaster._viewers) == 1
        assert REGISTRY.get_sample_value("alpr_alert_streams") == 1
    await eventually(lambda: not broadcaster._viewers)
    assert REGISTRY.get_sample_value("alpr_alert_streams") == 0


@pytest.mark.clause("wall/alert-streams")
async def test_a_sixth_stream_of_an_account_ends_its_oldest(hotlist, streams):
    await hotlist.listed("7ABC123")
    account_id = str(uuid4())
    async with contextlib.AsyncExitStack() as stack:
        opened = []
        for _ in range(6):
            stream = await stack.enter_async_context(streams.open(account_id=account_id))
            await eventually(lambda s=stream: s.events)
            opened.append(stream)
        other = await stack.enter_async_context(streams.open())
        await eventually(lambda: other.events)
        await eventually(lambda: opened[0].ended)
        assert opened[0].end["code"] == "alert_stream_replaced"
        assert opened[0].end["params"] == {"max_streams": 5}
        await seen(hotlist, 1)
        await eventually(lambda: all(stream.alerts for stream in [*opened[1:], other]))
        assert not opened[0].alerts
        assert not any(stream.ended for stream in [*opened[1:], other])


@pytest.mark.clause("wall/alert-streams")
async def test_one_account_cannot_use_up_the_alert_streams(hotlist, streams, monkeypatch):
    few = hotlist.running.settings.model_copy(
        update={"hotlist_max_streams": 4, "hotlist_reserved_streams": 2}
    )
    monkeypatch.setattr(hotlist.running.broadcaster, "_settings", few)
    greedy = str(uuid4())
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            stream = await stack.enter_async_context(streams.open(account_id=greedy))
            await eventually(lambda s=stream: s.events)
        with pytest.raises(AssertionError, match="no more alert streams"):
            await stack.enter_async_context(streams.open(account_id=greedy))
        for _ in range(2):
            stream = await stack.enter_async_context(streams.open(account_id=str(uuid4())))
            await eventually(lambda s=stream: s.events)
        with pytest.raises(AssertionError, match=r'no more alert streams.*"retry_after_s":5'):
            await stack.enter_async_context(streams.open(account_id=str(uuid4())))


@pytest.mark.clause("wall/alert-streams")
async def test_streams_whose_client_does_not_read_do_not_pile_up(hotlist, streams, monkeypatch):
    """A newer stream of the account replaces such a stream, which does not end until its client reads or leaves."""
    broadcaster = hotlist.running.broadcaster
    one = hotlist.running.settings.model_copy(update={"hotlist_account_streams": 1})
    monkeypatch.setattr(broadcaster, "_settings", one)
    gate = asyncio.Event()
    monkeypatch.setattr(broadcaster, "stream", held_by(gate, broadcaster.stream))
    greedy = str(uuid4())
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            stream = await stack.enter_async_context(streams.open(account_id=greedy))
            await eventually(lambda s=stream: s.events)
        with pytest.raises(AssertionError, match="no more alert streams"):
            await stack.enter_async_context(streams.open(account_id=greedy))
        other = await stack.enter_async_context(streams.open(account_id=str(uuid4())))
        await eventually(lambda: other.events)
        gate.set()


@pytest.mark.clause("wall/alert-streams")
async def test_streams_that_are_opened_at_once_are_no_more_than_there_may_be(
    hotlist, streams, monkeypatch
):
    """After a restart every client comes back at once."""
    broadcaster = hotlist.running.broadcaster
    few = hotlist.running.settings.model_copy(
        update={"hotlist_max_streams": 4, "hotlist_reserved_streams": 2}
    )
    monkeypatch.setattr(broadcaster, "_settings", few)
    all_ask, last = asyncio.Barrier(6), broadcaster.last

    async def meets():
        async with asyncio.timeout(20):
            await all_ask.wait()
        return await last()

    monkeypatch.setattr(broadcaster, "last", meets)
    greedy = str(uuid4())
    async with contextlib.AsyncExitStack() as stack:
        opened = await asyncio.gather(
            *(stack.enter_async_context(streams.open(account_id=greedy)) for _ in range(6))
        )
        await eventually(lambda: all(stream.events for stream in opened), within_s=30)
        ends = [stream.end["code"] for stream in opened if stream.end]
        assert ends == ["alert_streams_full"] * 4
        assert sum(stream.events[0][1] == "ready" for stream in opened) == 2


async def test_streams_end_when_the_server_stops(hotlist, streams):
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        hotlist.running.broadcaster.close()
        await eventually(lambda: stream.ended)
        assert (stream.end["code"], stream.end["status"]) == ("alert_stream_stopped", 503)
        assert stream.end["detail"].startswith("the server stops")
        with pytest.raises(AssertionError, match="no more alert streams"):
            async with streams.open():
                pass


async def test_a_hit_raised_by_another_replica_reaches_the_stream(
    hotlist, settings, bus, objects, clock, authority, policy
):
    """At once, and so does a hit of its own: neither waits for the poll."""
    await hotlist.listed("7ABC123")
    seldom = settings.model_copy(update={"hotlist_poll_s": 60})
    async with serving(seldom, bus, objects, clock, authority, policy) as other:
        await other.running.notices.connected()
        async with served(other.app) as base_url, Streams(base_url, authority).open() as stream:
            await eventually(lambda: stream.events)
            await eventually(lambda: other.running.broadcaster._any_live)
            await hotlist.see(hotlist.read())
            await eventually(lambda: len(stream.alerts) == 1)
            await other.see(hotlist.read(device=uuid4()))
            await eventually(lambda: len(stream.alerts) == 2)


@pytest.mark.clause("wall/tick")
async def test_an_open_stream_continues_unchecked_for_the_time_of_the_policy(
    hotlist, streams, authority, clock
):
    await hotlist.listed("7ABC123")
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        lost_at = clock.now()
        authority.people.assume_current(lost_at)
        clock.advance(seconds=1)
        await eventually(lambda: [e for e in stream.events if e[1] == "unchecked"])
        await seen(hotlist, 1)
        await eventually(lambda: stream.alerts)
        async with hotlist.runtime.db.begin() as connection:
            [unchecked] = await connection.execute(
                text("SELECT value FROM outbox WHERE topic = 'alpr.alerts.unchecked'")
            )
        told = json.loads(unchecked.value)
        assert told["actor"]["name"] == "Officer Seven"
        opened = (await hotlist.announced(AccessAttempted))[-1]
        assert told["attempt_id"] == str(opened.attempt_id)
        [notice] = [json.loads(data) for _, name, data in stream.events if name == "unchecked"]
        assert (notice["since"], notice["ends_at"]) == (told["since"], told["ends_at"])
        ends_at = datetime.fromisoformat(told["ends_at"])
        assert ends_at - datetime.fromisoformat(told["since"]) == timedelta(seconds=120)
        clock.advance(seconds=118)
        assert not stream.ended
        clock.advance(seconds=2)
        await eventually(lambda: stream.ended)
        assert stream.end["code"] == "alert_stream_unchecked"
        assert stream.end["params"] == {"unchecked_s": 120}
    with pytest.raises(AssertionError, match="cannot be checked"):
        async with streams.open():
            pass


@pytest.mark.clause("wall/tick")
async def test_a_stream_is_notified_when_accounts_can_be_checked_again(streams, authority, clock):
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        authority.people.assume_current(clock.now())
        clock.advance(seconds=1)
        await eventually(lambda: [e for e in stream.events if e[1] == "unchecked"])
        authority.people.learn(authority.tick())
        await eventually(lambda: [e for e in stream.events if e[1] == "checked"])
        assert not stream.ended


@pytest.mark.clause("wall/log-behind")
async def test_a_stream_ends_once_the_audit_log_is_too_far_behind(hotlist, streams, clock, policy):
    limit_s = policy.limits.audit_behind_refuses_s
    hotlist.runtime.agreement.coverage = Coverage("hotlist", clock, limit_s)
    await hotlist.listed("7ABC123")
    clock.advance(seconds=limit_s)
    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        clock.advance(seconds=1)
        await seen(hotlist, 1)
        await eventually(lambda: stream.ended)
        assert (stream.end["code"], stream.end["status"]) == ("audit_log_behind", 503)
        assert (stream.alerts, stream.end["retry_after_s"]) == ([], 60)
    covered = LogCovered(occurred_at=clock.now(), covered_until=clock.now())
    await hotlist.runtime.agreement.learn([covered])
    async with streams.open(0) as stream:
        await eventually(lambda: stream.alerts)


@pytest.mark.clause("468.4(b)/late")
async def test_a_late_hit_is_on_its_own_list_and_never_an_alert(hotlist, streams):
    await hotlist.listed("7ABC123")
    async with streams.open() as live:
        await eventually(lambda: live.events)
        await seen(hotlist, 1, ago_s=901)
        await seen(hotlist, 1, ago_s=899)
        await eventually(lambda: live.alerts)
        await asyncio.sleep(0.3)  # a beat longer, for one that should not come
        assert [alert["late"] for alert in live.alerts] == [False]
    async with streams.open(0) as resumed:
        await eventually(lambda: resumed.alerts)
        assert [alert["late"] for alert in resumed.alerts] == [False]
        assert resumed.ids == live.ids
    [late] = await hotlist.hits(late=True)
    [other] = await hotlist.hits(late=False)
    assert (late["late"], other["seq"]) == (True, live.ids[0])
    assert len(await hotlist.hits()) == 2


@pytest.mark.clause("468.4(b)/late")
@pytest.mark.clause("468.5/late")
async def test_a_hit_of_a_read_that_ingest_called_late_is_no_alert(hotlist, streams):
    """One rule: a late record raises a late hit; ingest, which knows the device, decides."""
    await hotlist.listed("7ABC123", "8ABC123")
    async with streams.open() as live:
        await eventually(lambda: live.events)
        await hotlist.see(hotlist.read(ago_s=100, late=True))
        await hotlist.see(hotlist.read("8ABC123", ago_s=100, late=False))
        await eventually(lambda: live.alerts)
        await asyncio.sleep(0.3)
        assert [alert["plate_read"] for alert in live.alerts] == ["8ABC123"]
    [late] = await hotlist.hits(late=True)
    assert late["plate_read"] == "7ABC123"
