"""Lists and versions: bad lines set aside, forward and back, without copies of unchanged entries."""

import asyncio
import csv
import json
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import uuid4

import asyncpg
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.hotlist.actions import entries, uploading, versions
from services.hotlist.domain import csv_import
from services.hotlist.store.entries import Entries
from services.hotlist.store.feed import Feed
from shared.core.errors import DependencyDown
from shared.core.permissions import Permission
from shared.events import AccessAttempted, HotListActivated, HotListChanged
from shared.testing import eventually
from shared.testing.reads import FOLDED
from tests.integration.locking import locked_while
from tests.integration.pages import paged

HEADER = "plate,state,record_kind,reason\n"
ENTRY = {"record_kind": "stolen_vehicle", "reason": "test"}


async def plates(hotlist, list_id):
    found = await hotlist.call("POST", f"/v1/lists/{list_id}/entries/search", json={})
    return sorted(entry["plate"] for entry in found["items"])


async def rows_of(hotlist):
    async with hotlist.runtime.db.begin() as connection:
        return (await connection.execute(text("SELECT count(*) FROM entries"))).scalar_one()


async def test_an_upload_is_a_draft_until_it_is_activated(hotlist):
    list_id = await hotlist.list("state")
    hotlist.clock.advance(minutes=1)
    made = await hotlist.upload(list_id, HEADER + "7ABC-123,CA,stolen_vehicle,x\n", activate=False)
    assert (made["version"], made["state"], made["entries"]) == (1, "draft", 1)
    await hotlist.see(hotlist.read())
    assert await hotlist.hits() == []
    shown = await hotlist.call("POST", f"/v1/lists/{list_id}/versions/1/activation")
    assert (shown["active_version"], shown["entries"], shown["stale"]) == (1, 1, False)
    assert datetime.fromisoformat(shown["activated_at"]) == hotlist.clock.now()
    await hotlist.see(hotlist.read(ago_s=0.5))
    assert len(await hotlist.hits()) == 1
    [activated] = await hotlist.announced(HotListActivated)
    assert (activated.version, activated.entries, activated.change) == (1, 1, "activated")
    assert [
        (event.change, event.actor.name) for event in await hotlist.announced(HotListChanged)
    ] == [("created", "Officer Seven"), ("uploaded", "Officer Seven")]
    assert shown["created_by"] == "Officer Seven"


def metric_of(metric, name, source):
    labels = {"agency": "CA0520100", "list": name, "source": source}
    return REGISTRY.get_sample_value(metric, labels)


async def test_the_age_of_a_list_in_force_and_its_limit_are_metrics(hotlist, clock):
    list_id = await hotlist.list("state", name="State extract")
    await hotlist.upload(list_id, HEADER + "7ABC-123,CA,stolen_vehicle,x\n")
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"staleness_hours": 3})
    await hotlist.running.refresher.refresh()
    as_of = metric_of("alpr_hotlist_as_of_timestamp_seconds", "State extract", "state")
    assert abs(as_of - clock.now().timestamp()) < 60
    assert metric_of("alpr_hotlist_stale_after_seconds", "State extract", "state") == 3 * 3600
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"enabled": False})
    await hotlist.running.refresher.refresh()
    assert metric_of("alpr_hotlist_as_of_timestamp_seconds", "State extract", "state") is None


async def test_the_number_of_entries_that_reads_are_matched_with_is_a_metric(hotlist):
    """An alert tells the watch commander of none."""
    agency = {"agency": "CA0520100"}
    list_id = await hotlist.listed("7ABC123")
    await hotlist.listed("8XYZ999")
    await hotlist.add(list_id, "2BBB222")
    assert REGISTRY.get_sample_value("alpr_hotlist_entries", agency) == 3
    for path in (
        f"/v1/lists/{one['list_id']}" for one in (await hotlist.call("GET", "/v1/lists"))["items"]
    ):
        await hotlist.call("POST", f"{path}/withdrawal", json={"reason": "no longer made"})
    assert REGISTRY.get_sample_value("alpr_hotlist_entries", agency) is None


BAD = (
    "!!!,CA,stolen_vehicle,x\n"
    "2BBB222,ZZ,stolen_vehicle,x\n"
    "2BBB223,CA,borrowed,x\n"
    "2BBB224,CA,stolen_vehicle\n"
    '2BBB225,CA,stolen_vehicle,"open\n'
)
FAULTS = [
    (1, "plate"),
    (2, "state"),
    (3, "record_kind"),
    (None, None),
    (None, None),
]


def good(count, start=0):
    return "".join(f"1AAA{n:04},CA,stolen_vehicle,x\n" for n in range(start, start + count))


