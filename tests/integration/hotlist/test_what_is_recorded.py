"""What changes of lists, feeds and hits leave in the log, each event whole: what, whose, when, and why."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import msgspec
import pytest

from services.hotlist.actions import deliveries
from shared.events import (
    AccessAttempted,
    HitAcknowledged,
    HitDisposed,
    HitVerified,
    HotListActivated,
    HotListChanged,
    RecordsDisclosed,
)
from tests.integration.hotlist.feeds import Source, plates, rows

PERSON = {
    "account_id": "00000000-0000-4000-8000-0000000000ab", "name": "Ida Vega", "title": "Detective",
}  # fmt: skip
ACTOR = {
    "person_id": PERSON["account_id"], "name": "Ida Vega", "title": "Detective",
    "agency_ori": "CA0520100",
}  # fmt: skip
LAYOUT = {
    "delimiter": "pipe",
    "header": False,
    "columns": [
        {"field": "plate", "number": 1},
        {"field": "state", "number": 2},
        {"field": "record_kind", "number": 3},
    ],
    "kinds": [
        {"code": "SV", "record_kind": "stolen_vehicle", "on": True},
        {"code": "LP", "record_kind": "lost_plate", "on": False},
    ],
}


def whole(event):
    """Return an event as JSON has it, without its own id."""
    told = msgspec.to_builtins(event)
    del told["event_id"]
    return told


async def changes(hotlist):
    """Return what is recorded of changes of lists: what, by whom, when, the list and the details."""
    found = await hotlist.announced(HotListChanged)
    return [
        (one.change, msgspec.to_builtins(one.actor), one.occurred_at, str(one.list_id), one.details)
        for one in found
    ]


async def test_a_list_and_its_switches(hotlist):
    headers = hotlist.headers(**PERSON)

    async def call(method, path, body, status=200):
        hotlist.clock.advance(minutes=1)
        return await hotlist.call(method, path, json=body, headers=headers, status=status)

    body = {"name": "SVS", "source": "state", "staleness_hours": 3}
    made = await call("POST", "/v1/lists", body, 201)
    path = f"/v1/lists/{made['list_id']}"
    created = hotlist.clock.now()
    off = ["repossessed_vehicle"]
    await call("PATCH", path, {"enabled": False, "record_kinds_off": off, "staleness_hours": None})
    await call("PATCH", path, {"enabled": True})
    shown = await call("PATCH", path, {"staleness_hours": 2})
    now = hotlist.clock.now()
    assert await changes(hotlist) == [
        ("created", ACTOR, created, made["list_id"], {"name": "SVS", "source": "state"}),
        (
            "switched_off",
            ACTOR,
            now - timedelta(minutes=2),
            made["list_id"],
            {"enabled": "False", "record_kinds_off": str(off), "staleness_hours": "None"},
        ),
        ("switched_on", ACTOR, now - timedelta(minutes=1), made["list_id"], {"enabled": "True"}),
        ("changed", ACTOR, now, made["list_id"], {"staleness_hours": "2"}),
    ]
    assert shown == {
        "list_id": made["list_id"], "name": "SVS", "agency_ori": "CA0520100", "source": "state", "enabled": True,
        "staleness_hours": 2, "record_kinds_off": off, "active_version": None, "entries": 0, "as_of": None,
        "activated_at": None, "stale": False, "created_at": made["created_at"], "created_by": "Ida Vega",
        "has_layout": False,
    }  # fmt: skip
    assert datetime.fromisoformat(made["created_at"]) == created


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_feed_from_its_issue_to_its_end(hotlist):
    source = Source(hotlist, await hotlist.listed(*plates(4), source="state", name="SVS"))
    hotlist.clock.advance(minutes=1)
    issued_at = hotlist.clock.now()
    ends = issued_at + timedelta(days=90)
    await source.issue(**PERSON)
    feed_id = source.feed["feed_id"]
    hotlist.clock.advance(minutes=5)
    text, as_of = rows(*plates(5)), hotlist.clock.now() - timedelta(minutes=4)
    await source.deliver(text, as_of=as_of.isoformat())
    delivered_at = hotlist.clock.now()
    feed = {
        "person_id": f"system:feed/{feed_id}", "name": "feed SVS", "title": "feed", "agency_ori": "CA0520100",
    }  # fmt: skip
    digest = sha256(text.encode()).hexdigest()
    attempts = await hotlist.announced(AccessAttempted)
    [attempt] = [whole(one) for one in attempts if one.route == deliveries.PATH]
    for own in ("attempt_id", "request_id"):
        del attempt[own]
    assert attempt == {
        "occurred_at": whole(attempts[-1])["occurred_at"], "actor": feed, "service": "hotlist",
        "permission": "hotlist:manage", "method": "EVENT", "route": deliveries.PATH, "allowed": True,
        "elements": {"list_id": source.list_id, "as_of": as_of.isoformat(), "sha256": digest},
        "client_address": "127.0.0.1",
    }  # fmt: skip
    [*_, activated] = await hotlist.announced(HotListActivated)
    assert whole(activated) == {
        "occurred_at": whole(attempts[-1])["occurred_at"], "actor": feed, "list_id": source.list_id,
        "list_name": "SVS", "version": 2, "entries": 5, "source": "state",
    }  # fmt: skip
    [shown] = (await source.path("GET", "feeds"))["items"]
    times = {
        name: shown[name] and datetime.fromisoformat(shown[name])
        for name in ("issued_at", "expires_at", "revoked_at", "last_delivered_at")
    }
    assert times == {
        "issued_at": issued_at, "expires_at": ends, "revoked_at": None, "last_delivered_at": delivered_at,
    }  # fmt: skip
    assert {name: shown[name] for name in shown if name not in times} == {
        "feed_id": feed_id, "list_id": source.list_id, "name": "SVS", "issued_by": "Ida Vega", "ended": False,
    }  # fmt: skip
    hotlist.clock.advance(minutes=5)
    path, body = f"feeds/{feed_id}/revocation", {"reason": "the key was on a stolen laptop"}
    revoked = await source.path("POST", path, json=body, headers=hotlist.headers(**PERSON))
    assert datetime.fromisoformat(revoked["revoked_at"]) == hotlist.clock.now()
    named = {"feed_id": feed_id, "name": "SVS"}
    told = [one for one in await changes(hotlist) if one[0].startswith("feed_")]
    assert told == [
        ("feed_issued", ACTOR, issued_at, source.list_id, named | {"expires_at": ends.isoformat()}),
        ("feed_revoked", ACTOR, hotlist.clock.now(), source.list_id, named | body),
    ]


async def test_a_feed_past_its_end_is_shown_as_ended(hotlist):
    source = Source(hotlist, await hotlist.list("state"))
    await source.issue(within=timedelta(hours=1))
    hotlist.clock.advance(minutes=59)
    [shown] = (await source.path("GET", "feeds"))["items"]
    assert shown["ended"] is False
    hotlist.clock.advance(minutes=1)
    [shown] = (await source.path("GET", "feeds"))["items"]
    assert (shown["ended"], shown["revoked_at"]) == (True, None)
    assert (await source.issue(within=timedelta(days=367), status=422))["params"] == {
        "max_days": 366
    }


async def test_a_layout_that_is_set_and_removed(hotlist):
    source = Source(hotlist, await hotlist.list("state"))
    headers = hotlist.headers(**PERSON)
    await source.path("PUT", "layout", json=LAYOUT, headers=headers)
    set_at = hotlist.clock.now()
    assert (await source.in_force())["has_layout"] is True
    hotlist.clock.advance(minutes=1)
    removed = await source.path("POST", "layout/removal", headers=headers)
    assert removed["has_layout"] is False
    _, was_set, removed = await changes(hotlist)
    stored = msgspec.json.decode(was_set[4]["layout"])
    assert (was_set[:4], stored["kinds"]) == (
        ("layout_set", ACTOR, set_at, source.list_id),
        LAYOUT["kinds"],
    )
    assert removed == ("layout_removed", ACTOR, hotlist.clock.now(), source.list_id, {})


async def test_a_preview_shows_each_line_as_it_would_be_read(hotlist):
    source = Source(hotlist, await hotlist.list("state"))
    columns = ("plate", "state", "record_kind", "reason", "entering_ori", "make", "year", "caution")
    layout = LAYOUT | {
        "columns": [
            *({"field": name, "number": n} for n, name in enumerate(columns, 1)),
            {"field": "expires_at", "number": 9},
        ],
        "dates": "YYYYMMDD",
        "zone": "UTC",
    }
    lines = (
        "7ABC-123|CA|SV|taken|CA0520000|TOYT|2019|Armed|20270102",
        "8XYZ999|CA|LP||||||",
        "9BAD999|CA|XX||||||",
    )
    sample = b64encode("".join(f"{line}\n" for line in lines).encode()).decode()
    found = await source.path("POST", "layout/preview", json={"layout": layout, "sample": sample})
    [entry] = found["entries"]
    ends = datetime.fromisoformat(entry.pop("expires_at"))
    assert ends == datetime(2027, 1, 3, tzinfo=UTC), "the end of its day"
    assert entry == {
        "line": 1, "plate": "7ABC123", "plate_listed": "7ABC-123", "partial": False, "state": "US-CA",
        "record_kind": "stolen_vehicle", "reason": "taken", "entering_ori": "CA0520000",
        "entering_reference": None, "make": "TOYT", "model": None, "colour": None, "year": 2019,
        "caution": "Armed", "valid_from": None,
    }  # fmt: skip
    [faulty] = found["set_aside"]
    assert (faulty["line"], faulty["column"], faulty["field"]) == (3, 3, "record_kind")
    assert faulty["content"].startswith("9BAD999")
    assert faulty["fault"]
    assert found["skipped"] == {"lost_plate": 1}


async def test_an_upload_and_what_puts_it_in_and_out_of_force(hotlist):
    list_id = await hotlist.list("state", name="SVS", record_kinds_off=["parts"])
    headers = hotlist.headers(**PERSON)
    text = "plate,state,record_kind\n" + "".join(
        f"7ABC{n},CA,stolen_vehicle\n" for n in range(100, 130)
    )
    text += "8XYZ999,CA,parts\n9BAD999,ZZ,stolen_vehicle\n"
    at, as_of = hotlist.clock.now(), hotlist.clock.now() - timedelta(hours=1)
    made = await hotlist.upload(
        list_id, text, headers=headers, activate=False, as_of=as_of.isoformat()
    )
    digest = sha256(text.encode()).hexdigest()
    times = ("as_of", "created_at")
    assert [datetime.fromisoformat(made[name]) for name in times] == [as_of, at]
    [because] = made["skipped_because"]
    assert "parts" in because
    assert {name: made[name] for name in made if name not in (*times, "skipped_because")} == {
        "list_id": list_id, "version": 1, "state": "draft", "entries": 30, "skipped": {"parts": 1},
        "set_aside": 1, "needs_second_word": False, "regions": [{"region": "US-CA", "taken_from": "CA"}],
        "sha256": digest, "created_by": "Ida Vega",
    }  # fmt: skip
    [listed] = (await hotlist.call("GET", f"/v1/lists/{list_id}/versions"))["items"]
    assert listed == made | {"regions": []}
    assert (await changes(hotlist))[-1] == (
        "uploaded", ACTOR, at, list_id,
        {"version": "1", "entries": "30", "skipped": '{"parts": 1}', "set_aside": "1", "sha256": digest},
    )  # fmt: skip
    path = f"/v1/lists/{list_id}"
    asked = await hotlist.call("GET", f"{path}/versions/1/changes", headers=headers)
    assert asked.pop("as_of") == made["as_of"]
    assert asked == {
        "version": 1, "in_force": None, "added": 30, "removed": 0, "unchanged": 0,
        "needs_second_word": False, "yours": True, "older": False,
    }  # fmt: skip
    hotlist.clock.advance(minutes=1)
    shown = await hotlist.call("POST", f"{path}/versions/1/activation", headers=headers)
    at = [datetime.fromisoformat(shown.pop(name)) for name in ("as_of", "activated_at")]
    assert at == [as_of, hotlist.clock.now()]
    assert (shown["active_version"], shown["entries"], shown["stale"]) == (1, 30, False)
    at = hotlist.clock.now()
    await hotlist.call(
        "POST", f"{path}/withdrawal", json={"reason": "wrong county"}, headers=headers
    )
    said = {
        "occurred_at": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "actor": ACTOR,
        "list_id": list_id, "list_name": "SVS", "version": 1, "source": "state",
    }  # fmt: skip
    assert [whole(one) for one in await hotlist.announced(HotListActivated)] == [
        said | {"entries": 30},
        said | {"entries": 0, "change": "withdrawn", "reason": "wrong county"},
    ]


@pytest.mark.clause("468.4(f)/verification")
async def test_what_people_record_about_a_hit(hotlist):
    """The capture was yesterday, so its day is another than that of the words about it."""
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(ago_s=0))
    hotlist.clock.advance(hours=13)
    [hit] = await hotlist.hits()
    captured_on = datetime.fromisoformat(hit["captured_at"]).astimezone(UTC).date()
    assert captured_on != hotlist.clock.now().astimezone(UTC).date()
    headers, path = hotlist.headers(**PERSON), f"/v1/hits/{hit['hit_id']}"
    verified = {"method": "CLETS", "reference": "T26-1", "outcome": "wrong_state", "note": "Nevada"}
    disposed = {
        "result": "arrest", "disposition": "driver taken in", "enforcement": True,
        "unverified_reason": "it was leaving",
    }  # fmt: skip
    await hotlist.call("POST", f"{path}/verification", json=verified, headers=headers)
    hotlist.clock.advance(minutes=1)
    shown = await hotlist.call("POST", f"{path}/disposition", json=disposed, headers=headers)
    about = {
        "hit_id": hit["hit_id"], "read_id": hit["read_id"], "captured_on": captured_on.isoformat(),
    }  # fmt: skip

    def at(ago):
        return (hotlist.clock.now() - timedelta(minutes=ago)).astimezone(UTC)

    def said(ago):
        return at(ago).isoformat().replace("+00:00", "Z")

    [told] = await hotlist.announced(HitVerified)
    assert whole(told) == about | verified | {"verified_by": ACTOR, "occurred_at": said(1)}
    [told] = await hotlist.announced(HitDisposed)
    assert whole(told) == about | disposed | {"disposed_by": ACTOR, "occurred_at": said(0)}
    stored = shown["verification"], shown["dispositions"][0]
    assert [datetime.fromisoformat(one.pop("at")) for one in stored] == [at(1), at(0)]
    assert stored == (verified | {"by": ACTOR}, disposed | {"by": ACTOR})


async def test_who_took_an_alert_in_the_order_of_their_words(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path, first = f"/v1/hits/{hit['hit_id']}/acknowledgement", hotlist.clock.now()
    later = {"account_id": "00000000-0000-4000-8000-00000000000a", "name": "A. Later"}
    for claims in (PERSON, later):
        await hotlist.call(
            "POST", path, json={"acknowledged": True}, headers=hotlist.headers(**claims)
        )
        hotlist.clock.advance(minutes=1)
    [shown] = await hotlist.hits()
    assert [one["by"]["name"] for one in shown["acknowledgements"]] == ["Ida Vega", "A. Later"]
    one = shown["acknowledgements"][0]
    assert (one["by"], datetime.fromisoformat(one["at"])) == (ACTOR, first)
    told = (await hotlist.announced(HitAcknowledged))[0]
    assert (str(told.hit_id), told.occurred_at, msgspec.to_builtins(told.actor)) == (
        hit["hit_id"],
        first,
        ACTOR,
    )


async def test_the_counts_of_hits(hotlist):
    """Hits of two tiers, of which two are verified and one of these led to enforcement."""
    list_id = await hotlist.listed("7ABC123", "7ABC124", "7ABC125", "7ABC126")
    lost = await hotlist.listed("8XYZ999", kind="lost_plate")
    begun = hotlist.clock.now()
    for plate in ("7ABC123", "8XYZ999", "7ABC124", "7ABC125", "7ABC126"):
        hotlist.clock.advance(minutes=1)
        await hotlist.see(hotlist.read(plate, ago_s=30, device=uuid4()))
    hits = {hit["plate_read"]: hit["hit_id"] for hit in await hotlist.hits()}
    waiting = await hotlist.call("GET", "/v1/hits/waiting")
    oldest = [waiting["oldest_at"], *(tier["oldest_at"] for tier in waiting["tiers"])]
    assert [datetime.fromisoformat(one) - begun for one in oldest] == [
        timedelta(minutes=minutes) for minutes in (1, 1, 2)
    ]
    assert [(one["tier"], one["count"]) for one in waiting["tiers"]] == [("high", 4), ("low", 1)]
    assert (waiting["count"], waiting["unanswered"]) == (5, 0)
    for plate, outcome in (("7ABC123", "correct_read"), ("7ABC124", "misread")):
        body = {"method": "CLETS", "reference": "T26-1", "outcome": outcome}
        await hotlist.call("POST", f"/v1/hits/{hits[plate]}/verification", json=body)
    body = {"result": "arrest", "enforcement": True}
    await hotlist.call("POST", f"/v1/hits/{hits['7ABC123']}/disposition", json=body)
    counts = {
        "hits": 5, "unverified": 3, "verified": 2, "outcomes": {"correct_read": 1, "misread": 1},
        "results": {"arrest": 1}, "by_tier": {"high": 4, "low": 1}, "enforcement": 1, "correct_share": 0.5,
    }  # fmt: skip
    assert await hotlist.call("GET", "/v1/hits/outcomes") == counts
    since = begun.astimezone(UTC)
    found = await hotlist.call(
        "GET", f"/v1/lists/{list_id}/yield", params={"since": since.isoformat()}
    )
    assert datetime.fromisoformat(found.pop("since")) == since
    assert found == counts | {
        "list_id": list_id,
        "hits": 4,
        "unverified": 2,
        "by_tier": {"high": 4},
    }
    found = await hotlist.call("GET", f"/v1/lists/{lost}/yield")
    assert (found["since"], found["hits"], found["correct_share"]) == (None, 1, None)


async def test_of_unanswered_alerts_the_first_says_since_when(hotlist):
    await hotlist.listed("7ABC123")
    raised_at = []
    for _ in range(2):
        hotlist.clock.advance(minutes=1)
        await hotlist.see(hotlist.read(device=uuid4()))
        raised_at.append(hotlist.clock.now())
    hotlist.clock.advance(minutes=30)
    await hotlist.running.hit_changes.task.once()
    waiting = await hotlist.call("GET", "/v1/hits/waiting")
    since = datetime.fromisoformat(waiting["unanswered_since"])
    assert (waiting["unanswered"], since) == (2, raised_at[0])


async def test_a_refusal_of_a_contradicted_result_names_both(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}/disposition"
    for result, enforcement, word in (("arrest", False, "yes"), ("no_contact", True, "no")):
        body = {"result": result, "enforcement": enforcement}
        problem = await hotlist.call("POST", path, json=body, status=422)
        assert problem["params"] == {"result": result.replace("_", " "), "enforcement": word}


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_listed_plate_is_recorded_with_the_version_that_brought_it(hotlist):
    list_id = await hotlist.listed("9AAA111", source="state")
    await hotlist.add(list_id, "7ABC123")
    told = await hotlist.announced(RecordsDisclosed)
    named = [(r.record_id, r.plates) for e in told for day in e.records for r in day.shown]
    assert named == [(f"{list_id}/1", ["9AAA111"]), (f"{list_id}/2", ["7ABC123"])]
