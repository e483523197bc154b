"""The provisioners of the requester's account or agency may not decide on its requests (ADR-0025)."""

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from shared.events import AccessAttempted, ReleaseApproved, ReleaseDenied
from shared.events.signed_events import sign_event
from tests.integration.release.conftest import (
    EARLIER,
    FBI,
    LIEUTENANT,
    REGISTRAR,
    REQUESTER,
    SERGEANT,
    SHERIFF,
)

COLLEAGUE = "00000000-0000-4000-8000-000000000102"
CAPTAIN = "00000000-0000-4000-8000-000000000204"


@pytest.fixture
def provisioned(authority):
    """Has identity announce an account's provisioners; None: an account older than such announcements."""

    def provisioned(account_id, by):
        event = authority.account(account_id, "active", EARLIER, provisioned_by=by)
        authority.people.learn(event)

    return provisioned


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize("decision", ["approve", "deny"])
async def test_a_reviewer_who_created_the_requesters_account_cannot_decide(
    client, filed, decide, reviewer, provisioned, announced, decision
):
    request_id = await filed()
    provisioned(REQUESTER, [SERGEANT])
    answer = await decide(request_id, decision)
    assert (answer.status_code, answer.json()["code"]) == (
        403,
        "reviewer_provisioned_account",
    )
    assert "the requester's account" in answer.json()["detail"]
    [refused] = [e for e in await announced(AccessAttempted) if not e.allowed]
    assert (refused.actor.person_id, refused.permission) == (SERGEANT, "release:review")
    assert await announced(ReleaseApproved) == await announced(ReleaseDenied) == []
    shown = (await client.get(f"/v1/requests/{request_id}", headers=reviewer())).json()
    assert shown["review"] == {
        "approvals_needed": 1,
        "approvals": 0,
        "not_by": sorted([REGISTRAR, SERGEANT]),
    }
    another = await decide(request_id, decision, reviewer(LIEUTENANT))
    assert another.status_code == 200, another.text
    assert another.json()["review"] is None


@pytest.mark.clause("468.7(b)/provisioners")
async def test_the_registrar_of_the_agency_cannot_decide(filed, decide, reviewer, announced):
    request_id = await filed()
    answer = await decide(request_id, headers=reviewer(REGISTRAR))
    assert (answer.status_code, answer.json()["code"]) == (
        403,
        "reviewer_provisioned_account",
    )
    assert await announced(ReleaseApproved) == []


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_reviewer_who_changed_the_agency_afterwards_cannot_decide(
    client, filed, decide, reviewer, announced
):
    request_id = await filed()
    changed = await client.patch(
        f"/v1/agencies/{SHERIFF}", json={"contact": "me"}, headers=reviewer()
    )
    assert changed.status_code == 200
    answer = await decide(request_id)
    assert (answer.status_code, answer.json()["code"]) == (
        403,
        "reviewer_provisioned_agency",
    )
    assert "the requesting agency" in answer.json()["detail"]
    assert (await decide(request_id, headers=reviewer(LIEUTENANT))).status_code == 200


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_request_of_an_account_with_unknown_provisioners_needs_two_approvals(
    client, filed, decide, reviewer, provisioned, announced
):
    request_id = await filed()
    provisioned(REQUESTER, None)
    shown = (await client.get(f"/v1/requests/{request_id}", headers=reviewer())).json()
    assert shown["review"]["approvals_needed"] == 2
    assert (await decide(request_id)).json()["status"] == "first_approved"
    again = await decide(request_id)
    assert (again.status_code, again.json()["code"]) == (403, "second_approver_needed")
    assert await announced(ReleaseApproved) == []
    second = await decide(request_id, headers=reviewer(LIEUTENANT))
    assert second.json()["status"] == "approved"


@pytest.mark.clause("468.7(b)/provisioners")
async def test_an_account_of_which_only_some_provisioners_are_known_needs_two_approvals(
    filed, decide, authority
):
    request_id = await filed()
    told = authority.account(REQUESTER, "active", EARLIER)
    some = {"provisioned": {"by": [REGISTRAR], "known": False}}
    authority.people.learn(sign_event(authority.issuer, replace(told, details=some)))
    assert (await decide(request_id)).json()["status"] == "first_approved"