async def lines_aside(hotlist, list_id, version=1, **more):
    path = f"/v1/lists/{list_id}/versions/{version}/set-aside"
    return (await hotlist.call("GET", path, **more))["items"]


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_bad_lines_are_set_aside_with_their_faults_and_the_rest_comes_into_force(hotlist):
    list_id = await hotlist.list()
    rows = (
        HEADER
        + good(60)
        + BAD
        + good(1, 60)
        + "1-AAA-0007,CA,stolen_vehicle,again\n"
        + good(73, 61)
    )
    made = await hotlist.upload(list_id, rows)
    assert (made["state"], made["entries"], made["set_aside"]) == ("active", 134, 6)
    assert len(await plates(hotlist, list_id)) == 100  # a page
    assert await rows_of(hotlist) == 134
    found = await lines_aside(hotlist, list_id)
    assert [(one["line"], one["column"], one["field"]) for one in found] == [
        *((62 + n, *fault) for n, fault in enumerate(FAULTS)),
        (68, None, "plate"),
    ]
    assert found[1]["content"] == "2BBB222,ZZ,stolen_vehicle,x"
    assert found[5]["fault"] == "the same entry as line 9"
    assert found[5]["content"] == "1-AAA-0007,US-CA,stolen_vehicle,again"
    await hotlist.see(hotlist.read("1AAA0060"))
    assert len(await hotlist.hits()) == 1
    uploaded = (await hotlist.announced(HotListChanged))[-1]
    assert (uploaded.details["entries"], uploaded.details["set_aside"]) == ("134", "6")
    assert uploaded.details["sha256"] == made["sha256"] == sha256(rows.encode()).hexdigest()


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_an_upload_with_more_bad_lines_than_the_policy_allows_is_refused(hotlist):
    list_id = await hotlist.list()
    problem = await hotlist.upload(list_id, HEADER + good(94) + BAD + "-,CA,other,x\n", status=422)
    assert [(e["line"], e["column"], e["field"]) for e in problem["errors"]] == [
        *((96 + n, *fault) for n, fault in enumerate(FAULTS)),
        (101, 1, "plate"),
    ]
    assert problem["detail"].startswith("line 96, column 1 (plate): ")
    assert "6 of 100 lines are bad; the policy allows 5.0%" in problem["detail"]
    assert problem["params"]["first"] == problem["errors"][0]
    assert "2BBB" not in str(problem)
    assert await rows_of(hotlist) == 0
    assert (await hotlist.call("GET", f"/v1/lists/{list_id}/versions"))["items"] == []
    again = HEADER + good(94) + good(6)  # the only fault: six are there twice
    problem = await hotlist.upload(list_id, again, status=422)
    assert [e["line"] for e in problem["errors"]] == [96, 97, 98, 99, 100, 101]
    assert (await hotlist.upload(list_id, HEADER + good(95) + BAD))["set_aside"] == 5


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_an_upload_with_more_doubled_lines_than_a_person_can_work_through_is_refused(
    hotlist, monkeypatch
):
    for module in (csv_import, uploading):
        monkeypatch.setattr(module, "MAX_SET_ASIDE", 2)
    list_id = await hotlist.list()
    lines = [f"7ABC{n},CA,stolen_vehicle,x\n" for n in range(100, 500)]
    sheet = HEADER + "".join([*lines, *lines[:9]])
    refused = await hotlist.upload(list_id, sheet, status=422)
    assert (refused["code"], refused["params"]["max_faults"]) == ("sheet_bad_lines_most", 2)


async def test_an_export_of_lines_set_aside_has_all_of_them(hotlist, monkeypatch):
    monkeypatch.setattr(versions, "LINES_AT_ONCE", 2)
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(100) + BAD)
    path = f"/v1/lists/{list_id}/versions/1/set-aside.csv"
    answer = await hotlist.client.get(path, headers=hotlist.headers())
    lines = [row["line"] for row in csv.DictReader(answer.text.splitlines())]
    assert lines == [str(102 + number) for number in range(5)]


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_lines_set_aside_are_for_who_manages_lists_and_are_disclosed(hotlist):
    list_id = await hotlist.list("federal")
    await hotlist.upload(list_id, HEADER + good(100) + BAD)
    path = f"/v1/lists/{list_id}/versions/1/set-aside"
    for door in (path, f"{path}.csv"):
        reader = hotlist.headers(Permission.HOTLIST_READ)
        await hotlist.call("GET", door, headers=reader, status=403)
        without = hotlist.headers(sources=["department", "state"])
        await hotlist.call("GET", door, headers=without, status=404)
        await hotlist.call("GET", door, headers=hotlist.headers(ori="CA0999900"), status=404)
    assert await hotlist.disclosed() == []
    first = await hotlist.call("GET", path, params={"limit": 2})
    assert [one["line"] for one in first["items"]] == [102, 103]
    rest = await hotlist.call("GET", path, params={"limit": 3, "after": first["next"]})
    assert [one["line"] for one in rest["items"]] == [104, 105, 106]
    response = await hotlist.client.get(f"{path}.csv", headers=hotlist.headers())
    assert response.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(response.text.splitlines()))
    assert rows[0] == ["line", "column", "field", "fault", "content"]
    assert [row[0] for row in rows[1:]] == ["102", "103", "104", "105", "106"]
    assert rows[2][4] == "2BBB222,ZZ,stolen_vehicle,x"
    told = await hotlist.disclosed()
    assert [(t.record_kind, t.count, t.all_plates) for t in told] == [
        ("hotlist_line", 2, ["2BBB222"]),
        ("hotlist_line", 3, ["2BBB223", "2BBB224"]),
        ("hotlist_line", 5, ["2BBB222", "2BBB223", "2BBB224"]),
    ]


@pytest.mark.clause("468.4(c)/activation-changes")
async def test_what_an_activation_changes_is_counted_before_it(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(4), activate=False)
    changes = f"/v1/lists/{list_id}/versions/{{}}/changes"
    first = await hotlist.call("GET", changes.format(1))
    assert (first["in_force"], first["added"], first["removed"], first["unchanged"]) == (
        None,
        4,
        0,
        0,
    )
    await hotlist.call("POST", f"/v1/lists/{list_id}/versions/1/activation")
    found = await hotlist.call("POST", f"/v1/lists/{list_id}/entries/search", json={})
    ended = found["items"][0]["entry_id"]
    path = f"/v1/lists/{list_id}/entries/{ended}/removal"
    await hotlist.call("POST", path, json={"reason": "found again"})
    rows = good(4).replace(found["items"][1]["plate"], "9ZZZ999") + "8NEW111,CA,other,x\n"
    made = await hotlist.upload(list_id, HEADER + rows, activate=False)
    asked = await hotlist.call("GET", changes.format(made["version"]))
    assert asked == {
        "version": 3, "in_force": 2, "added": 3, "removed": 1, "unchanged": 2,
        "needs_second_word": False, "yours": True, "as_of": made["as_of"], "older": False,
    }  # fmt: skip
    back = await hotlist.call("GET", changes.format(1))
    assert (back["added"], back["removed"], back["unchanged"]) == (1, 0, 3)
    await hotlist.call("GET", changes.format(2), status=409)
    await hotlist.call("GET", changes.format(9), status=404)
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    assert not (await hotlist.call("GET", changes.format(1), headers=other))["yours"]


@pytest.mark.clause("468.4(c)/activation-changes")
async def test_a_version_replaces_the_one_that_its_caller_saw_in_force_and_no_other(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(4), activate=False)
    path = f"/v1/lists/{list_id}/versions"
    seen = (await hotlist.call("GET", f"{path}/1/changes"))["in_force"] or 0
    await hotlist.call("POST", f"{path}/1/activation", params={"replaces": seen})
    await hotlist.upload(list_id, HEADER + good(5), activate=False)
    seen = (await hotlist.call("GET", f"{path}/2/changes"))["in_force"]
    await hotlist.add(list_id, "9BOLO11", status=201)
    again = f"{path}/2/activation"
    refused = await hotlist.call("POST", again, params={"replaces": seen}, status=409)
    assert refused["code"] == "version_replaced_since"
    found = await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={"plate": "9BOLO11"}
    )
    assert len(found["items"]) == 1, "an entry added meanwhile is not removed unseen"
    seen = (await hotlist.call("GET", f"{path}/2/changes"))["in_force"]
    shown = await hotlist.call("POST", again, params={"replaces": seen})
    assert shown["active_version"] == 2


