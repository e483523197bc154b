"""Whole frames and hits leave only where every approver names them in the decision (policy 468.7)."""

from uuid import UUID, uuid4

import pytest

from shared.events import ReleaseApproved, ReleaseChanged
from tests.integration.release.conftest import FBI, LIEUTENANT, a_request

ONE, TWO, THREE = (str(UUID(int=n)) for n in (1, 2, 3))
WITH_PICTURES = {"criteria": a_request()["criteria"] | {"include_images": True}}


@pytest.mark.clause("468.7/pictures")
async def test_an_approval_that_names_no_originals_releases_no_original(filed, decide, announced):
    await decide(await filed(**WITH_PICTURES))
    [approved] = await announced(ReleaseApproved)
    assert approved.originals == []


@pytest.mark.clause("468.7/pictures")
async def test_originals_that_the_approver_names_are_on_file_and_announced(
    client, filed, decide, announced, requester, packaged
):
    request_id = await filed(**WITH_PICTURES)
    answer = await decide(request_id, originals=[TWO, ONE, TWO])
    assert answer.status_code == 200, answer.text
    assert answer.json()["decisions"][0]["originals"] == [ONE, TWO]
    [approved] = await announced(ReleaseApproved)
    assert [str(capture_id) for capture_id in approved.originals] == [ONE, TWO]
    await packaged(request_id, omitted=3)
    shown = await client.get(f"/v1/agency/requests/{request_id}", headers=requester())
    assert shown.json()["package"]["omitted"] == 3
    assert shown.json()["decisions"][0]["originals"] == [ONE, TWO]


@pytest.mark.clause("468.7/pictures")
async def test_an_original_that_only_one_of_two_approvers_names_is_not_released(
    filed, decide, announced, with_authority, reviewer
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI), **WITH_PICTURES)
    await decide(request_id, originals=[ONE, TWO])
    answer = await decide(request_id, headers=reviewer(LIEUTENANT), originals=[TWO, THREE])
    assert answer.json()["status"] == "approved", answer.text
    [approved] = await announced(ReleaseApproved)
    assert [str(capture_id) for capture_id in approved.originals] == [TWO]
    [first] = [e for e in await announced(ReleaseChanged) if e.change == "first_approved"]
    assert first.details["originals"] == f"{ONE} {TWO}"


@pytest.mark.clause("468.7/pictures")
async def test_the_second_approver_cannot_add_originals(
    filed, decide, announced, with_authority, reviewer
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI), **WITH_PICTURES)
    await decide(request_id)
    await decide(request_id, headers=reviewer(LIEUTENANT), originals=[ONE])
    [approved] = await announced(ReleaseApproved)
    assert approved.originals == []


@pytest.mark.clause("468.7/lists")
async def test_an_approval_that_names_no_lists_releases_no_hit(filed, decide, announced):
    await decide(await filed())
    [approved] = await announced(ReleaseApproved)
    assert approved.list_sources == []


@pytest.mark.clause("468.7/lists")
async def test_lists_that_the_approver_names_are_on_file_and_announced(
    client, filed, decide, announced, requester
):
    request_id = await filed()
    answer = await decide(request_id, list_sources=["state", "department", "state"])
    assert answer.status_code == 200, answer.text
    [approved] = await announced(ReleaseApproved)
    assert approved.list_sources == ["department", "state"]
    shown = await client.get(f"/v1/agency/requests/{request_id}", headers=requester())
    assert shown.json()["decisions"][0]["list_sources"] == ["department", "state"]


@pytest.mark.clause("468.7/lists")
@pytest.mark.parametrize(
    ("first", "second", "both"),
    [
        (["state", "federal"], ["federal", "department"], ["federal"]),
        ([], ["federal"], []),
        (["federal"], [], []),
    ],
)
async def test_a_list_that_only_one_of_two_approvers_names_is_not_released(
    filed, decide, announced, with_authority, reviewer, first, second, both
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    await decide(request_id, list_sources=first)
    await decide(request_id, headers=reviewer(LIEUTENANT), list_sources=second)
    [approved] = await announced(ReleaseApproved)
    assert approved.list_sources == both
    [step] = [e for e in await announced(ReleaseChanged) if e.change == "first_approved"]
    assert step.details.get("list_sources", "") == " ".join(sorted(first))


SOURCES_REFUSED = {"name": "list_sources.0", "allowed": ["department", "state", "federal"]}


@pytest.mark.parametrize(
    ("decision", "sources", "code", "params", "told"),
    [
        ("deny", ["state"], "denial_names_lists", {}, "denial releases no data"),
        (
            "approve",
            ["county"],
            "field_not_allowed",
            SOURCES_REFUSED,
            "must be one of: department, state, federal",
        ),
    ],
)
async def test_a_decision_with_invalid_list_sources_is_refused_and_not_recorded(
    client, filed, decide, reviewer, decision, sources, code, params, told
):
    request_id = await filed()
    answer = await decide(request_id, decision, list_sources=sources)
    assert answer.status_code == 422
    assert "list_sources" in answer.text
    assert (answer.json()["code"], answer.json()["params"]) == (code, params)
    assert told in answer.text
    shown = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert (shown.json()["status"], shown.json()["decisions"]) == ("submitted", [])


NO_UUID, TOO_MANY = {"name": "originals.0"}, {"name": "originals", "max_items": 200}


@pytest.mark.parametrize(
    ("criteria", "decision", "originals", "code", "params", "told"),
    [
        (WITH_PICTURES, "deny", [ONE], "denial_names_originals", {}, "denial releases no data"),
        ({}, "approve", [ONE], "no_pictures_asked", {}, "asks for no pictures"),
        (WITH_PICTURES, "approve", ["7ABC123"], "field_not_uuid", NO_UUID, "must be a UUID"),
        (
            WITH_PICTURES,
            "approve",
            [str(uuid4()) for _ in range(201)],
            "field_too_many",
            TOO_MANY,
            "200",
        ),
    ],
)
async def test_a_decision_with_invalid_originals_is_refused_and_not_recorded(
    client, filed, decide, reviewer, criteria, decision, originals, code, params, told
):
    request_id = await filed(**criteria)
    answer = await decide(request_id, decision, originals=originals)
    assert answer.status_code == 422
    assert "originals" in answer.text
    assert (answer.json()["code"], answer.json()["params"]) == (code, params)
    assert told in answer.text
    shown = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert (shown.json()["status"], shown.json()["decisions"]) == ("submitted", [])
