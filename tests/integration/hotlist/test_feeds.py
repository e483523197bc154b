"""Feeds deliver extracts to one list, unattended: each file once, and by the rules that people have (ADR-0123)."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256

import pytest

from services.hotlist.actions import deliveries
from services.hotlist.domain.feeds import LONGEST, MAX_FEEDS
from shared.events import AccessAttempted, HotListActivated, HotListChanged
from tests.integration.hotlist.feeds import ISSUER, LAYOUT, Source, plates, rows

OTHER = {"account_id": "00000000-0000-4000-8000-0000000000bb", "name": "B. Other"}


@pytest.fixture
async def source(hotlist):
    made = Source(hotlist, await hotlist.listed(*plates(4), source="state"))
    await made.issue()
    hotlist.clock.advance(hours=1)
    return made


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_delivery_refreshes_its_list_under_the_name_of_its_feed(source):
    made = await source.deliver(rows(*plates(5)))
    assert (made["state"], made["entries"], made["list_id"]) == ("active", 5, source.list_id)
    [*_, activated] = await source.hotlist.announced(HotListActivated)
    assert activated.actor.person_id == f"system:feed/{source.feed['feed_id']}"
    attempts = await source.hotlist.announced(AccessAttempted)
    [attempt] = [one for one in attempts if one.route == deliveries.PATH]
    assert (attempt.allowed, attempt.actor, attempt.elements["list_id"]) == (
        True,
        activated.actor,
        source.list_id,
    )
    [feed] = (await source.path("GET", "feeds"))["items"]
    assert feed["last_delivered_at"] is not None
    assert "credential" not in feed


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_file_that_is_sent_again_is_one_version_and_does_not_return_after_a_rollback(
    source,
):
    text, as_of = rows(*plates(5)), source.hotlist.clock.now().isoformat()
    cut = await source.deliver(text[:-9], sha256=sha256(text.encode()).hexdigest(), status=400)
    assert cut["code"] == "sheet_digest_differs"
    first = await source.deliver(text, as_of=as_of)
    again = await source.deliver(text, as_of=as_of)
    assert {**again, "regions": first["regions"]} == first
    await source.path("POST", "rollback", json={"reason": "wrong county"})
    again = await source.deliver(text, as_of=as_of)
    assert (again["version"], again["state"]) == (first["version"], "retired")
    source.hotlist.clock.advance(hours=4)
    later = await source.deliver(text)
    assert (later["version"], later["state"]) == (first["version"] + 1, "active")


async def test_a_file_is_read_again_once_its_list_reads_otherwise(source):
    as_of = source.hotlist.clock.now().isoformat()
    text = "".join(f"{plate}|CA|SV\n" for plate in plates(6))
    kinds = [{"code": "SV", "record_kind": "lost_plate", "on": True}]
    await source.path("PUT", "layout", json={**LAYOUT, "kinds": kinds})
    source.hotlist.clock.advance(minutes=1)
    wrong = await source.deliver(text, as_of=as_of)
    source.hotlist.clock.advance(minutes=1)
    await source.path("PUT", "layout", json=LAYOUT)
    source.hotlist.clock.advance(minutes=1)
    right = await source.deliver(text, as_of=as_of)
    assert (right["version"], right["state"]) == (wrong["version"] + 1, "active")
    await source.path("PATCH", "", json={"record_kinds_off": ["canvass"]})
    assert (await source.deliver(text, as_of=as_of))["version"] == right["version"], "at once"
    source.hotlist.clock.advance(minutes=1)
    await source.path("PATCH", "", json={"record_kinds_off": []})
    assert (await source.deliver(text, as_of=as_of))["version"] == right["version"] + 1


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_list_of_the_department_has_no_feed(hotlist):
    made = Source(hotlist, await hotlist.list("department"))
    refused = await made.issue(status=409)
    assert refused["code"] == "feed_of_department"


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_credential_that_is_wrong_revoked_or_ended_delivers_nothing_and_is_on_record(
    source,
):
    good, text = source.credential, rows(*plates(5))
    feed_id, _, secret = good.partition(".")
    other = Source(source.hotlist, await source.hotlist.list("state"))
    await other.issue()
    for wrong in (
        f"{feed_id}.{secret[:-1]}",
        f"{other.feed['feed_id']}.{secret}",
        f"{source.list_id}.{secret}",
        "x",
        f"{feed_id}.",
    ):
        await source.deliver(text, credential=wrong, status=401)
    refused = await source.hotlist.announced(AccessAttempted)
    assert [one.allowed for one in refused if one.route == deliveries.PATH] == [False] * 5
    of_other = f"feeds/{other.feed['feed_id']}/revocation"
    await source.path("POST", of_other, json={"reason": "replaced"}, status=404)
    revoked = await source.path(
        "POST", f"feeds/{source.feed['feed_id']}/revocation", json={"reason": "replaced"}
    )
    assert revoked["ended"] is True
    await source.deliver(text, status=401)
    await source.path(
        "POST",
        f"feeds/{source.feed['feed_id']}/revocation",
        json={"reason": "replaced"},
        status=409,
    )
    other.hotlist.clock.advance(days=90)
    await other.deliver(text, status=401)
    changes = [one.change for one in await source.hotlist.announced(HotListChanged)]
    assert (changes.count("feed_issued"), changes.count("feed_revoked")) == (2, 1)


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_credential_of_a_feed_opens_no_other_route(source):
    headers = {"Authorization": f"Bearer {source.credential}"}
    for method, rest in (("GET", ""), ("POST", "/versions"), ("GET", "/feeds")):
        await source.hotlist.call(
            method, f"/v1/lists/{source.list_id}{rest}", headers=headers, status=401
        )
    person = source.hotlist.headers()["Authorization"].removeprefix("Bearer ")
    await source.deliver(rows(*plates(5)), credential=person, status=401)


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_feed_that_is_revoked_while_its_file_arrives_stores_nothing(source):
    begun, go_on = asyncio.Event(), asyncio.Event()
    data = rows(*plates(5)).encode()

    async def slow():
        yield data[:40]
        begun.set()
        await go_on.wait()
        yield data[40:]

    sending = asyncio.create_task(
        source.hotlist.client.post(
            deliveries.PATH,
            params={
                "as_of": source.hotlist.clock.now().isoformat(),
                "sha256": sha256(data).hexdigest(),
            },
            content=slow(),
            headers={"Authorization": f"Bearer {source.credential}", "Content-Type": "text/csv"},
        )
    )
    await begun.wait()
    await source.path(
        "POST", f"feeds/{source.feed['feed_id']}/revocation", json={"reason": "replaced"}
    )
    go_on.set()
    assert (await sending).status_code == 401
    assert (await source.in_force())["active_version"] == 1


@pytest.mark.clause("468.4(c)/second-word")
async def test_neither_who_issued_the_feed_nor_who_set_the_layout_gives_the_second_word(source):
    hotlist = source.hotlist
    made = await source.deliver(rows(*plates(2)))
    assert (made["state"], made["needs_second_word"]) == ("draft", True)
    path = f"/v1/lists/{source.list_id}/versions/{made['version']}/activation"
    refused = await hotlist.call("POST", path, headers=hotlist.headers(**ISSUER), status=403)
    assert refused["code"] == "version_needs_second_person"
    await source.path("PUT", "layout", json=LAYOUT, headers=hotlist.headers(**OTHER))
    made = await source.deliver("7ABC100|CA|SV\n")
    path = f"/v1/lists/{source.list_id}/versions/{made['version']}/activation"
    for claims in (ISSUER, OTHER):
        await hotlist.call("POST", path, headers=hotlist.headers(**claims), status=403)
    await hotlist.call("POST", path)


@pytest.mark.clause("468.4(c)/feeds")
async def test_a_feed_brings_no_list_into_force_that_a_person_has_not_put_in_force(source):
    await source.path("POST", "withdrawal", json={"reason": "the source is wrong"})
    made = await source.deliver(rows(*plates(5)))
    assert (made["state"], made["needs_second_word"]) == ("draft", False)
    assert (await source.in_force())["active_version"] is None


@pytest.mark.clause("468.4(c)/older-extract")
async def test_an_older_extract_replaces_a_newer_one_only_for_a_person_with_a_reason(source):
    hotlist, older = source.hotlist, timedelta(hours=3)
    refused = await source.deliver(rows(*plates(5)), ago=older, status=409)
    assert refused["code"] == "version_older"
    assert refused["params"]["in_force_as_of"] > refused["params"]["as_of"]
    as_of = (hotlist.clock.now() - older).isoformat()
    refused = await hotlist.upload(source.list_id, rows(*plates(5)), as_of=as_of, status=409)
    assert refused["code"] == "version_older"
    made = await hotlist.upload(source.list_id, rows(*plates(5)), as_of=as_of, activate=False)
    version = f"versions/{made['version']}"
    assert (await source.path("GET", f"{version}/changes"))["older"] is True
    await source.path("POST", f"{version}/activation", status=409)
    await source.path("POST", "rollback", json={"version": made["version"]}, status=409)
    await source.path("POST", f"{version}/activation", json={"reason": "the newer one is cut off"})
    [*_, activated] = await hotlist.announced(HotListActivated)
    assert activated.reason == "the newer one is cut off"
    made = await source.deliver(rows(*plates(6)), ago=timedelta(hours=2))
    assert made["state"] == "active", "it is newer than the one in force now"


@pytest.mark.clause("468.4(c)/older-extract")
async def test_an_extract_that_is_overtaken_while_it_arrives_does_not_come_into_force(source):
    begun, go_on = asyncio.Event(), asyncio.Event()
    data = rows(*plates(5)).encode()

    async def slow():
        yield data[:40]
        begun.set()
        await go_on.wait()
        yield data[40:]

    as_of = (source.hotlist.clock.now() - timedelta(minutes=30)).isoformat()
    headers = {"Content-Type": "text/csv", **source.hotlist.headers()}
    sending = asyncio.create_task(
        source.hotlist.client.post(
            f"/v1/lists/{source.list_id}/versions",
            params={"activate": True, "as_of": as_of},
            content=slow(),
            headers=headers,
        )
    )
    await begun.wait()
    newer = await source.deliver(rows(*plates(6)))
    go_on.set()
    assert (await sending).json()["code"] == "version_older"
    assert (await source.in_force())["active_version"] == newer["version"]


async def test_a_feed_ends_within_a_year_and_a_list_has_a_few(source):
    refused = await source.issue(within=LONGEST + timedelta(seconds=1), status=422)
    assert refused["code"] == "feed_too_long"
    await source.issue(within=timedelta(), status=422)
    for _ in range(MAX_FEEDS - 1):
        await source.issue()
    assert (await source.issue(status=409))["code"] == "feeds_too_many"
    first = await source.path("GET", "feeds", params={"limit": 3})
    rest = await source.path("GET", "feeds", params={"limit": 3, "after": first["next"]})
    found = [one["feed_id"] for one in first["items"] + rest["items"]]
    assert (len(set(found)), found) == (MAX_FEEDS, sorted(found, reverse=True))


@pytest.mark.clause("468.4(c)/source-codes")
async def test_a_list_reads_every_file_by_its_layout_until_it_is_removed(source):
    hotlist = source.hotlist
    await source.path("GET", "layout", status=404)
    set_to = await source.path("PUT", "layout", json=LAYOUT)
    assert await source.path("GET", "layout") == set_to
    [*_, changed] = await hotlist.announced(HotListChanged)
    assert (changed.change, '"code":"SV"' in changed.details["layout"]) == ("layout_set", True)
    text = "".join(f"{plate}|CA|SV\n" for plate in plates(30)) + "8XYZ999|CA|IV\n"
    made = await source.deliver(text)
    assert (made["entries"], made["set_aside"]) == (30, 1)
    made = await hotlist.upload(source.list_id, text)
    assert made["state"] == "active"
    assert (await source.path("POST", "layout/removal"))["active_version"] == 3
    await source.path("POST", "layout/removal", status=404)
    refused = await hotlist.upload(source.list_id, text, status=422)
    assert refused["code"] == "sheet_header_refused"
    prohibited = {"code": "IV", "record_kind": "immigration_violator", "on": True}
    body = {**LAYOUT, "kinds": [prohibited]}
    refused = await source.path("PUT", "layout", json=body, status=422)
    assert refused["params"]["because"]["code"] == "record_kind_prohibited"


async def test_a_preview_shows_how_a_sample_would_be_read_and_stores_nothing(source):
    sample = b64encode(b"7ABC123|CA|SV\n8XYZ999|CA|IV\n").decode()
    body = {"layout": LAYOUT, "sample": sample}
    path = f"/v1/lists/{source.list_id}/layout/preview"
    headers = source.hotlist.headers(purpose=False)
    assert (await source.hotlist.client.post(path, json=body, headers=headers)).status_code == 403
    found = await source.path("POST", "layout/preview", json=body)
    assert [(one["line"], one["plate"]) for one in found["entries"]] == [(1, "7ABC123")]
    assert [(one["line"], one["field"]) for one in found["set_aside"]] == [(2, "record_kind")]
    await source.path("GET", "layout", status=404)
    bad = {**body, "sample": "?"}
    await source.path("POST", "layout/preview", json=bad, status=422)