@pytest.mark.clause("468.4(c)/second-word")
async def test_a_version_that_loses_much_of_a_list_waits_for_another_person(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(100))
    made = await hotlist.upload(list_id, HEADER + good(75))
    assert (made["state"], made["needs_second_word"]) == ("active", False)
    hotlist.clock.advance(minutes=1)  # the newest uploads stay, and this is to be the newest
    made = await hotlist.upload(list_id, HEADER + good(56))
    assert (made["state"], made["needs_second_word"]) == ("draft", True)
    path = f"/v1/lists/{list_id}"
    activation = f"{path}/versions/3/activation"
    problem = await hotlist.call("POST", activation, status=403)
    assert problem["code"] == "version_needs_second_person"
    assert "from 75 to 56 entries" in problem["detail"]
    rollback = {"version": 3, "reason": "mine all the same"}
    assert (await hotlist.call("POST", f"{path}/rollback", json=rollback, status=403))["code"]
    # Nor by way of a list without a version in force.
    await hotlist.call("POST", f"{path}/withdrawal", json={"reason": "a way around"})
    await hotlist.call("POST", activation, status=403)
    refused = [a for a in await hotlist.announced(AccessAttempted) if not a.allowed]
    assert len(refused) == 3
    assert "a person who did not upload" in refused[0].reason
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    shown = await hotlist.call("POST", activation, headers=other)
    assert (shown["active_version"], shown["entries"]) == (3, 56)
    versions = (await hotlist.call("GET", f"{path}/versions"))["items"]
    assert [(v["version"], v["needs_second_word"]) for v in versions] == [
        (3, False),
        (2, False),
        (1, False),
    ]
    uploaded = [e for e in await hotlist.announced(HotListChanged) if e.change == "uploaded"]
    assert [e.details.get("needs_second_word") for e in uploaded] == [
        None,
        None,
        "75 entries before",
    ]


@pytest.mark.clause("468.4(c)/second-word")
async def test_a_roll_back_to_a_much_smaller_version_waits_for_another_person(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(10))
    await hotlist.upload(list_id, HEADER + good(100))
    path = f"/v1/lists/{list_id}"
    _, first = (await hotlist.call("GET", f"{path}/versions"))["items"]
    assert (first["state"], first["needs_second_word"]) == ("retired", True)
    for door, body in (("rollback", {}), ("versions/1/activation", None)):
        problem = await hotlist.call("POST", f"{path}/{door}", json=body, status=403)
        assert problem["code"] == "version_needs_second_person"
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    shown = await hotlist.call("POST", f"{path}/rollback", json={}, headers=other)
    assert (shown["active_version"], shown["entries"]) == (1, 10)


@pytest.mark.clause("468.4(c)/second-word")
async def test_an_upload_after_a_withdrawal_is_compared_with_what_was_last_in_force(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(100))
    withdrawn = {"reason": "a way around"}
    await hotlist.call("POST", f"/v1/lists/{list_id}/withdrawal", json=withdrawn)
    made = await hotlist.upload(list_id, HEADER + good(10))
    assert (made["state"], made["needs_second_word"]) == ("draft", True)
    assert (await hotlist.call("GET", f"/v1/lists/{list_id}"))["active_version"] is None


@pytest.mark.clause("468.4(c)/second-word")
async def test_the_uploader_is_known_by_the_account_whatever_their_name(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(100))
    await hotlist.upload(list_id, HEADER + good(10))
    activation = f"/v1/lists/{list_id}/versions/2/activation"
    renamed = hotlist.headers(name="Officer Seven-Smith")
    await hotlist.call("POST", activation, headers=renamed, status=403)
    namesake = hotlist.headers(account_id=str(uuid4()))
    await hotlist.call("POST", activation, headers=namesake)


@pytest.mark.clause("468.4(c)/second-word")
async def test_an_old_version_without_person_ids_compares_people_by_name(hotlist, database_url):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(100))
    await hotlist.upload(list_id, HEADER + good(10))
    owner = await asyncpg.connect(
        database_url,
        server_settings={"search_path": "hotlist"},
    )
    await owner.execute("UPDATE versions SET created_by_id = NULL")
    await owner.close()
    activation = f"/v1/lists/{list_id}/versions/2/activation"
    same_name = hotlist.headers(account_id=str(uuid4()))
    await hotlist.call("POST", activation, headers=same_name, status=403)
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    await hotlist.call("POST", activation, headers=other)


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        ("", 422, "line 1: the file is empty"),
        (HEADER, 422, "the file has no entries"),
        ("plate,colour of hair\n", 422, "line 1, column 2: 'colour_of_hair'"),
        ("plate\n1ABC234\n", 422, "line 1 (record_kind): this column is missing"),
        (b"plate,record_kind\n\xff\xfe,other\n", 422, "line 2: not UTF-8 at byte 1: 1 of 1"),
        ("plate,record_kind\n" + "A" * 9000, 422, "line 2: this line has more than 8192 bytes"),
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


async def test_an_upload_is_limited_in_size_rows_and_content_type(hotlist):
    list_id = await hotlist.list()
    settings = hotlist.running.settings
    object.__setattr__(settings, "hotlist_max_upload_rows", 10)
    sheet = HEADER + "".join(f"1AAA{n:03},CA,stolen_vehicle,x\n" for n in range(11))
    problem = await hotlist.upload(list_id, sheet, status=413)
    assert "10 rows" in problem["detail"]
    object.__setattr__(settings, "hotlist_max_upload_bytes", 100)
    assert "100 bytes" in (await hotlist.upload(list_id, sheet, status=413))["detail"]
    await hotlist.upload(list_id, sheet, status=415, headers={"Content-Type": "application/json"})