@pytest.mark.clause("468.7(b)/provisioners")
async def test_the_approval_of_a_person_who_changed_the_agency_since_does_not_count(
    client, filed, with_authority, decide, reviewer, announced
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    assert (await decide(request_id)).json()["status"] == "first_approved"
    changed = await client.patch(f"/v1/agencies/{FBI}", json={"contact": "me"}, headers=reviewer())
    assert changed.status_code == 200
    named = {"list_sources": ["department"]}
    second = await decide(request_id, headers=reviewer(LIEUTENANT), **named)
    assert second.json()["status"] == "first_approved"
    assert await announced(ReleaseApproved) == []
    third = await decide(request_id, headers=reviewer(CAPTAIN), **named)
    assert third.json()["status"] == "approved"
    [approved] = await announced(ReleaseApproved)
    assert approved.list_sources == ["department"]


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize("status", ["separated", "locked", "disabled"])
async def test_the_approval_of_a_person_whose_account_ended_since_does_not_count(
    filed, with_authority, decide, reviewer, authority, announced, status
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    first = await decide(request_id, list_sources=["state"], originals=[])
    assert first.json()["status"] == "first_approved"
    authority.people.learn(authority.account(SERGEANT, status, EARLIER))
    named = {"list_sources": ["department"]}
    second = await decide(request_id, headers=reviewer(LIEUTENANT), **named)
    assert (second.status_code, second.json()["status"]) == (200, "first_approved")
    assert await announced(ReleaseApproved) == []
    third = await decide(request_id, headers=reviewer(CAPTAIN), **named)
    assert third.json()["status"] == "approved"
    [approved] = await announced(ReleaseApproved)
    assert approved.list_sources == ["department"], "what the two named who count"


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_page_counts_the_approvals_that_count(
    client, filed, with_authority, decide, reviewer, authority
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    assert (await decide(request_id)).json()["review"]["approvals"] == 1
    authority.people.learn(authority.account(SERGEANT, "separated", EARLIER))
    shown = await client.get(f"/v1/requests/{request_id}", headers=reviewer(LIEUTENANT))
    assert shown.json()["review"]["approvals"] == 0
    second = await decide(request_id, headers=reviewer(LIEUTENANT))
    assert (second.json()["status"], second.json()["review"]["approvals"]) == ("first_approved", 1)


@pytest.mark.clause("468.7(b)/provisioners")
async def test_one_person_approves_once_also_once_one_approval_would_do(
    filed, decide, reviewer, provisioned, announced
):
    request_id = await filed()
    provisioned(REQUESTER, None)
    assert (await decide(request_id)).json()["status"] == "first_approved"
    provisioned(REQUESTER, [REGISTRAR])
    again = await decide(request_id)
    assert (again.status_code, again.json()["code"]) == (403, "second_approver_needed")
    assert await announced(ReleaseApproved) == []
    second = await decide(request_id, headers=reviewer(LIEUTENANT))
    assert second.json()["status"] == "approved"


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_request_of_an_agency_with_unknown_provisioners_needs_two_approvals(
    filed, decide, as_owner
):
    request_id = await filed()
    async with as_owner("release") as connection:
        await connection.execute(text("DELETE FROM agency_provisioners"))
        await connection.execute(text("UPDATE agencies SET provisioners_known = false"))
    assert (await decide(request_id)).json()["status"] == "first_approved"


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_recipient_whom_an_approver_provisioned_cannot_download_the_package(
    client, filed, decide, packaged, requester, provisioned, announced
):
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)
    provisioned(COLLEAGUE, [SERGEANT])
    path = f"/v1/requests/{request_id}/package"
    answer = await client.get(path, headers=requester(account_id=COLLEAGUE))
    assert (answer.status_code, answer.json()["code"]) == (
        403,
        "recipient_provisioned_by_approver",
    )
    [refused] = [e for e in await announced(AccessAttempted) if not e.allowed]
    assert (refused.actor.person_id, refused.permission) == (COLLEAGUE, "release:download")
    provisioned(COLLEAGUE, [REGISTRAR])
    assert (await client.get(path, headers=requester(account_id=COLLEAGUE))).status_code == 200
    provisioned(REQUESTER, [REGISTRAR, SERGEANT])  # invited anew, once it was approved
    assert (await client.get(path, headers=requester())).status_code == 403


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_recipient_with_unknown_provisioners_gets_only_packages_with_two_approvals(
    client, filed, decide, packaged, requester, reviewer, provisioned
):
    provisioned(COLLEAGUE, None)
    headers = requester(account_id=COLLEAGUE)
    provisioned(COLLEAGUE, None)
    one = await filed()
    await decide(one)
    await packaged(one)
    assert (await client.get(f"/v1/requests/{one}/package", headers=headers)).status_code == 403
    provisioned(REQUESTER, None)
    two = await filed()
    provisioned(REQUESTER, None)
    await decide(two)
    await decide(two, headers=reviewer(LIEUTENANT))
    await packaged(two)
    assert (await client.get(f"/v1/requests/{two}/package", headers=headers)).status_code == 200
