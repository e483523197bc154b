"""A release from written request to receipt (policy 468.7), and the records that stay on file."""

import asyncio
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError

from services.release.actions import packages
from services.release.domain.requests import RECORDS_CITATION
from services.release.workers.expiry import expire_due
from shared.core.errors import InternalFault
from shared.events import (
    AccessAttempted,
    AgencyChanged,
    RecordsDisclosed,
    ReleaseApproved,
    ReleaseChanged,
    ReleaseDenied,
    ReleaseReceived,
    ReleaseRequested,
)
from tests.integration.locking import locked_while
from tests.integration.pages import paged
from tests.integration.release.conftest import (
    EARLIER,
    FBI,
    LIEUTENANT,
    PDF,
    REGISTRAR,
    RENO,
    REQUESTER,
    SERGEANT,
    SHERIFF,
    a_request,
)
from tests.integration.serving import received_until_cut_off


@pytest.mark.clause("468.7(a)/written-request")
@pytest.mark.clause("468.7/package")
async def test_a_request_is_filed_approved_packaged_and_downloaded_with_a_receipt(
    client, filed, decide, packaged, requester, reviewer, announced, objects, clock, monkeypatch
):
    request_id = await filed()
    [asked] = await announced(ReleaseRequested)
    assert (asked.agency_ori, asked.requester_name, asked.requester_title) == (
        SHERIFF,
        "Dana Ruiz",
        "Agency Requester",
    )
    assert asked.criteria.plate == "7ABC123"
    response = await decide(request_id)
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "approved"
    [approved] = await announced(ReleaseApproved)
    assert approved.request_id == UUID(request_id)
    assert approved.requester.person_id == REQUESTER
    assert approved.actor.person_id == SERGEANT
    assert approved.criteria.include_images is False
    assert (approved.case_number, approved.offence_type) == ("TCS-26-0417", "robbery")
    assert (approved.expires_at - approved.occurred_at).days == 14
    content, event = await packaged(request_id)
    status = await client.get(f"/v1/agency/requests/{request_id}", headers=requester())
    assert status.json()["status"] == "packaged"
    assert status.json()["package"]["sha256"] == event.sha256
    get, begun_at = objects.get, clock.now()

    async def get_slowly(key):
        clock.advance(minutes=5)
        return await get(key)

    monkeypatch.setattr(objects, "get", get_slowly)
    response = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert response.status_code == 200, response.text
    assert response.content == content
    assert response.headers["X-Content-SHA256"] == sha256(content).hexdigest()
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Length"] == str(len(content))
    digest = b64encode(sha256(content).digest()).decode()
    assert response.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    [received] = await announced(ReleaseReceived)
    assert (received.request_id, received.sha256) == (UUID(request_id), event.sha256)
    assert received.occurred_at == begun_at + timedelta(minutes=5), "when it had all arrived"
    disclosed = [e for e in await announced(RecordsDisclosed) if e.record_kind == "package"]
    assert [e.all_ids for e in disclosed] == [[request_id]]
    seen = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert [r["received_by"]["person_id"] for r in seen.json()["receipts"]] == [REQUESTER]


@pytest.mark.clause("468.6/separation")
async def test_a_download_is_cut_off_once_the_account_of_its_recipient_ends(
    app, filed, decide, packaged, requester, announced, objects, authority, clock, monkeypatch
):
    request_id = await filed()
    await decide(request_id)
    content, _ = await packaged(request_id)
    pieces = [content[start : start + 1000] for start in range(0, len(content), 1000)]

    async def stream(key):
        for number, piece in enumerate(pieces):
            if number == 3:
                ended = authority.account(REQUESTER, "separated", clock.now())
                authority.people.learn(ended)
            yield piece

    monkeypatch.setattr(objects, "stream", stream)
    path = f"/v1/requests/{request_id}/package"
    status, received = await received_until_cut_off(app, "GET", path, requester())
    assert (status, received) == (200, b"".join(pieces[:2]))
    assert await announced(ReleaseReceived) == []