async def test_a_generated_client_uploads_a_sheet_as_octets(hotlist):
    list_id = await hotlist.list()
    octets = {"Content-Type": "application/octet-stream"}
    made = await hotlist.upload(list_id, HEADER + "1AAA111,CA,stolen_vehicle,x\n", headers=octets)
    assert made["entries"] == 1


async def test_a_large_body_of_another_type_is_refused_before_it_is_read_completely(hotlist):
    """The route bounds CSV as it arrives; the guard reads JSON for its record, before it authenticates the caller."""
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


async def test_immigration_records_are_skipped_with_the_citation(hotlist):
    list_id = await hotlist.list("federal")
    made = await hotlist.upload(
        list_id,
        HEADER + "1AAA111,CA,stolen_vehicle,x\n2BBB222,CA,Immigration Violator,x\n",
    )
    assert (made["entries"], made["skipped"]) == (1, {"immigration_violator": 1})
    assert "Government Code 7284.6" in made["skipped_because"][0]
    uploaded = (await hotlist.announced(HotListChanged))[-1]
    assert json.loads(uploaded.details["skipped"]) == {"immigration_violator": 1}
    assert await plates(hotlist, list_id) == ["1AAA111"]
    problem = await hotlist.add(list_id, "2BBB222", record_kind="immigration_violator", status=422)
    assert problem["field"] == "entries.0.record_kind"
    assert problem["params"]["because"]["code"] == "record_kind_prohibited"
    assert problem["params"]["because"]["params"]["kind"] == "immigration_violator"
    assert "Government Code 7284.6" in problem["detail"]
    only = HEADER + "2BBB222,CA,immigration_violator,x\n"
    assert "no entries" in (await hotlist.upload(list_id, only, status=422))["detail"]


async def test_a_record_kind_switched_off_is_neither_imported_nor_matched(hotlist):
    list_id = await hotlist.listed("7ABC123", kind="repossessed_vehicle")
    path = f"/v1/lists/{list_id}"
    shown = await hotlist.call("PATCH", path, json={"record_kinds_off": ["repossessed_vehicle"]})
    assert shown["record_kinds_off"] == ["repossessed_vehicle"]
    await hotlist.see(hotlist.read())
    assert await hotlist.hits() == []
    made = await hotlist.upload(list_id, HEADER + "1A1,CA,repossessed_vehicle,x\n1A2,CA,other,x\n")
    assert made["skipped"] == {"repossessed_vehicle": 1}
    problem = await hotlist.add(list_id, "1A3", record_kind="repossessed_vehicle", status=422)
    assert problem["field"] == "entries.0.record_kind"
    nonsense = {"record_kinds_off": ["nonsense"]}
    new = {"name": "nonsense", "source": "state", **nonsense}
    for method, door, body in (("PATCH", path, nonsense), ("POST", "/v1/lists", new)):
        problem = await hotlist.call(method, door, json=body, status=422)
        assert problem["field"] == "record_kinds_off"


async def test_a_list_has_a_bounded_number_of_partial_plates_that_are_entered_singly(
    hotlist, monkeypatch
):
    monkeypatch.setattr(entries, "MAX_PARTIALS", 2)
    list_id = await hotlist.listed("1AAA111")
    until = (hotlist.clock.now() + timedelta(days=1)).isoformat()
    for plate in ("7AB?1*", "7AB?2*"):
        await hotlist.add(list_id, plate, expires_at=until)
    problem = await hotlist.add(list_id, "7AB?3*", expires_at=until, status=409)
    assert problem["code"] == "partials_too_many"
    assert await plates(hotlist, list_id) == ["1AAA111", "7AB?1*", "7AB?2*"]


async def test_a_disabled_list_raises_no_hits_until_it_is_enabled(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"enabled": False})
    await hotlist.see(hotlist.read(ago_s=2))
    assert await hotlist.hits() == []
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"enabled": True})
    await hotlist.see(hotlist.read(ago_s=1))
    assert len(await hotlist.hits()) == 1


async def test_a_change_of_one_setting_of_a_list_leaves_the_others(hotlist):
    off = ["repossessed_vehicle"]
    list_id = await hotlist.list("state", staleness_hours=3, record_kinds_off=off)
    path = f"/v1/lists/{list_id}"
    await hotlist.call("PATCH", path, json={"enabled": False})
    for change in ({"staleness_hours": 2}, {"record_kinds_off": off}, {"enabled": False}):
        shown = await hotlist.call("PATCH", path, json=change)
        assert (shown["enabled"], shown["record_kinds_off"]) == (False, off)
        assert shown["staleness_hours"] == 2
    problem = await hotlist.call("PATCH", path, json={"staleness_hours": 25}, status=422)
    assert problem["code"] == "list_staleness_too_long"
    shown = await hotlist.call("PATCH", path, json={"staleness_hours": None})
    assert shown["staleness_hours"] == 24, "the policy's"
    changed = (await hotlist.announced(HotListChanged))[-1]
    assert (changed.change, changed.actor.name) == ("changed", "Officer Seven")


async def test_a_rollback_changes_the_matched_entries(hotlist):
    list_id = await hotlist.listed("1AAA111")
    await hotlist.upload(list_id, HEADER + "2BBB222,CA,stolen_vehicle,x\n")

    async def matched(plate):
        before = len(await hotlist.hits())
        await hotlist.see(hotlist.read(plate, device=uuid4()))
        return len(await hotlist.hits()) - before

    assert (await matched("1AAA111"), await matched("2BBB222")) == (0, 1)
    body = {"reason": "incomplete extract"}
    shown = await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json=body)
    assert shown["active_version"] == 1

    async def last():
        """What is stored of the last change of what is in force."""
        columns = "change, reason, by"
        query = f"SELECT {columns} FROM activations ORDER BY number DESC LIMIT 1"
        async with hotlist.runtime.db.begin() as connection:
            return (await connection.execute(text(query))).one()

    assert await last() == ("rolled_back", body["reason"], "Officer Seven")
    assert (await matched("1AAA111"), await matched("2BBB222")) == (1, 0)
    await hotlist.call("POST", f"/v1/lists/{list_id}/versions/2/activation")
    assert (await matched("1AAA111"), await matched("2BBB222")) == (0, 1)
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    bad = {"reason": "bad extract"}
    path = f"/v1/lists/{list_id}/withdrawal"
    shown = await hotlist.call("POST", path, json=bad, headers=other)
    assert (shown["active_version"], shown["activated_at"]) == (None, None)
    assert await last() == ("withdrawn", bad["reason"], "Another Person")
    assert (await matched("1AAA111"), await matched("2BBB222")) == (0, 0)
    events = await hotlist.announced(HotListActivated)
    changes = [(event.change, event.version, event.actor.name, event.reason) for event in events]
    assert changes == [
        ("activated", 1, "Officer Seven", None),
        ("activated", 2, "Officer Seven", None),
        ("rolled_back", 1, "Officer Seven", body["reason"]),
        ("activated", 2, "Officer Seven", None),
        ("withdrawn", 2, "Another Person", bad["reason"]),
    ]
    problem = await hotlist.add(list_id, "3CCC333", status=409)
    assert "activate one first" in problem["detail"]
    again = {"reason": "withdrawn already"}
    problem = await hotlist.call("POST", f"/v1/lists/{list_id}/withdrawal", json=again, status=409)
    assert problem["code"] == "version_none_in_force"
    assert len(await hotlist.announced(HotListActivated)) == len(changes)
    await hotlist.call("POST", f"/v1/lists/{list_id}/versions/9/activation", status=404)


