"""Requests for hits that are patrol, and those that need a declared purpose (policy 468.4(a), (b))."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from shared.core.permissions import Permission
from shared.events import AccessAttempted, HitDisposed, HitVerified, RecordsDisclosed
from shared.testing import eventually

VERIFIED = {"method": "CLETS", "reference": "T26-1", "outcome": "correct_read"}
DISPOSED = {"disposition": "vehicle recovered", "enforcement": False}
PICTURE = b"\xff\xd8\xffa picture"
HITS = (Permission.HIT_READ, Permission.HIT_VERIFY, Permission.HIT_DISPOSE)


@pytest.fixture
async def hit(hotlist, objects):
    """A hit with its pictures, captured a second ago."""
    for key in ("crops/1.jpg", "captures/1.jpg"):
        await objects.put(key, PICTURE)
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(crop_key="crops/1.jpg", image_key="captures/1.jpg"))
    [hit] = await hotlist.hits()
    await hotlist.disclosed()
    hotlist.bus.records.clear()
    return hit


def acts(hit):
    """Return every request for a hit by its id."""
    path = f"/v1/hits/{hit['hit_id']}"
    return [
        ("GET", path, None, 200),
        ("GET", f"{path}/crop", None, 200),
        ("GET", f"{path}/image", None, 200),
        ("POST", f"{path}/verification", VERIFIED, 200),
        ("POST", f"{path}/disposition", DISPOSED, 200),
    ]


async def patrol(hotlist, method, path, body=None, **claims):
    """Ask without a purpose."""
    headers = hotlist.authority.headers(*HITS, purpose=False, **claims)
    return await hotlist.client.request(method, path, json=body, headers=headers)


@pytest.mark.clause("468.4(a)/old-hits")
@pytest.mark.clause("468.4(b)/patrol")
async def test_a_fresh_hit_needs_no_purpose(hotlist, hit):
    hotlist.clock.advance(hours=11, minutes=59, seconds=59)
    page = (await patrol(hotlist, "GET", "/v1/hits")).json()
    assert [one["hit_id"] for one in page["items"]] == [hit["hit_id"]]
    assert datetime.fromisoformat(page["captured_since"]) <= datetime.fromisoformat(
        hit["captured_at"]
    )
    for method, path, body, status in acts(hit):
        assert (await patrol(hotlist, method, path, body)).status_code == status, path


@pytest.mark.clause("468.4(a)/old-hits")
async def test_an_older_hit_needs_a_purpose_for_every_act(hotlist, hit):
    hotlist.clock.advance(hours=12)
    assert (await patrol(hotlist, "GET", "/v1/hits")).json()["items"] == []
    await hotlist.disclosed()
    hotlist.bus.records.clear()
    for method, path, body, _ in acts(hit):
        answer = await patrol(hotlist, method, path, body)
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "purpose_missing_for"
        assert "more than 12 hours ago" in answer.json()["detail"]
        assert "7ABC123" not in answer.text
    for kind in (RecordsDisclosed, HitVerified, HitDisposed):
        assert await hotlist.announced(kind) == []
    refused = [a for a in await hotlist.announced(AccessAttempted) if not a.allowed]
    assert len(refused) == 5
    assert all("more than 12 hours ago" in attempt.reason for attempt in refused)
    page = await hotlist.call("GET", "/v1/hits")
    assert [one["hit_id"] for one in page["items"]] == [hit["hit_id"]]
    assert page["captured_since"] is None
    for method, path, body, status in acts(hit):
        answer = await hotlist.client.request(method, path, json=body, headers=hotlist.headers())
        assert answer.status_code == status, path


@pytest.mark.clause("468.4(a)/old-hits")
async def test_the_age_of_a_late_hit_counts_from_its_capture(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(ago_s=13 * 3600))
    assert (await patrol(hotlist, "GET", "/v1/hits?late=true")).json()["items"] == []
    [late] = (await hotlist.call("GET", "/v1/hits?late=true"))["items"]
    assert (await patrol(hotlist, "GET", f"/v1/hits/{late['hit_id']}")).status_code == 403


@pytest.mark.clause("468.4(a)/old-hits")
async def test_a_hit_whose_read_is_destroyed_needs_a_purpose(hotlist, hit):
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=VERIFIED, status=200)
    read = hotlist.read()
    hotlist.clock.advance(days=400)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=399), gone=[read])
    assert (await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}"))["purged_at"] is not None
    assert (await patrol(hotlist, "GET", "/v1/hits")).json()["items"] == []
    assert (await patrol(hotlist, "GET", f"/v1/hits/{hit['hit_id']}")).status_code == 403


@pytest.mark.clause("468.4(a)/old-hits")
async def test_a_hit_of_another_agency_is_not_found_with_or_without_a_purpose(hotlist, hit):
    hotlist.clock.advance(hours=13)
    for method, path, body, _ in acts(hit):
        answer = await patrol(hotlist, method, path, body, ori="CA0999900")
        assert answer.status_code == 404, path


@pytest.mark.clause("468.4(a)/old-hits")
async def test_a_stream_that_resumes_late_sends_no_old_hits(hotlist, hit, streams):
    hotlist.clock.advance(hours=13)
    for purpose in (False, True):
        headers = hotlist.authority.headers(Permission.ALERT_RECEIVE, purpose=purpose)
        async with streams.open(0, headers=headers) as stream:
            await eventually(lambda s=stream: s.events)
            await hotlist.see(hotlist.read(device=uuid4()))
            await eventually(lambda s=stream: s.alerts)
            assert hit["hit_id"] not in [alert["hit_id"] for alert in stream.alerts]


@pytest.mark.clause("468.4(a)/waiting")
async def test_waiting_hits_are_counted_by_tier_without_a_purpose_or_a_plate(hotlist, hit):
    await hotlist.listed("7ABC128", source="federal")
    await hotlist.listed("7ABC129", kind="lost_plate")
    hotlist.clock.advance(hours=13)
    await hotlist.see(hotlist.read("7ABC128"), hotlist.read("7ABC129"))
    hotlist.bus.records.clear()
    answer = await patrol(hotlist, "GET", "/v1/hits/waiting", sources=["department"])
    found = answer.json()
    assert [(t["tier"], t["count"]) for t in found["tiers"]] == [("high", 1), ("low", 1)]
    assert found["count"] == 2
    assert found["oldest_at"] == found["tiers"][0]["oldest_at"] == hit["raised_at"]
    assert "7ABC" not in answer.text
    assert hit["hit_id"] not in answer.text
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=VERIFIED, status=200)
    found = (await patrol(hotlist, "GET", "/v1/hits/waiting", sources=["department"])).json()
    assert [(t["tier"], t["count"]) for t in found["tiers"]] == [("low", 1)]


@pytest.mark.clause("468.4(a)/plates-by-purpose")
async def test_list_entries_and_set_aside_lines_require_a_purpose(hotlist):
    list_id = await hotlist.list()
    rows = "".join(f"7ABC{n},CA,stolen_vehicle\n" for n in range(100, 140))
    await hotlist.upload(list_id, f"plate,state,record_kind\n{rows}7ABC-??-!!,CA,no_such\n")
    patrol_headers = hotlist.authority.headers(purpose=False)
    version = f"/v1/lists/{list_id}/versions/1"
    for method, path, body in (
        ("POST", f"/v1/lists/{list_id}/entries/search", {"plate": "7ABC100"}),
        ("GET", f"{version}/set-aside", None),
        ("GET", f"{version}/set-aside.csv", None),
    ):
        hotlist.bus.records.clear()
        refused = await hotlist.client.request(method, path, json=body, headers=patrol_headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "purpose_missing"), path
        assert "7ABC" not in refused.text
        assert await hotlist.disclosed() == []
        shown = await hotlist.client.request(method, path, json=body, headers=hotlist.headers())
        assert (shown.status_code, "7ABC" in shown.text) == (200, True), path
        [told] = await hotlist.disclosed()
        assert told.count == 1
    assert (await hotlist.client.get("/v1/lists", headers=patrol_headers)).status_code == 200


@pytest.mark.clause("468.4(a)/purpose-opens")
@pytest.mark.parametrize("kind", ["release", "audit"])
async def test_list_entries_are_refused_for_a_purpose_of_another_kind(hotlist, kind):
    list_id = await hotlist.listed("7ABC123")
    path = f"/v1/lists/{list_id}/entries/search"

    async def asked(kind):
        headers = hotlist.authority.headers(Permission.HOTLIST_READ, purpose=kind)
        return await hotlist.client.post(path, json={}, headers=headers)

    refused = await asked(kind)
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose_does_not_open")
    assert f"the purpose {kind} does not open hotlist:read; these do: " in refused.json()["detail"]
    assert "7ABC123" not in refused.text
    assert "7ABC123" in (await asked("stolen_plate")).text


ON_FILE = {
    "versions": "created_by",
    "activations": "reason",
    "verifications": "outcome",
    "dispositions": "unverified_reason",
}
"""A column of each table whose rows never change."""


async def test_the_services_role_changes_nothing_that_people_found_and_deletes_no_list(hotlist):
    """Whatever software has the role: what it may do is in `grants.sql` alone (ADR-0016)."""
    statements = [f"DELETE FROM {table}" for table in (*ON_FILE, "lists", "snapshots")]
    statements += [f"UPDATE {table} SET {one} = {one}" for table, one in ON_FILE.items()]
    for statement in statements:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with hotlist.runtime.db.begin() as connection:
                await connection.execute(text(statement))