@pytest.mark.clause("468.7(a)/written-request")
async def test_a_request_names_the_person_whom_it_is_written_for(
    client, filed, requester, announced
):
    named = {"requester_name": "Lee Park", "requester_title": "Deputy"}
    request_id = await filed(**named)
    [asked] = await announced(ReleaseRequested)
    assert (asked.requester_name, asked.requester_title) == ("Lee Park", "Deputy")
    assert asked.actor.name == "Dana Ruiz"
    shown = await client.get(f"/v1/agency/requests/{request_id}", headers=requester())
    assert {name: shown.json()[name] for name in named} == named
    assert shown.json()["filed_by"]["name"] == "Dana Ruiz"


async def test_a_redelivered_package_event_is_processed_once(
    client, filed, decide, packaged, requester, runtime, bus
):
    from services.release.events import Handlers

    request_id = await filed()
    await decide(request_id)
    _, event = await packaged(request_id)
    bus.records.clear()
    await bus.publish([event])
    await bus.deliver(Handlers(runtime).by_event)
    response = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert response.status_code == 200


@pytest.mark.clause("468.7/package")
async def test_a_package_for_what_was_never_approved_is_refused(filed, packaged):
    request_id = await filed()
    with pytest.raises(InternalFault, match="submitted"):
        await packaged(request_id)


@pytest.mark.clause("468.7/package")
async def test_an_answer_with_a_text_that_postgres_cannot_have_is_put_aside_and_the_next_one_counts(
    filed, decide, failed
):
    request_id = await filed()
    await decide(request_id)
    with pytest.raises(InternalFault, match="cannot store"):
        await failed(request_id, "a\x00b")
    await failed(request_id)


@pytest.mark.clause("468.7/package")
async def test_requester_and_reviewer_see_a_request_fail_with_its_reason(
    client, filed, decide, failed, packaged, requester, reviewer
):
    request_id = await filed()
    with pytest.raises(InternalFault, match="submitted"):
        await failed(request_id)
    await decide(request_id)
    event = await failed(request_id)
    for path, headers in (
        (f"/v1/agency/requests/{request_id}", requester()),
        (f"/v1/requests/{request_id}", reviewer()),
    ):
        shown = (await client.get(path, headers=headers)).json()
        assert (shown["status"], shown["failure"]["reason"]) == ("failed", event.reason)
    await filed()
    found = await client.get("/v1/requests?status=failed", headers=reviewer())
    assert [one["request_id"] for one in found.json()["items"]] == [request_id]
    answer = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert (answer.status_code, answer.json()["code"]) == (409, "package_failed")
    with pytest.raises(InternalFault, match="failed"):
        await packaged(request_id)