async def test_a_roll_back_returns_to_what_was_in_force_before_whatever_its_number(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(20))
    for plate in ("2BBB222", "3CCC333"):
        await hotlist.add(list_id, plate)
    path = f"/v1/lists/{list_id}"
    for version in (1, 2):
        await hotlist.call("POST", f"{path}/versions/{version}/activation")
    shown = await hotlist.call("POST", f"{path}/rollback", json={})
    assert shown["active_version"] == 1
    shown = await hotlist.call("POST", f"{path}/rollback", json={})
    assert shown["active_version"] == 2
    await hotlist.call("POST", f"{path}/withdrawal", json={"reason": "bad extract"})
    shown = await hotlist.call("POST", f"{path}/rollback", json={})
    assert shown["active_version"] == 2
    events = (await hotlist.announced(HotListActivated))[3:]
    assert [(event.change, event.version) for event in events] == [
        ("rolled_back", 1),  # an activation of an older version
        ("activated", 2),
        ("rolled_back", 1),
        ("rolled_back", 2),
        ("withdrawn", 2),
        ("rolled_back", 2),
    ]


async def test_single_entry_changes_make_versions_without_copying_rows(hotlist):
    sheet = HEADER + "".join(f"1AAA{n:03},CA,stolen_vehicle,x\n" for n in range(500))
    list_id = await hotlist.list()
    await hotlist.upload(list_id, sheet)
    added = await hotlist.add(list_id, "7ABC123", state="CA")
    assert added["version"] == 2
    assert added["regions"] == [{"region": "US-CA", "taken_from": "CA"}]
    assert await rows_of(hotlist) == 501
    await hotlist.add(list_id, "7ABC123", state="CA", status=409)
    twice = {"entries": [{**ENTRY, "plate": "8XYZ999"}] * 2}
    path = f"/v1/lists/{list_id}/entries"
    problem = await hotlist.call("POST", path, json=twice, status=409)
    assert problem["code"] == "entry_listed"
    await hotlist.see(hotlist.read(ago_s=2))
    assert len(await hotlist.hits()) == 1
    path = f"/v1/lists/{list_id}/entries/{added['entry_ids'][0]}/removal"
    assert (await hotlist.call("POST", path, json={"reason": "recovered"}))["version"] == 3
    await hotlist.call("POST", path, json={}, status=404)
    await hotlist.see(hotlist.read(device=uuid4()))
    assert len(await hotlist.hits()) == 1
    assert await rows_of(hotlist) == 501
    shown = await hotlist.call("GET", f"/v1/lists/{list_id}")
    assert (shown["active_version"], shown["entries"]) == (3, 500)
    *_, entered, removed = await hotlist.announced(HotListChanged)
    named = {"version": "3", "entry_id": added["entry_ids"][0]}
    assert (entered.change, entered.details) == (
        "entry_added",
        {**named, "version": "2", "kind": "stolen_vehicle"},
    )
    assert (removed.change, removed.details) == ("entry_removed", {**named, "reason": "recovered"})


async def test_a_change_after_a_roll_back_starts_from_what_is_in_force(hotlist):
    list_id = await hotlist.listed("1AAA111", "2BBB222")
    first = await hotlist.add(list_id, "3CCC333")
    found = await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={"plate": "1aaa-111"}
    )
    uploaded = found["items"][0]["entry_id"]
    path = f"/v1/lists/{list_id}/entries/{uploaded}/removal"
    await hotlist.call("POST", path, json={})  # version 3
    await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json={"version": 1})
    assert await plates(hotlist, list_id) == ["1AAA111", "2BBB222"]
    assert (await hotlist.add(list_id, "4DDD444"))["version"] == 4
    wanted = {1: ["1AAA111", "2BBB222"], 2: ["1AAA111", "2BBB222", "3CCC333"]}
    wanted |= {3: ["2BBB222", "3CCC333"], 4: ["1AAA111", "2BBB222", "4DDD444"]}
    index = hotlist.running.refresher.index
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    for version in (4, 3, 2, 1, 3, 4, 1, 2):
        if (await hotlist.call("GET", f"/v1/lists/{list_id}"))["active_version"] != version:
            path = f"/v1/lists/{list_id}/versions/{version}/activation"
            await hotlist.call("POST", path, headers=other)  # some lose a third of the list
        assert await plates(hotlist, list_id) == wanted[version]
        reads = [hotlist.read(p) for p in ("1AAA111", "2BBB222", "3CCC333", "4DDD444")]
        found = index.candidates(reads, minimum_confidence=0, most_differences=1)
        assert sorted(c.read.plate for c in found) == wanted[version]
    assert first["version"] == 2


async def test_a_change_after_a_roll_back_keeps_what_the_next_version_had_removed(hotlist):
    list_id = await hotlist.listed("1AAA111", "2BBB222")
    found = await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={"plate": "1AAA111"}
    )
    removal = f"/v1/lists/{list_id}/entries/{found['items'][0]['entry_id']}/removal"
    await hotlist.call("POST", removal, json={})
    assert await plates(hotlist, list_id) == ["2BBB222"]
    await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json={"version": 1})
    await hotlist.add(list_id, "3CCC333")
    assert await plates(hotlist, list_id) == ["1AAA111", "2BBB222", "3CCC333"]
    await hotlist.see(hotlist.read("1AAA111"))
    assert len(await hotlist.hits()) == 1


