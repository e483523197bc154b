"""Lists and versions: whole or not at all, forward and back, without copies of what did not change."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.access import Permission
from shared.events import AccessAttempted, HotListActivated, HotListChanged, RecordsDisclosed

HEADER = "plate,state,record_kind,reason\n"


async def plates(hotlist, list_id):
    found = await hotlist.call("POST", f"/v1/lists/{list_id}/entries/search", json={})
    return sorted(entry["plate"] for entry in found["items"])


async def rows_of(hotlist):
    async with hotlist.runtime.db.begin() as connection:
        return (await connection.execute(text("SELECT count(*) FROM entries"))).scalar_one()


async def test_an_upload_is_a_draft_until_it_is_activated(hotlist):
    list_id = await hotlist.list("state")
    made = await hotlist.upload(list_id, HEADER + "7ABC-123,CA,stolen_vehicle,x\n", activate=False)
    assert (made["version"], made["state"], made["entries"]) == (1, "draft", 1)
    await hotlist.see(hotlist.read())
    assert await hotlist.hits() == []
    shown = await hotlist.call("POST", f"/v1/lists/{list_id}/versions/1/activation")
    assert (shown["active_version"], shown["entries"], shown["stale"]) == (1, 1, False)
    await hotlist.see(hotlist.read(ago_s=0.5))
    assert len(await hotlist.hits()) == 1
    [activated] = await hotlist.announced(HotListActivated)
    assert (activated.version, activated.entries, activated.change) == (1, 1, "activated")
    assert [event.change for event in await hotlist.announced(HotListChanged)] == [
        "created",
        "uploaded",
    ]


async def test_every_fault_of_an_upload_is_named_and_nothing_is_kept(hotlist):
    list_id = await hotlist.list()
    good = "".join(f"1AAA{n:03},CA,stolen_vehicle,x\n" for n in range(5000))
    bad = (
        "!!!,CA,stolen_vehicle,x\n"
        "2BBB222,ZZ,stolen_vehicle,x\n"
        "2BBB223,CA,borrowed,x\n"
        "2BBB224,CA,stolen_vehicle\n"
        '2BBB225,CA,stolen_vehicle,"open\n'
    )
    problem = await hotlist.upload(list_id, HEADER + good + bad, status=422)
    assert [(e["line"], e["column"], e["field"]) for e in problem["errors"]] == [
        (5002, 1, "plate"),
        (5003, 2, "state"),
        (5004, 3, "record_kind"),
        (5005, None, None),
        (5006, None, None),
    ]
    assert problem["detail"].startswith("line 5002, column 1 (plate): ")
    assert "2BBB" not in str(problem)
    assert await rows_of(hotlist) == 0
    assert (await hotlist.call("GET", f"/v1/lists/{list_id}/versions"))["items"] == []


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        ("", 422, "line 1: empty"),
        (HEADER, 422, "no entry"),
        ("plate,colour of hair\n", 422, "line 1, column 2: 'colour_of_hair'"),
        ("plate\n1ABC234\n", 422, "line 1 (record_kind): this column is missing"),
        (b"plate,record_kind\n\xff\xfe,other\n", 422, "line 2: not UTF-8 at byte 1"),
        ("plate,record_kind\n" + "A" * 9000, 422, "line 2: over 8192 bytes"),
        ("plate,record_kind\n7ABC?2*,canvass\n", 422, "line 2 (expires_at)"),
        ("plate,record_kind\n1AB,other\n1-AB,other\n", 422, "line 3 (plate): the same entry as"),
        (
            "plate,record_kind,expires_at\n1AB,other,2026-07-01\n",
            422,
            "line 2, column 3 (expires_at)",
        ),
    ],
)
async def test_a_bad_sheet_is_refused_by_name(hotlist, content, status, says):
    list_id = await hotlist.list()
    problem = await hotlist.upload(list_id, content, status=status)
    assert problem["detail"].startswith(says)
    assert await rows_of(hotlist) == 0


async def test_limits_of_size_and_rows_and_the_content_type_hold(hotlist):
    list_id = await hotlist.list()
    settings = hotlist.app.state.parts.settings
    object.__setattr__(settings, "hotlist_max_upload_rows", 10)
    sheet = HEADER + "".join(f"1AAA{n:03},CA,stolen_vehicle,x\n" for n in range(11))
    problem = await hotlist.upload(list_id, sheet, status=413)
    assert "10 rows" in problem["detail"]
    object.__setattr__(settings, "hotlist_max_upload_bytes", 100)
    assert "100 bytes" in (await hotlist.upload(list_id, sheet, status=413))["detail"]
    await hotlist.upload(list_id, sheet, status=415, headers={"Content-Type": "application/json"})


async def test_a_body_of_another_kind_is_not_held_whole_before_it_is_refused(hotlist):
    """The route bounds CSV as it arrives; the guard reads JSON for its record, before anybody is known."""
    taken = 0

    async def endless():
        nonlocal taken
        while taken < 50_000_000:
            taken += 65_536
            yield b" " * 65_536

    response = await hotlist.client.post(
        f"/v1/lists/{uuid4()}/versions",
        content=endless(),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 413
    assert taken < 3_000_000


async def test_immigration_records_are_left_out_by_name_and_never_listed(hotlist):
    list_id = await hotlist.list("federal")
    made = await hotlist.upload(
        list_id,
        HEADER + "1AAA111,CA,stolen_vehicle,x\n2BBB222,CA,Immigration Violator,x\n",
    )
    assert (made["entries"], made["skipped"]) == (1, {"immigration_violator": 1})
    assert "Government Code 7284.6" in made["skipped_because"][0]
    assert await plates(hotlist, list_id) == ["1AAA111"]
    problem = await hotlist.add(list_id, "2BBB222", record_kind="immigration_violator", status=422)
    assert problem["field"] == "entries.0.record_kind"
    assert "Government Code 7284.6" in problem["detail"]
    only = HEADER + "2BBB222,CA,immigration_violator,x\n"
    assert "no entry" in (await hotlist.upload(list_id, only, status=422))["detail"]


async def test_a_record_kind_switched_off_is_neither_imported_nor_matched(hotlist):
    list_id = await hotlist.listed("7ABC123", kind="repossessed_vehicle")
    path = f"/v1/lists/{list_id}"
    shown = await hotlist.call("PATCH", path, json={"record_kinds_off": ["repossessed_vehicle"]})
    assert shown["record_kinds_off"] == ["repossessed_vehicle"]
    await hotlist.see(hotlist.read())
    assert await hotlist.hits() == []
    made = await hotlist.upload(list_id, HEADER + "1A1,CA,repossessed_vehicle,x\n1A2,CA,other,x\n")
    assert made["skipped"] == {"repossessed_vehicle": 1}
    problem = await hotlist.call("PATCH", path, json={"record_kinds_off": ["nonsense"]}, status=422)
    assert problem["field"] == "record_kinds_off"


async def test_a_list_switched_off_raises_nothing_until_switched_on(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"enabled": False})
    await hotlist.see(hotlist.read(ago_s=2))
    assert await hotlist.hits() == []
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"enabled": True})
    await hotlist.see(hotlist.read(ago_s=1))
    assert len(await hotlist.hits()) == 1


async def test_rolling_back_and_forth_changes_what_is_matched(hotlist):
    list_id = await hotlist.listed("1AAA111")
    await hotlist.upload(list_id, HEADER + "2BBB222,CA,stolen_vehicle,x\n")

    async def matched(plate):
        before = len(await hotlist.hits())
        await hotlist.see(hotlist.read(plate, device=uuid4()))
        return len(await hotlist.hits()) - before

    assert (await matched("1AAA111"), await matched("2BBB222")) == (0, 1)
    shown = await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json={})
    assert shown["active_version"] == 1
    assert (await matched("1AAA111"), await matched("2BBB222")) == (1, 0)
    await hotlist.call("POST", f"/v1/lists/{list_id}/versions/2/activation")
    assert (await matched("1AAA111"), await matched("2BBB222")) == (0, 1)
    await hotlist.call("POST", f"/v1/lists/{list_id}/withdrawal", json={"reason": "bad extract"})
    assert (await matched("1AAA111"), await matched("2BBB222")) == (0, 0)
    changes = [event.change for event in await hotlist.announced(HotListActivated)]
    assert changes == ["activated", "activated", "rolled_back", "activated", "withdrawn"]
    problem = await hotlist.add(list_id, "3CCC333", status=409)
    assert "activate one first" in problem["detail"]
    await hotlist.call("POST", f"/v1/lists/{list_id}/versions/9/activation", status=404)


async def test_single_changes_are_versions_that_copy_nothing(hotlist):
    sheet = HEADER + "".join(f"1AAA{n:03},CA,stolen_vehicle,x\n" for n in range(500))
    list_id = await hotlist.list()
    await hotlist.upload(list_id, sheet)
    added = await hotlist.add(list_id, "7ABC123", state="CA")
    assert added["version"] == 2
    assert added["regions"] == [{"region": "US-CA", "taken_from": "CA"}]
    assert await rows_of(hotlist) == 501
    await hotlist.add(list_id, "7ABC123", state="CA", status=409)
    await hotlist.see(hotlist.read(ago_s=2))
    assert len(await hotlist.hits()) == 1
    path = f"/v1/lists/{list_id}/entries/{added['entry_ids'][0]}"
    assert (await hotlist.call("DELETE", path, params={"reason": "recovered"}))["version"] == 3
    await hotlist.call("DELETE", path, status=404)
    await hotlist.see(hotlist.read(device=uuid4()))
    assert len(await hotlist.hits()) == 1
    assert await rows_of(hotlist) == 501
    shown = await hotlist.call("GET", f"/v1/lists/{list_id}")
    assert (shown["active_version"], shown["entries"]) == (3, 500)


async def test_a_change_after_a_roll_back_starts_from_what_is_in_force(hotlist):
    list_id = await hotlist.listed("1AAA111", "2BBB222")
    first = await hotlist.add(list_id, "3CCC333")
    found = await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={"plate": "1aaa-111"}
    )
    uploaded = found["items"][0]["entry_id"]
    await hotlist.call("DELETE", f"/v1/lists/{list_id}/entries/{uploaded}")  # version 3
    await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json={"version": 1})
    assert await plates(hotlist, list_id) == ["1AAA111", "2BBB222"]
    assert (await hotlist.add(list_id, "4DDD444"))["version"] == 4
    wanted = {1: ["1AAA111", "2BBB222"], 2: ["1AAA111", "2BBB222", "3CCC333"]}
    wanted |= {3: ["2BBB222", "3CCC333"], 4: ["1AAA111", "2BBB222", "4DDD444"]}
    index = hotlist.app.state.parts.refresher.index
    for version in (4, 3, 2, 1, 3, 4, 1, 2):
        if (await hotlist.call("GET", f"/v1/lists/{list_id}"))["active_version"] != version:
            await hotlist.call("POST", f"/v1/lists/{list_id}/versions/{version}/activation")
        assert await plates(hotlist, list_id) == wanted[version]
        reads = [hotlist.read(p) for p in ("1AAA111", "2BBB222", "3CCC333", "4DDD444")]
        found = index.candidates(reads, minimum_confidence=0, most_differences=1)
        assert sorted(c.read.plate for c in found) == wanted[version]
    assert first["version"] == 2


async def test_uploads_too_old_to_roll_back_to_are_dropped(hotlist):
    from shared.testing import eventually

    list_id = await hotlist.listed("1AAA111")
    for n in range(3):
        hotlist.clock.advance(minutes=1)
        await hotlist.upload(list_id, HEADER + f"2BBB22{n},CA,stolen_vehicle,x\n")

    async def states():
        shown = await hotlist.call("GET", f"/v1/lists/{list_id}/versions")
        return [v["state"] for v in shown["items"]] == [
            "active",
            "retired",
            "dropped",
            "dropped",
        ]

    await eventually(states)
    assert await rows_of(hotlist) == 2
    problem = await hotlist.call("POST", f"/v1/lists/{list_id}/versions/1/activation", status=409)
    assert problem["field"] == "version"


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_list_of_a_source_that_the_caller_lacks_does_not_exist_for_them(hotlist):
    list_id = await hotlist.listed("7ABC123", source="federal")
    without = hotlist.headers(sources=["department", "state"])
    await hotlist.call("GET", f"/v1/lists/{list_id}", headers=without, status=404)
    assert (await hotlist.call("GET", "/v1/lists", headers=without))["items"] == []
    await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={}, headers=without, status=404
    )
    problem = await hotlist.call(
        "POST", "/v1/lists", json={"name": "x", "source": "federal"}, headers=without, status=403
    )
    assert problem["code"] == "source"
    refused = [a for a in await hotlist.announced(AccessAttempted) if not a.allowed]
    assert [(a.permission, "468.4(e)" in a.reason) for a in refused] == [("hotlist:manage", True)]
    other = hotlist.headers(ori="CA0999900")
    await hotlist.call("GET", f"/v1/lists/{list_id}", headers=other, status=404)


async def test_who_may_not_manage_is_refused_and_recorded(hotlist):
    officer = hotlist.headers(Permission.HOTLIST_READ)
    problem = await hotlist.call(
        "POST", "/v1/lists", json={"name": "x", "source": "state"}, headers=officer, status=403
    )
    assert problem["code"] == "permission"
    [attempt] = [a for a in await hotlist.announced(AccessAttempted) if not a.allowed]
    assert attempt.permission == "hotlist:manage"


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_entries_shown_are_recorded_as_disclosed(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await plates(hotlist, list_id)
    [told] = await hotlist.announced(RecordsDisclosed)
    assert (told.record_kind, told.count, told.shown_plates) == ("hotlist_entry", 1, ["7ABC123"])


async def test_a_name_is_used_once_and_limits_are_narrowed_only(hotlist):
    await hotlist.list("state", name="SVS", staleness_hours=12)
    body = {"name": "SVS", "source": "state"}
    assert (await hotlist.call("POST", "/v1/lists", json=body, status=409))["field"] == "name"
    body = {"name": "SVS 2", "source": "state", "staleness_hours": 25}
    problem = await hotlist.call("POST", "/v1/lists", json=body, status=422)
    assert problem["field"] == "staleness_hours"
    later = (hotlist.clock.now() + timedelta(hours=1)).isoformat()
    list_id = await hotlist.list("state")
    problem = await hotlist.upload(list_id, HEADER + "1A,CA,other,x\n", as_of=later, status=422)
    assert problem["field"] == "as_of"


async def test_another_replica_learns_of_an_activation(
    hotlist, settings, bus, objects, clock, authority, policy
):
    from shared.testing import eventually
    from tests.integration.hotlist.conftest import serving

    async with serving(settings, bus, objects, clock, authority, policy) as other:
        list_id = await hotlist.listed("7ABC123")
        index = other.app.state.parts.refresher.index
        await eventually(lambda: any(str(one.list_id) == list_id for one in index.lists))
        await hotlist.add(list_id, "8XYZ999")
        await eventually(lambda: [one.size for one in index.lists] == [2])
        await other.see(other.read("8XYZ999"))
        assert len(await hotlist.hits()) == 1
