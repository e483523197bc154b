"""To bring plates into force is a search of them: for a declared purpose, in its scope, and on record (ADR-0115)."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.hotlist.actions import listed_plates
from shared.events import AccessAttempted, RecordsDisclosed
from shared.postgres.disclosed_records import LISTED_PLATES

HEADER = "plate,state,record_kind\n"
ENTRY = {"plate": "7ABC123", "record_kind": "other", "reason": "Robbery"}


def rows(*plates):
    return HEADER + "".join(f"{plate},CA,other\n" for plate in plates)


async def listings(hotlist):
    """Return the disclosures of listed plates that left the outbox since the last call."""
    found = await hotlist.announced(RecordsDisclosed)
    hotlist.bus.records.clear()
    return [one for one in found if one.record_kind == LISTED_PLATES]


async def plates_in_force(hotlist, list_id):
    found = await hotlist.call("POST", f"/v1/lists/{list_id}/entries/search", json={})
    return sorted(entry["plate_listed"] for entry in found["items"])


def without_purpose(hotlist):
    return {**hotlist.authority.headers(purpose=False)}


async def post(hotlist, path, headers, **body):
    return await hotlist.client.post(path, headers=headers, **body)


WAYS = ["an entry", "an upload", "an activation", "a rollback", "a list withdrawn before"]


async def brought_into_force(hotlist, list_id, way, headers):
    """Bring 7ABC123 into force beside 9AAA111, in one of several ways; return the answer."""
    path, csv = f"/v1/lists/{list_id}", {**headers, "Content-Type": "text/csv"}
    both = rows("9AAA111", "7ABC123").encode()
    if way == "an entry":
        return await post(hotlist, f"{path}/entries", headers, json={"entries": [ENTRY]})
    if way == "an upload":
        return await post(hotlist, f"{path}/versions", csv, content=both, params={"activate": True})
    if way == "an activation":
        draft = await post(hotlist, f"{path}/versions", csv, content=both)
        assert draft.status_code == 201, draft.text
        return await post(hotlist, f"{path}/versions/2/activation", headers)
    await hotlist.upload(list_id, rows("9AAA111", "7ABC123"))
    if way == "a rollback":
        await hotlist.upload(list_id, rows("9AAA111", "8XYZ999"))
        await listings(hotlist)
        return await post(hotlist, f"{path}/rollback", headers, json={"version": 2})
    await hotlist.call("POST", f"{path}/withdrawal", json={"reason": "checked anew"})
    await listings(hotlist)
    return await post(hotlist, f"{path}/versions/2/activation", headers)


@pytest.mark.clause("468.4(a)/listing")
@pytest.mark.parametrize("way", WAYS)
async def test_plates_come_on_a_list_of_the_department_for_a_declared_purpose_only(hotlist, way):
    list_id = await hotlist.listed("9AAA111")
    headers = without_purpose(hotlist)
    refused = await brought_into_force(hotlist, list_id, way, headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose_missing_to_list")
    assert "7ABC123" not in refused.text
    attempts = await hotlist.announced(AccessAttempted)
    assert [a.reason for a in attempts if not a.allowed] == [refused.json()["detail"]]
    [in_force] = [
        one
        for one in (await hotlist.call("GET", "/v1/lists"))["items"]
        if one["list_id"] == list_id
    ]
    if way == WAYS[-1]:
        assert in_force["active_version"] is None
    else:
        assert "7ABC123" not in await plates_in_force(hotlist, list_id)


@pytest.mark.clause("468.3.1(c)/listed-plates")
@pytest.mark.parametrize("way", WAYS)
async def test_new_plates_in_force_are_disclosed_as_a_search_of_their_person(hotlist, way):
    list_id = await hotlist.listed("9AAA111")
    await listings(hotlist)
    person = str(uuid4())
    headers = hotlist.authority.headers(account_id=person)
    answer = await brought_into_force(hotlist, list_id, way, headers)
    assert answer.is_success, answer.text
    [told] = await listings(hotlist)
    back = ["7ABC123", "9AAA111"] if way == WAYS[-1] else ["7ABC123"]
    assert (told.all_plates, told.count) == (back, 0)
    assert (told.actor.person_id, told.purpose.case_number) == (person, "26-001234")
    assert told.permission == "hotlist:manage"


async def test_what_brings_no_plate_into_force_needs_no_purpose_and_is_no_search(hotlist):
    list_id = await hotlist.listed("7ABC123", "9AAA111")
    await listings(hotlist)
    headers, path = without_purpose(hotlist), f"/v1/lists/{list_id}"
    csv = {**headers, "Content-Type": "text/csv"}
    draft = await post(hotlist, f"{path}/versions", csv, content=rows("8XYZ999").encode())
    assert draft.status_code == 201, draft.text
    same = await post(
        hotlist,
        f"{path}/versions",
        csv,
        content=rows("9AAA111", "7ABC123").encode(),
        params={"activate": True},
    )
    assert same.status_code == 201, same.text
    found = await hotlist.call("POST", f"{path}/entries/search", json={"plate": "7ABC123"})
    removal = f"{path}/entries/{found['items'][0]['entry_id']}/removal"
    removed = await post(hotlist, removal, headers, json={"reason": "recovered"})
    assert removed.status_code == 200, removed.text
    assert await listings(hotlist) == []


@pytest.mark.clause("468.4(a)/listing")
@pytest.mark.parametrize("until", ["", "2020-01-01T00:00:00Z"], ids=["again", "still expired"])
async def test_a_plate_whose_entry_has_expired_is_listed_anew_for_a_purpose_only(hotlist, until):
    list_id = await hotlist.listed("9AAA111")
    soon = (hotlist.clock.now() + timedelta(hours=1)).isoformat()
    await hotlist.add(list_id, "7ABC123", expires_at=soon)
    await listings(hotlist)
    hotlist.clock.advance(hours=2)
    sheet = f"plate,state,record_kind,expires_at\n9AAA111,CA,other,\n7ABC123,CA,other,{until}\n"
    sent = await post(
        hotlist,
        f"/v1/lists/{list_id}/versions",
        {**without_purpose(hotlist), "Content-Type": "text/csv"},
        content=sheet.encode(),
        params={"activate": True},
    )
    assert sent.status_code == (201 if until else 403), sent.text
    assert await listings(hotlist) == []


async def test_a_list_of_the_state_needs_no_purpose_and_its_new_plates_are_on_record(hotlist):
    list_id = await hotlist.list("state")
    csv = {**without_purpose(hotlist), "Content-Type": "text/csv"}
    path = f"/v1/lists/{list_id}/versions"
    sent = await post(
        hotlist, path, csv, content=rows("7ABC123").encode(), params={"activate": True}
    )
    assert sent.status_code == 201, sent.text
    [told] = await listings(hotlist)
    assert (told.all_plates, told.purpose) == (["7ABC123"], None)


@pytest.mark.clause("468.3.1(c)/listed-plates")
@pytest.mark.parametrize(
    ("source", "number", "named"),
    [
        ("state", 3, [3]),
        ("state", 4, [0]),
        ("department", 4, [2, 2]),
        ("department", 5, [2, 2, 1]),
        ("department", 6, [0]),
    ],
)
async def test_a_file_with_very_many_new_plates_names_all_or_none_of_them(
    hotlist, monkeypatch, source, number, named
):
    monkeypatch.setattr(listed_plates, "MOST_NAMED", 3)
    monkeypatch.setattr(listed_plates, "MOST_OF_DEPARTMENT", 5)
    monkeypatch.setattr(listed_plates, "PIECE", 2 if source == "department" else 1000)
    plates = [f"7ABC12{n}" for n in range(number)]
    await hotlist.listed(*plates, source=source)
    told = await listings(hotlist)
    assert [len(one.all_plates) for one in told] == named
    assert sorted(plate for one in told for plate in one.all_plates) in ([], plates)
    assert len({one.all_ids[0] for one in told}) == 1


@pytest.mark.clause("468.6(b)/case-bound")
@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ({"plate": "7ABC123"}, 201),
        ({"plate": "8XYZ999"}, 403),
        ({"device_ids": [str(uuid4())]}, 403),
        ({"captured_to": "2026-06-02T00:00:00Z"}, 403),
    ],
    ids=["its plate", "another plate", "devices", "a time"],
)
async def test_a_purpose_with_a_scope_lists_its_own_plate_only(hotlist, scope, status):
    list_id = await hotlist.list()
    headers = {
        **without_purpose(hotlist),
        "X-ALPR-Purpose": hotlist.authority.purpose_token(scope=scope),
    }
    answer = await post(hotlist, f"/v1/lists/{list_id}/entries", headers, json={"entries": [ENTRY]})
    assert answer.status_code == status, answer.text
    if status == 403:
        assert answer.json()["code"] == "purpose_scope_exceeded"


@pytest.mark.clause("468.6(b)/case-bound")
async def test_each_plate_of_a_request_must_be_within_the_scope(hotlist):
    list_id = await hotlist.list()
    purpose = hotlist.authority.purpose_token(scope={"plate": "7ABC123"})
    headers = {**without_purpose(hotlist), "X-ALPR-Purpose": purpose}
    entries = [ENTRY, {**ENTRY, "plate": "8XYZ999"}]
    path = f"/v1/lists/{list_id}/entries"
    refused = await post(hotlist, path, headers, json={"entries": entries})
    assert refused.status_code == 403
    assert await listings(hotlist) == []