async def test_an_entry_that_a_roll_back_brought_back_is_removed_again(hotlist):
    list_id = await hotlist.listed("1AAA111", "2BBB222")
    search = f"/v1/lists/{list_id}/entries/search"
    found = await hotlist.call("POST", search, json={"plate": "1AAA111"})
    removal = f"/v1/lists/{list_id}/entries/{found['items'][0]['entry_id']}/removal"
    await hotlist.call("POST", removal, json={})
    await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json={})
    assert await plates(hotlist, list_id) == ["1AAA111", "2BBB222"]
    await hotlist.call("POST", removal, json={})
    assert await plates(hotlist, list_id) == ["2BBB222"]
    await hotlist.see(hotlist.read("1AAA111"))
    assert await hotlist.hits() == []
    await hotlist.call("POST", removal, json={}, status=404)


async def test_a_roll_back_passes_over_versions_whose_upload_is_dropped(hotlist):
    list_id = await hotlist.listed("1AAA111")
    versions = f"/v1/lists/{list_id}/versions"
    draft = HEADER + "2BBB222,CA,stolen_vehicle,x\n"
    hotlist.clock.advance(minutes=1)
    await hotlist.upload(list_id, draft, activate=False)
    await hotlist.call("POST", f"{versions}/2/activation")
    why = {"reason": "incomplete extract"}
    await hotlist.call("POST", f"{versions}/1/activation", json=why)
    hotlist.clock.advance(minutes=1)
    await hotlist.upload(list_id, draft)

    async def dropped():
        shown = await hotlist.call("GET", versions)
        return [v["state"] for v in shown["items"]] == ["active", "retired", "dropped"]

    await eventually(dropped)
    shown = await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json=why)
    assert shown["active_version"] == 2


async def test_uploads_too_old_to_roll_back_to_are_dropped(hotlist):
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


async def test_the_upload_in_force_is_never_dropped_and_others_beyond_the_newest_are(hotlist):
    list_id, other = await hotlist.listed("9ZZZ999"), await hotlist.list()
    hotlist.clock.advance(minutes=1)
    await hotlist.upload(list_id, HEADER + "1AAA111,CA,stolen_vehicle,x\n")
    sheet = HEADER + good(30, 1000)
    for _ in range(3):
        hotlist.clock.advance(minutes=1)
        await hotlist.upload(list_id, sheet + "!!!,CA,stolen_vehicle,x\n", activate=False)
    for n in range(5):  # at the same moment of the clock
        await hotlist.upload(other, HEADER + f"3CCC33{n},CA,stolen_vehicle,x\n")

    async def drop_old():
        async with hotlist.runtime.db.begin() as connection:
            return await Entries(connection).drop_old(2)

    while await drop_old():
        pass

    async def states(one):
        return [
            version["state"]
            for version in (await hotlist.call("GET", f"/v1/lists/{one}/versions"))["items"]
        ]

    assert await states(list_id) == [
        "draft",
        "draft",
        "dropped",
        "active",
        "dropped",
    ]
    assert await states(other) == ["active", "retired", "dropped", "dropped", "dropped"]
    assert await plates(hotlist, list_id) == ["1AAA111"]
    assert [len(await lines_aside(hotlist, list_id, version)) for version in (3, 4)] == [0, 1]


async def test_a_version_that_two_people_activate_at_once_comes_into_force_once(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(1), activate=False)
    path = f"/v1/lists/{list_id}/versions/1/activation"
    answers = await locked_while(
        hotlist.runtime.db,
        f"SELECT FROM lists WHERE list_id = '{list_id}' FOR NO KEY UPDATE",
        hotlist.client.post(path, headers=hotlist.headers()),
        hotlist.client.post(path, headers=hotlist.headers(account_id=str(uuid4()))),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await hotlist.announced(HotListActivated)) == 1


@pytest.mark.clause("468.4(c)/second-word")
async def test_uploads_at_once_make_one_version_after_the_other(hotlist):
    list_id = await hotlist.list()
    made = await locked_while(
        hotlist.runtime.db,
        f"SELECT FROM lists WHERE list_id = '{list_id}' FOR NO KEY UPDATE",
        hotlist.upload(list_id, HEADER + good(100)),
        hotlist.upload(list_id, HEADER + good(100, 100)),
    )
    assert sorted(one["version"] for one in made) == [1, 2]
    shown = await hotlist.call("GET", f"/v1/lists/{list_id}")
    assert (shown["active_version"], shown["entries"]) == (2, 100)


def at_once(hotlist, list_id, *requests):
    """Send requests that change a list, each a method, the rest of the path and a body, at the same time."""
    return locked_while(
        hotlist.runtime.db,
        f"SELECT FROM lists WHERE list_id = '{list_id}' FOR NO KEY UPDATE",
        *(
            hotlist.client.request(
                method, f"/v1/lists/{list_id}{door}", json=body, headers=hotlist.headers()
            )
            for method, door, body in requests
        ),
    )


async def test_entries_added_and_removed_at_once_are_a_version_each(hotlist):
    list_id = await hotlist.listed("1AAA111", "2BBB222")
    found = await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={"plate": "1AAA111"}
    )
    answers = await at_once(
        hotlist,
        list_id,
        *(
            ("POST", "/entries", {"entries": [{**ENTRY, "plate": plate}]})
            for plate in ("3CCC333", "4DDD444")
        ),
        ("POST", f"/entries/{found['items'][0]['entry_id']}/removal", {"reason": "recovered"}),
    )
    assert [answer.status_code for answer in answers] == [201, 201, 200]
    assert sorted(answer.json()["version"] for answer in answers) == [2, 3, 4]
    assert await plates(hotlist, list_id) == ["2BBB222", "3CCC333", "4DDD444"]


async def test_a_change_of_a_setting_at_the_same_time_does_not_switch_a_list_on_again(hotlist):
    list_id = await hotlist.listed("7ABC123")
    changes = {"enabled": False}, {"staleness_hours": 2}
    answers = await at_once(hotlist, list_id, *(("PATCH", "", change) for change in changes))
    assert [answer.status_code for answer in answers] == [200, 200]
    shown = await hotlist.call("GET", f"/v1/lists/{list_id}")
    assert (shown["enabled"], shown["staleness_hours"]) == (False, 2)
    events = {event.change: event for event in await hotlist.announced(HotListChanged)}
    assert events["switched_off"].details["enabled"] == "False"
    assert "switched_on" not in events