async def test_a_filed_request_with_a_pattern_that_is_no_longer_accepted_is_still_returned(
    client, filed, reviewer, runtime
):
    copied = await filed()
    request_id = uuid4()
    async with runtime.db.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO requests SELECT (jsonb_populate_record(r, jsonb_build_object("
                "'request_id', CAST(:id AS text), 'criteria', r.criteria || :criteria))).* FROM requests r"
                " WHERE request_id = :copied"
            ).bindparams(bindparam("criteria", type_=JSONB)),
            {"id": str(request_id), "criteria": {"plate": "7ABC1????????"}, "copied": UUID(copied)},
        )
    shown = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert shown.status_code == 200, shown.text
    assert shown.json()["criteria"]["plate"] == "7ABC1????????"


async def test_a_release_request_refuses_patterns_that_no_search_accepts(
    client, requester, agencies
):
    for plate in ("7ABC1????????", "ABCDEFGHIJKL?", "7*", "*A*B*"):
        criteria = {**a_request()["criteria"], "plate": plate}
        answer = await client.post(
            "/v1/requests", json=a_request(criteria=criteria), headers=requester()
        )
        assert answer.status_code == 422, plate


@pytest.mark.clause("468.7(b)/review")
async def test_a_reviewer_cannot_decide_their_own_request(
    client, filed, decide, reviewer, announced
):
    request_id = await filed()
    response = await decide(request_id, headers=reviewer(account_id=REQUESTER))
    assert response.status_code == 403
    assert "you filed this request" in response.json()["detail"]
    assert await announced(ReleaseApproved) == []
    [refused] = [e for e in await announced(AccessAttempted) if not e.allowed]
    assert (refused.actor.person_id, refused.permission) == (REQUESTER, "release:review")
    assert "you filed this request" in refused.reason
    assert refused.purpose.kind == "release"


@pytest.mark.clause("468.7(b)/review")
async def test_a_reviewer_of_another_agency_cannot_decide_even_with_the_permission(
    filed, decide, reviewer, announced
):
    request_id = await filed()
    for ori in (SHERIFF, RENO):
        response = await decide(request_id, headers=reviewer(account_id=SERGEANT, ori=ori))
        assert response.status_code == 403, ori
    assert await announced(ReleaseApproved) == []


@pytest.mark.clause("468.7(b)/review")
async def test_people_of_other_agencies_see_nothing_of_the_file_even_with_the_permissions(
    client, filed, with_authority, reviewer, announced
):
    authority = await with_authority(FBI)
    request_id = await filed(FBI, legal_authority=authority)
    stranger = reviewer(ori=SHERIFF)
    agency = {"ori": "CA0520001", "name": "A", "kind": "federal", "state": "US-CA", "contact": "x"}
    for method, path, body in (
        ("GET", "/v1/requests", None),
        ("GET", "/v1/requests/waiting", None),
        ("GET", f"/v1/requests/{request_id}", None),
        ("GET", f"/v1/documents/{authority['document_id']}", None),
        ("POST", "/v1/agencies", agency),
        ("PATCH", f"/v1/agencies/{SHERIFF}", {"active": False}),
    ):
        answer = await client.request(method, path, json=body, headers=stranger)
        assert (answer.status_code, answer.json().get("code")) == (403, "department_only"), path
    disclosed = await announced(RecordsDisclosed)
    assert [event for event in disclosed if event.permission == "release:read"] == []
    refused = [attempt for attempt in await announced(AccessAttempted) if not attempt.allowed]
    assert len(refused) == 6


@pytest.mark.clause("468.7(b)/review")
async def test_a_requester_has_no_permission_to_review(filed, decide, requester, announced):
    request_id = await filed()
    response = await decide(request_id, headers=requester())
    assert response.status_code == 403
    refused = [e for e in await announced(AccessAttempted) if not e.allowed]
    assert [e.permission for e in refused] == ["release:review"]


@pytest.mark.clause("468.7(b)/review")
async def test_a_denial_has_a_reason_and_is_final(filed, decide, announced):
    request_id = await filed()
    response = await decide(request_id, "deny", reason="The window is far too wide")
    assert response.json()["status"] == "denied"
    [denied] = await announced(ReleaseDenied)
    assert denied.reason == "The window is far too wide"
    assert denied.actor.person_id == SERGEANT
    again = await decide(request_id, "approve")
    assert again.status_code == 409
    assert "denied" in again.json()["detail"]


@pytest.mark.clause("468.7/package")
async def test_a_package_can_be_downloaded_for_the_days_of_the_policy_after_the_decision(
    client, filed, decide, packaged, requester, clock, announced
):
    request_id = await filed()
    clock.advance(days=10)
    await decide(request_id)
    [approved] = await announced(ReleaseApproved)
    assert approved.expires_at == clock.now() + timedelta(days=14)
    await packaged(request_id)
    clock.advance(days=13)
    response = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert response.status_code == 200


@pytest.mark.clause("468.7/package")
async def test_a_package_is_unavailable_before_it_is_built_and_after_it_expires(
    client, filed, decide, packaged, requester, runtime, objects, clock, announced
):
    request_id = await filed()
    path = f"/v1/requests/{request_id}/package"
    assert (await client.get(path, headers=requester())).status_code == 409
    await decide(request_id)
    early = await client.get(path, headers=requester())
    assert (early.status_code, early.json()["code"]) == (409, "package_not_ready")
    await packaged(request_id)
    clock.advance(days=14, seconds=-1)
    assert await expire_due(runtime) == 0
    clock.advance(seconds=1)
    late = await client.get(path, headers=requester())
    assert (late.status_code, late.json()["code"]) == (409, "package_expired")
    assert await announced(ReleaseReceived) == []
    assert await expire_due(runtime) == 1
    assert objects.stored == {}
    assert [e.change for e in await announced(ReleaseChanged)] == ["expired"]
    assert await expire_due(runtime) == 0
    status = await client.get(f"/v1/agency/requests/{request_id}", headers=requester())
    assert status.json()["status"] == "expired"


@pytest.mark.clause("468.7/recipients")
@pytest.mark.parametrize(
    ("became", "citation"),
    [
        ({"kind": "federal"}, "Civil Code 1798.90.55; Attorney General bulletin 2023-DLE-06"),
        ({"state": "US-NV"}, "Civil Code 1798.90.55; Attorney General bulletin 2023-DLE-06"),
        ({"kind": "other_public"}, RECORDS_CITATION),
    ],
)
async def test_a_package_is_not_given_to_an_agency_that_the_law_restricts_since_its_approval(
    client, filed, decide, packaged, requester, reviewer, announced, became, citation
):
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)
    agency, path = f"/v1/agencies/{SHERIFF}", f"/v1/requests/{request_id}/package"
    await client.patch(agency, json=became, headers=reviewer(REGISTRAR))
    refused = await client.get(path, headers=requester())
    assert (refused.status_code, refused.json()["code"]) == (403, "agency_restricted_since")
    assert refused.json()["params"]["citation"] == citation
    assert [e.permission for e in await announced(AccessAttempted) if not e.allowed] == [
        "release:download"
    ]
    assert await announced(ReleaseReceived) == []
    back = {"kind": "law_enforcement", "state": "US-CA"}
    await client.patch(agency, json=back, headers=reviewer(REGISTRAR))
    assert (await client.get(path, headers=requester())).status_code == 200