@pytest.mark.parametrize(
    ("door", "body"), [("/rollback", {"version": 1}), ("/withdrawal", {"reason": "bad extract"})]
)
async def test_a_list_that_two_people_roll_back_or_withdraw_at_once_is_so_once(hotlist, door, body):
    list_id = await hotlist.listed("1AAA111")
    await hotlist.upload(list_id, HEADER + "2BBB222,CA,stolen_vehicle,x\n")
    before = len(await hotlist.announced(HotListActivated))
    answers = await at_once(hotlist, list_id, *[("POST", door, body)] * 2)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await hotlist.announced(HotListActivated)) == before + 1


class Between:
    """A connection that does something else before its second statement."""

    def __init__(self, connection, act):
        self._connection = connection
        self._act = act
        self._statements = 0

    async def execute(self, *statement):
        self._statements += 1
        if self._statements == 2:
            await self._act()
        return await self._connection.execute(*statement)


async def test_an_upload_that_comes_into_force_while_it_is_chosen_as_old_is_not_dropped(hotlist):
    list_id = await hotlist.listed("1AAA111")
    hotlist.clock.advance(minutes=1)
    await hotlist.upload(list_id, HEADER + "2BBB222,CA,stolen_vehicle,x\n")

    async def roll_back():
        body = {"version": 1, "reason": "incomplete extract"}
        await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json=body)

    async with hotlist.runtime.db.begin() as connection:
        assert await Entries(Between(connection, roll_back)).drop_old(1) == 0
    assert await plates(hotlist, list_id) == ["1AAA111"]


@pytest.mark.clause("468.6/separation")
async def test_an_upload_by_a_person_who_leaves_meanwhile_comes_to_nothing(
    hotlist, authority, clock
):
    """A large file takes minutes, one that someone sends slowly takes hours."""
    account, list_id = uuid4(), await hotlist.listed("7ABC123")
    rows = (HEADER + good(20)).encode()

    async def sent():
        yield rows[:200]
        clock.advance(seconds=1)
        authority.people.learn(authority.account(account, "separated", clock.now()))
        yield rows[200:]

    leaver = hotlist.headers(account_id=str(account))
    problem = await hotlist.upload(list_id, sent(), status=401, headers=leaver)
    assert problem["code"] == "account_ended"
    versions = (await hotlist.call("GET", f"/v1/lists/{list_id}/versions"))["items"]
    assert [(one["version"], one["state"]) for one in versions] == [(1, "active")]


async def test_uploads_beyond_the_most_at_a_time_are_refused_with_a_retry_after(hotlist):
    list_id = await hotlist.list()
    running = hotlist.running
    async with running.uploading(), running.uploading(), asyncio.timeout(10):
        problem = await hotlist.upload(list_id, HEADER + good(1), status=503)
    assert problem["code"] == "sheet_uploads_busy"
    await hotlist.upload(list_id, HEADER + good(1))


async def test_an_entry_shows_who_listed_it_and_when(hotlist):
    list_id = await hotlist.listed("1AAA111")
    uploaded_at = hotlist.clock.now()
    hotlist.clock.advance(hours=1)
    other = hotlist.headers(account_id=str(uuid4()), name="Another Person")
    body = {"entries": [{**ENTRY, "plate": "2BBB222"}]}
    await hotlist.call("POST", f"/v1/lists/{list_id}/entries", json=body, headers=other, status=201)
    found = await hotlist.call("POST", f"/v1/lists/{list_id}/entries/search", json={})
    shown = {one["plate"]: (one["entered_by"], one["entered_at"]) for one in found["items"]}
    assert {plate: (by, datetime.fromisoformat(at)) for plate, (by, at) in shown.items()} == {
        "1AAA111": ("Officer Seven", uploaded_at),
        "2BBB222": ("Another Person", hotlist.clock.now()),
    }
    entered = (await hotlist.announced(HotListChanged))[-1]
    assert (entered.change, entered.actor.name) == ("entry_added", "Another Person")


async def test_entries_are_found_by_their_record_kind(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + "1AAA111,CA,stolen_vehicle,x\n2BBB222,CA,other,x\n")
    path = f"/v1/lists/{list_id}/entries/search"
    found = await hotlist.call("POST", path, json={"record_kind": "other"})
    assert [entry["plate"] for entry in found["items"]] == ["2BBB222"]
    for typed, status in (("1aaa-111", 200), ("!", 422)):
        found = await hotlist.call("POST", path, json={"plate": typed}, status=status)
        assert [entry["plate"] for entry in found.get("items", [])] == ["1AAA111"][: status == 200]


@pytest.mark.clause("468.4(c)/bad-lines")
async def test_lines_set_aside_are_deleted_with_their_upload(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, HEADER + good(60) + "1BAD?,CA,stolen_vehicle,x\n")
    assert len(await lines_aside(hotlist, list_id)) == 1
    for n in range(2):
        hotlist.clock.advance(minutes=1)
        await hotlist.upload(list_id, HEADER + good(60, n))

    async def gone():
        return await lines_aside(hotlist, list_id) == []

    await eventually(gone)


async def test_a_change_of_lists_that_could_not_be_loaded_is_loaded_by_the_next_attempt(
    hotlist, monkeypatch
):
    plain, failed = Feed.plates, []

    def fails_once(feed, version):
        if not failed:
            failed.append(version.list_id)
            raise DependencyDown("Postgres went away")
        return plain(feed, version)

    monkeypatch.setattr(Feed, "plates", fails_once)
    await hotlist.listed("7ABC123")
    await eventually(lambda: failed)
    await eventually(lambda: [len(one) for one in hotlist.running.refresher.index.lists] == [1])