@pytest.mark.clause("468.7/recipients")
async def test_a_package_that_two_people_approved_on_a_document_is_given_to_a_restricted_agency(
    client, filed, with_authority, decide, packaged, requester, reviewer
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    await decide(request_id)
    await decide(request_id, headers=reviewer(LIEUTENANT))
    await packaged(request_id)
    given = await client.get(f"/v1/requests/{request_id}/package", headers=requester(FBI))
    assert given.status_code == 200


@pytest.mark.clause("468.7/package")
async def test_a_package_is_not_given_to_an_agency_that_was_barred_since(
    client, filed, decide, packaged, requester, reviewer, announced
):
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)
    agency, path = f"/v1/agencies/{SHERIFF}", f"/v1/requests/{request_id}/package"
    await client.patch(agency, json={"active": False}, headers=reviewer(REGISTRAR))
    refused = await client.get(path, headers=requester())
    assert (refused.status_code, refused.json()["code"]) == (403, "agency_barred")
    assert await announced(ReleaseReceived) == []
    await client.patch(agency, json={"active": True}, headers=reviewer(REGISTRAR))
    assert (await client.get(path, headers=requester())).status_code == 200


@pytest.mark.clause("468.7/recipients")
async def test_two_approvals_without_a_document_cover_no_agency_that_became_restricted(
    client, filed, decide, packaged, requester, reviewer, authority
):
    request_id = await filed()
    authority.people.learn(
        authority.account(REQUESTER, "active", EARLIER)
    )  # of unknown provisioners
    await decide(request_id)
    await decide(request_id, headers=reviewer(LIEUTENANT))
    await packaged(request_id)
    agency, path = f"/v1/agencies/{SHERIFF}", f"/v1/requests/{request_id}/package"
    assert (await client.get(path, headers=requester())).status_code == 200
    await client.patch(agency, json={"kind": "federal"}, headers=reviewer(REGISTRAR))
    refused = await client.get(path, headers=requester())
    assert (refused.status_code, refused.json()["code"]) == (403, "agency_restricted_since")