async def test_a_change_is_answered_although_this_process_cannot_load_it_now(hotlist, monkeypatch):
    """It is committed: an error would have it made twice. The refresher loads it later."""
    list_id = await hotlist.listed("7ABC123")

    async def away():
        raise DependencyDown("Postgres went away")

    with monkeypatch.context() as patched:
        patched.setattr(hotlist.running.refresher, "refresh", away)
        await hotlist.add(list_id, "8XYZ999")
    assert await plates(hotlist, list_id) == ["7ABC123", "8XYZ999"]
    await hotlist.running.refresher.refresh()
    await hotlist.see(hotlist.read("8XYZ999"))
    assert len(await hotlist.hits()) == 1


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_list_of_a_source_that_the_caller_lacks_does_not_exist_for_them(hotlist):
    list_id = await hotlist.listed("7ABC123", source="federal")
    without = hotlist.headers(sources=["department", "state"])
    for path in ("", "/yield", "/versions"):
        await hotlist.call("GET", f"/v1/lists/{list_id}{path}", headers=without, status=404)
    assert (await hotlist.call("GET", "/v1/lists", headers=without))["items"] == []
    await hotlist.call(
        "POST", f"/v1/lists/{list_id}/entries/search", json={}, headers=without, status=404
    )
    problem = await hotlist.call(
        "POST", "/v1/lists", json={"name": "x", "source": "federal"}, headers=without, status=403
    )
    assert problem["code"] == "source_not_entitled"
    refused = [a for a in await hotlist.announced(AccessAttempted) if not a.allowed]
    assert [(a.permission, "468.4(e)" in a.reason) for a in refused] == [("hotlist:manage", True)]
    other = hotlist.headers(ori="CA0999900")
    for path in ("", "/yield"):
        await hotlist.call("GET", f"/v1/lists/{list_id}{path}", headers=other, status=404)


async def test_a_person_who_may_not_manage_lists_is_refused_and_recorded(hotlist):
    officer = hotlist.headers(Permission.HOTLIST_READ)
    problem = await hotlist.call(
        "POST", "/v1/lists", json={"name": "x", "source": "state"}, headers=officer, status=403
    )
    assert problem["code"] == "permission_missing"
    [attempt] = [a for a in await hotlist.announced(AccessAttempted) if not a.allowed]
    assert attempt.permission == "hotlist:manage"


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_entries_that_a_search_returns_are_recorded_as_disclosed(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await plates(hotlist, list_id)
    [told] = await hotlist.disclosed()
    assert (told.record_kind, told.count, told.all_plates) == ("hotlist_entry", 1, ["7ABC123"])


async def test_list_names_are_unique_and_limits_can_only_be_narrowed(hotlist):
    await hotlist.list("state", name="SVS", staleness_hours=12)
    body = {"name": "SVS", "source": "state"}
    assert (await hotlist.call("POST", "/v1/lists", json=body, status=409))["field"] == "name"
    body = {"name": "SVS 2", "source": "state", "staleness_hours": 25}
    problem = await hotlist.call("POST", "/v1/lists", json=body, status=422)
    assert problem["field"] == "staleness_hours"
    later = (hotlist.clock.now() + timedelta(minutes=5, seconds=1)).isoformat()
    list_id = await hotlist.list("state", staleness_hours=24)  # the policy's own limit
    problem = await hotlist.upload(list_id, HEADER + "1A,CA,other,x\n", as_of=later, status=422)
    assert problem["field"] == "as_of"


async def test_another_replica_learns_of_an_activation(
    hotlist, settings, bus, objects, clock, authority, policy
):
    """At once: by the poll alone a withdrawn list would go on raising alerts for seconds."""
    from tests.integration.hotlist.conftest import serving

    seldom = settings.model_copy(update={"hotlist_poll_s": 60})
    async with serving(seldom, bus, objects, clock, authority, policy) as other:
        await other.running.notices.connected()
        list_id = await hotlist.listed("7ABC123")
        index = other.running.refresher.index
        await eventually(lambda: any(str(one.list_id) == list_id for one in index.lists))
        await hotlist.add(list_id, "8XYZ999")
        await eventually(lambda: [len(one) for one in index.lists] == [2])
        await other.see(other.read("8XYZ999"))
        assert len(await hotlist.hits()) == 1


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_letter_that_folds_into_others_is_refused_in_lists(hotlist):
    list_id = await hotlist.list()
    for folded in FOLDED:
        await hotlist.add(list_id, folded, status=422)
    rows = "".join(f"{folded},CA,stolen_vehicle\n" for folded in FOLDED)
    good = "".join(f"7ABC{n:03d},CA,stolen_vehicle\n" for n in range(200))
    version = await hotlist.upload(list_id, f"plate,state,record_kind\n{rows}{good}")
    assert version["set_aside"] == len(FOLDED)
    await hotlist.see(hotlist.read("SS7A1"), hotlist.read("FI7A"), hotlist.read("I7A1"))
    assert await hotlist.hits() == []


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_plate_that_a_spreadsheet_made_a_number_lists_no_other_vehicle(hotlist):
    list_id = await hotlist.list()
    numbers = ("1.2E+11", "5E+10", "1234567.0")  # were 12E10, 5E10 and 1234567
    for number in numbers:
        await hotlist.add(list_id, number, status=422)
    rows = "".join(f'"{number}",CA,stolen_vehicle\n' for number in numbers)
    good = "".join(f"7ABC{n:03d},CA,stolen_vehicle\n" for n in range(100))
    version = await hotlist.upload(list_id, f"plate,state,record_kind\n{rows}{good}")
    assert version["set_aside"] == len(numbers)
    await hotlist.see(*map(hotlist.read, ("12E11", "5E10", "12345670")))
    assert await hotlist.hits() == []


async def test_lists_and_their_versions_are_read_page_by_page(hotlist):
    ids = [await hotlist.list(name=name) for name in ("b", "c", "a")]

    async def fetch(path):
        return await hotlist.call("GET", path)

    assert [one["name"] for one in await paged(fetch, "/v1/lists")] == ["a", "b", "c"]
    for plate in ("1AAA111", "2BBB222", "3CCC333"):
        await hotlist.add(ids[0], plate)
    versions = await paged(fetch, f"/v1/lists/{ids[0]}/versions")
    assert [one["version"] for one in versions] == [3, 2, 1]
    entries, after = [], None
    while after or not entries:
        body = {"limit": 2, "after": after}
        page = await hotlist.call("POST", f"/v1/lists/{ids[0]}/entries/search", json=body)
        entries += [one["plate"] for one in page["items"]]
        after = page["next"]
    assert sorted(entries) == ["1AAA111", "2BBB222", "3CCC333"]