@pytest.mark.clause("468.7/recipients")
async def test_no_document_covers_an_agency_that_the_records_policy_is_for_since(
    client, filed, with_authority, decide, packaged, requester, reviewer
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    await decide(request_id)
    await decide(request_id, headers=reviewer(LIEUTENANT))
    await packaged(request_id)
    agency, path = f"/v1/agencies/{FBI}", f"/v1/requests/{request_id}/package"
    assert (await client.get(path, headers=requester(FBI))).status_code == 200
    await client.patch(agency, json={"kind": "other_public"}, headers=reviewer(REGISTRAR))
    refused = await client.get(path, headers=requester(FBI))
    assert (refused.status_code, refused.json()["code"]) == (403, "agency_restricted_since")
    assert refused.json()["params"]["citation"] == RECORDS_CITATION


@pytest.mark.clause("468.7/package")
async def test_another_agency_cannot_find_a_request_or_its_package(
    client, filed, decide, packaged, requester, announced
):
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)
    other = requester(RENO, account_id="00000000-0000-4000-8000-000000000999")
    for path in (f"/v1/agency/requests/{request_id}", f"/v1/requests/{request_id}/package"):
        response = await client.get(path, headers=other)
        assert response.status_code == 404, path
    listed = await client.get("/v1/agency/requests", headers=other)
    assert listed.json()["items"] == []
    withdrawn = await client.post(
        f"/v1/agency/requests/{request_id}/withdrawal", json={"reason": "not ours"}, headers=other
    )
    assert withdrawn.status_code == 404
    shown = [e for e in await announced(RecordsDisclosed) if e.actor.agency_ori == RENO]
    assert [e for e in shown if e.count] == []


@pytest.mark.clause("468.7/package")
async def test_a_changed_package_is_not_delivered_and_has_no_receipt(
    client, filed, decide, packaged, requester, objects, announced
):
    request_id = await filed()
    await decide(request_id)
    content, event = await packaged(request_id)
    objects.stored[event.package_key] = content[:-1] + b"!"
    response = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert response.content == b""
    assert await announced(ReleaseReceived) == []


async def test_packages_that_the_object_store_does_not_send_hold_up_no_filing(
    client, filed, decide, packaged, requester, objects, announced, monkeypatch
):
    """A request holds a connection to Postgres until its package begins to come."""
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)

    async def sends_nothing(_):
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(packages, "OPENED_WITHIN_S", 1.0)
    monkeypatch.setattr(objects, "stream", sends_nothing)
    path = f"/v1/requests/{request_id}/package"
    async with asyncio.timeout(30):
        # As many as there are connections.
        asked = [asyncio.create_task(client.get(path, headers=requester())) for _ in range(6)]
        await asyncio.sleep(0.2)
        await filed()
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {503}
    assert not [e for e in await announced(RecordsDisclosed) if e.record_kind == "package"]


async def test_a_missing_package_is_not_found_and_discloses_no_record(
    client, filed, decide, packaged, requester, objects, announced
):
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)
    objects.stored.clear()
    response = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert response.status_code == 404
    assert not [e for e in await announced(RecordsDisclosed) if e.record_kind == "package"]


@pytest.mark.clause("468.7(c)/on-file")
@pytest.mark.clause("468.7(c)/file-retention")
async def test_filed_records_cannot_be_deleted(
    filed, decide, packaged, failed, client, requester, with_authority, runtime, as_owner
):
    authority = await with_authority(FBI)
    request_id, impossible = await filed(), await filed()
    await decide(impossible)
    await failed(impossible)
    await filed(FBI, legal_authority=authority)
    await decide(request_id)
    await packaged(request_id)
    await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    path = f"/v1/agency/requests/{await filed()}/withdrawal"
    await client.post(path, json={"reason": "Vehicle was found"}, headers=requester())
    for table in (
        "requests",
        "decisions",
        "packages",
        "failures",
        "withdrawals",
        "receipts",
        "documents",
    ):
        for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):
            with pytest.raises(DBAPIError, match="stay on file"):
                await execute(as_owner("release"), statement)
            with pytest.raises(DBAPIError, match="permission denied"):
                await execute(runtime.db.begin(), statement)


@pytest.mark.clause("468.7(c)/on-file")
async def test_decided_requests_cannot_be_changed(filed, decide, packaged, runtime, as_owner):
    request_id = await filed()
    await decide(request_id)
    await packaged(request_id)
    for change in (
        "UPDATE requests SET purpose = 'something else'",
        "UPDATE requests SET agency_name = 'Somebody Else'",
        "UPDATE requests SET status = 'submitted'",
        "UPDATE requests SET status = 'denied'",
        "UPDATE decisions SET reason = 'another reason'",
        "UPDATE packages SET sha256 = 'f00'",
    ):
        with pytest.raises(DBAPIError, match="stay on file"):
            await execute(as_owner("release"), change)
        with pytest.raises(DBAPIError, match=r"permission denied|stay on file"):
            await execute(runtime.db.begin(), change)


@pytest.mark.clause("468.7(c)/on-file")
async def test_a_request_that_ended_is_never_approved_even_in_the_database(
    client, filed, decide, requester, agencies, as_owner
):
    denied, withdrawn = await filed(), await filed()
    await decide(denied, "deny")
    path = f"/v1/agency/requests/{withdrawn}/withdrawal"
    assert (await client.post(path, json={"reason": "found"}, headers=requester())).is_success
    refused = await client.post("/v1/requests", json=a_request(), headers=requester(FBI))
    ended = {
        "denied": denied,
        "withdrawn": withdrawn,
        "refused": refused.json()["params"]["request_id"],
    }
    for state, request_id in ended.items():
        for status in ("submitted", "first_approved", "approved", "packaged"):
            change = (
                f"UPDATE requests SET status = '{status}'"
                f" WHERE request_id = '{request_id}' AND status = '{state}'"
            )
            with pytest.raises(DBAPIError, match="stay on file"):
                await execute(as_owner("release"), change)


@pytest.mark.clause("468.7/recipients")
async def test_one_person_is_on_file_with_one_approval_even_in_the_database(
    filed, with_authority, decide, as_owner
):
    await decide(await filed(FBI, legal_authority=await with_authority(FBI)))
    again = (
        "INSERT INTO decisions (decision_id, request_id, decision, reason, decided_by, decided_at)"
        " SELECT gen_random_uuid(), request_id, decision, reason, decided_by, now() FROM decisions"
    )
    with pytest.raises(DBAPIError, match="one_decision_a_person"):
        await execute(as_owner("release"), again)


async def execute(transaction, statement):
    async with transaction as connection:
        await connection.execute(text(statement))


@pytest.mark.clause("468.7(c)/on-file")
async def test_an_open_request_can_be_withdrawn_by_its_agency_and_stays_on_file(
    client, filed, requester, decide, reviewer, announced
):
    request_id, colleague = await filed(), "00000000-0000-4000-8000-000000000102"
    response = await client.post(
        f"/v1/agency/requests/{request_id}/withdrawal",
        json={"reason": "Vehicle was found"},
        headers=requester(account_id=colleague),
    )
    assert response.json()["status"] == "withdrawn"
    [withdrawn] = await announced(ReleaseChanged)
    assert (withdrawn.change, withdrawn.details) == ("withdrawn", {"reason": "Vehicle was found"})
    assert withdrawn.actor.person_id == colleague
    assert (await decide(request_id)).status_code == 409
    seen = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert seen.json()["status"] == "withdrawn"
    withdrawal = seen.json()["withdrawal"]
    assert (withdrawal["reason"], withdrawal["withdrawn_by"]["person_id"]) == (
        "Vehicle was found",
        colleague,
    )


@pytest.mark.clause("468.7(c)/on-file")
async def test_a_decided_request_cannot_be_withdrawn(
    client, filed, requester, decide, packaged, announced
):
    request_id = await filed()

    async def withdraw():
        return await client.post(
            f"/v1/agency/requests/{request_id}/withdrawal",
            json={"reason": "Vehicle was found"},
            headers=requester(),
        )

    await decide(request_id)
    approved = await withdraw()
    await packaged(request_id)
    for answer, status in ((approved, "approved"), (await withdraw(), "packaged")):
        assert (answer.status_code, answer.json()["code"]) == (409, "request_ended")
        assert answer.json()["params"]["status"] == status
    assert await announced(ReleaseChanged) == []
    package = await client.get(f"/v1/requests/{request_id}/package", headers=requester())
    assert package.status_code == 200


@pytest.mark.clause("468.7(b)/review")
async def test_two_decisions_at_once_are_one_decision(filed, decide, reviewer, announced, runtime):
    request_id = await filed()
    answers = await locked_while(
        runtime.db,
        f"SELECT FROM requests WHERE request_id = '{request_id}' FOR UPDATE",
        decide(request_id),
        decide(request_id, "deny", headers=reviewer(account_id=LIEUTENANT)),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await announced(ReleaseApproved)) + len(await announced(ReleaseDenied)) == 1


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_request_pages_go_back_in_time_and_each_is_disclosed(
    client, filed, reviewer, clock, announced
):
    ids = []
    for _ in range(5):
        ids.append(await filed())
        clock.advance(seconds=1)
    first = (await client.get("/v1/requests?limit=3", headers=reviewer())).json()
    second = (
        await client.get(f"/v1/requests?limit=3&after={first['next']}", headers=reviewer())
    ).json()
    shown = [r["request_id"] for r in first["items"] + second["items"]]
    assert shown == ids[::-1]
    assert second["next"] is None
    looked = [e for e in await announced(RecordsDisclosed) if e.permission == "release:read"]
    assert [i for e in looked for i in e.all_ids] == ids[::-1]
    assert looked[0].all_plates == ["7ABC123"]


async def test_requests_filed_at_the_same_moment_are_read_page_by_page(client, filed, reviewer):
    ids = {await filed() for _ in range(3)}

    async def fetch(path):
        return (await client.get(path, headers=reviewer())).json()

    assert {one["request_id"] for one in await paged(fetch, "/v1/requests")} == ids


@pytest.mark.clause("468.7(a)/written-request")
async def test_registering_and_barring_an_agency_is_announced_and_enforced(
    client, agencies, filed, decide, requester, reviewer, announced, objects
):
    request_id = await filed()
    response = await client.patch(
        f"/v1/agencies/{SHERIFF}", json={"active": False}, headers=reviewer(REGISTRAR)
    )
    assert response.json()["active"] is False
    events = await announced(AgencyChanged)
    assert [e.change for e in events].count("registered") == 5
    assert events[-1].details == {"active": "False"}
    assert (await decide(request_id)).status_code == 409
    assert (await decide(request_id, "deny")).status_code == 200
    asked = await client.post("/v1/requests", json=a_request(), headers=requester())
    assert (asked.status_code, asked.json()["code"]) == (403, "agency_barred")
    document = await client.post("/v1/documents", content=PDF, headers=requester())
    assert (document.status_code, document.json()["code"]) == (403, "agency_barred")
    assert objects.stored == {}
    listed = await client.get("/v1/agencies", headers=reviewer())
    assert len(listed.json()["items"]) == 5


@pytest.mark.clause("468.7(a)/written-request")
async def test_a_change_of_an_agency_at_the_same_time_does_not_undo_its_bar(
    client, agencies, reviewer, runtime
):
    def change(**values):
        headers = reviewer(REGISTRAR)
        return client.patch(f"/v1/agencies/{SHERIFF}", json=values, headers=headers)

    answers = await locked_while(
        runtime.db,
        f"SELECT FROM agencies WHERE ori = '{SHERIFF}' FOR UPDATE",
        change(active=False),
        change(contact="the records unit"),
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    agency = (await client.get(f"/v1/agencies/{SHERIFF}", headers=reviewer())).json()
    assert (agency["active"], agency["contact"]) == (False, "the records unit")


@pytest.mark.clause("468.2/figures")
async def test_each_decision_says_what_kind_of_agency_had_asked(
    client, requester, filed, decide, announced
):
    approved, denied = await filed(), await filed()
    answer = await client.post("/v1/requests", json=a_request(), headers=requester(FBI))
    refused = answer.json()["params"]["request_id"]
    assert (await decide(approved)).status_code == 200
    assert (await decide(denied, "deny")).status_code == 200
    found = [
        (kind.TOPIC, str(event.request_id), event.agency_kind)
        for kind in (ReleaseRequested, ReleaseApproved, ReleaseDenied)
        for event in await announced(kind)
    ]
    sheriff, fbi = "law_enforcement", "federal"
    assert sorted(found) == sorted(
        [
            (ReleaseRequested.TOPIC, approved, sheriff),
            (ReleaseRequested.TOPIC, denied, sheriff),
            (ReleaseRequested.TOPIC, refused, fbi),
            (ReleaseApproved.TOPIC, approved, sheriff),
            (ReleaseDenied.TOPIC, denied, sheriff),
            (ReleaseDenied.TOPIC, refused, fbi),
        ]
    )
