"""Refusals of requests, their authority, and the way to a second hearing (policy 468.7)."""

import asyncio

import pytest

from services.release.actions import documents
from shared.events import (
    AgencyChanged,
    ReleaseApproved,
    ReleaseChanged,
    ReleaseDenied,
    ReleaseRequested,
)
from shared.testing import eventually
from shared.testing.reads import FOLDED
from tests.integration.pages import pages
from tests.integration.release.conftest import (
    FBI,
    LIBRARY,
    LIEUTENANT,
    PDF,
    REGISTRAR,
    RENO,
    REPOSSESSOR,
    SERGEANT,
    SHERIFF,
    a_request,
)

CITATION = "Civil Code 1798.90.55; Attorney General bulletin 2023-DLE-06"


@pytest.mark.clause("468.7/recipients")
@pytest.mark.parametrize("ori", [FBI, RENO, REPOSSESSOR])
async def test_federal_out_of_state_and_private_recipients_are_refused_with_the_citation(
    client, agencies, requester, reviewer, decide, announced, ori
):
    response = await client.post("/v1/requests", json=a_request(), headers=requester(ori))
    assert response.status_code == 403
    assert response.json()["params"]["citation"] == CITATION
    assert CITATION in response.json()["detail"]
    [denied] = await announced(ReleaseDenied)
    assert (denied.citation, denied.actor.person_id) == (CITATION, "system:release")
    request_id = response.json()["params"]["request_id"]
    kept = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert kept.json()["status"] == "refused"
    [decision] = kept.json()["decisions"]
    assert (decision["decision"], decision["citation"]) == ("refuse", CITATION)
    assert decision["decided_by"]["person_id"] == "system:release"
    assert (await decide(request_id)).status_code == 409


@pytest.mark.clause("468.7/recipients")
async def test_other_public_agencies_are_referred_to_the_records_policy_even_with_a_document(
    client, agencies, requester, with_authority, announced
):
    authority = await with_authority(LIBRARY)
    for body in (a_request(), a_request(legal_authority=authority)):
        response = await client.post("/v1/requests", json=body, headers=requester(LIBRARY))
        assert response.status_code == 403
        assert "Records Maintenance and Release Policy" in response.json()["detail"]
        assert "1798.90.55" in response.json()["params"]["citation"]
    assert len(await announced(ReleaseDenied)) == 2
    assert await announced(ReleaseApproved) == []


@pytest.mark.clause("468.7/recipients")
@pytest.mark.parametrize("ori", [FBI, RENO, REPOSSESSOR])
async def test_a_restricted_request_needs_a_document_and_two_different_approvers(
    filed, with_authority, decide, reviewer, announced, clock, ori
):
    request_id = await filed(ori, legal_authority=await with_authority(ori))
    first = await decide(request_id)
    assert first.json()["status"] == "first_approved"
    assert await announced(ReleaseApproved) == []
    again = await decide(request_id)
    assert (again.status_code, again.json()["code"]) == (403, "second_approver_needed")
    clock.advance(hours=1)
    second = await decide(request_id, headers=reviewer(account_id=LIEUTENANT))
    assert second.json()["status"] == "approved"
    assert [d["decided_by"]["person_id"] for d in second.json()["decisions"]] == [
        SERGEANT,
        LIEUTENANT,
    ]
    assert len(await announced(ReleaseApproved)) == 1
    changes = await announced(ReleaseChanged)
    assert [e.change for e in changes] == ["authority_recorded", "first_approved"]
    assert changes[0].details["sha256"] == second.json()["legal_authority"]["sha256"]
    assert changes[1].details == {"reason": "Scoped to one plate"}
    assert changes[1].actor.person_id == SERGEANT


@pytest.mark.clause("468.7(b)/review")
async def test_a_second_reviewer_can_deny_what_the_first_approved(
    filed, with_authority, decide, reviewer, announced
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    await decide(request_id)
    response = await decide(request_id, "deny", headers=reviewer(account_id=LIEUTENANT))
    assert response.json()["status"] == "denied"
    assert await announced(ReleaseApproved) == []


@pytest.mark.clause("468.7/recipients")
async def test_an_agency_that_became_federal_after_filing_is_refused(
    client, filed, decide, reviewer, announced
):
    request_id = await filed()
    await client.patch(
        f"/v1/agencies/{SHERIFF}", json={"kind": "federal"}, headers=reviewer(REGISTRAR)
    )
    response = await decide(request_id)
    assert (response.status_code, response.json()["params"]["citation"]) == (403, CITATION)
    assert await announced(ReleaseApproved) == []


@pytest.mark.clause("468.7/recipients")
async def test_an_agency_that_became_another_public_agency_after_filing_is_refused(
    client, filed, decide, reviewer, announced
):
    request_id = await filed()
    await client.patch(
        f"/v1/agencies/{SHERIFF}", json={"kind": "other_public"}, headers=reviewer(REGISTRAR)
    )
    response = await decide(request_id)
    assert (response.status_code, response.json()["code"]) == (409, "agency_barred_since")
    assert await announced(ReleaseApproved) == []


@pytest.mark.clause("468.7/recipients")
async def test_a_request_that_was_restricted_when_filed_needs_two_approvers_ever_after(
    client, filed, with_authority, decide, reviewer, announced
):
    request_id = await filed(FBI, legal_authority=await with_authority(FBI))
    change = {"kind": "law_enforcement", "state": "US-CA"}
    changed = await client.patch(f"/v1/agencies/{FBI}", json=change, headers=reviewer(REGISTRAR))
    assert changed.json()["treatment"] == "ordinary"
    assert (await decide(request_id)).json()["status"] == "first_approved"
    assert await announced(ReleaseApproved) == []


async def test_forbidden_purposes_are_refused_with_their_citation_and_recorded(
    client, agencies, requester, announced
):
    forbidden = {
        "immigration_enforcement": "Government Code 7284.6",
        "reproductive_care": "Penal Code 13778.2",
        "lawful_protest": "First Amendment",
        "personal_use": "1798.90.51",
    }
    for kind, law in forbidden.items():
        body = a_request(purpose_kind=kind)
        response = await client.post("/v1/requests", json=body, headers=requester())
        assert response.status_code == 403
        assert kind in response.json()["detail"]
        assert law in response.json()["params"]["citation"]
    denied = await announced(ReleaseDenied)
    assert all(law in event.citation for event, law in zip(denied, forbidden.values(), strict=True))


@pytest.mark.clause("468.4(a)/prohibited")
@pytest.mark.parametrize(
    ("kind", "criteria"),
    [
        ("Immigration Enforcement", {}),
        (" immigration-enforcement ", {}),
        ("immigration_enforcement", {"plate": None, "captured_from": "2020-01-01T00:00:00Z"}),
    ],
)
async def test_a_forbidden_purpose_is_on_file_however_it_is_spelt_and_however_wide_the_request(
    client, agencies, requester, reviewer, announced, kind, criteria
):
    body = a_request(purpose_kind=kind)
    body["criteria"] |= criteria
    response = await client.post("/v1/requests", json=body, headers=requester())
    assert (response.status_code, response.json()["code"]) == (403, "release_purpose_prohibited")
    assert "Government Code 7284.6" in response.json()["params"]["citation"]
    [denied] = await announced(ReleaseDenied)
    path = f"/v1/requests/{denied.request_id}"
    filed = (await client.get(path, headers=reviewer())).json()
    assert (filed["status"], filed["purpose_kind"]) == ("refused", "immigration_enforcement")


@pytest.mark.clause("468.7/recipients")
@pytest.mark.parametrize(
    ("ori", "law"), [(FBI, "Government Code 7284.6"), (LIBRARY, "Civil Code 1798.90.55")]
)
async def test_a_forbidden_purpose_is_cited_before_the_recipient_and_after_the_records_policy(
    client, agencies, requester, ori, law
):
    body = a_request(purpose_kind="immigration_enforcement")
    response = await client.post("/v1/requests", json=body, headers=requester(ori))
    assert response.status_code == 403
    assert law in response.json()["params"]["citation"]
    assert CITATION not in response.json()["params"]["citation"]


@pytest.mark.clause("468.7/recipients")
async def test_a_request_cannot_use_another_agencys_document(
    client, agencies, requester, with_authority
):
    authority = await with_authority(RENO)
    body = a_request(legal_authority=authority)
    response = await client.post("/v1/requests", json=body, headers=requester(FBI))
    assert response.status_code == 422
    assert response.json()["field"] == "body.legal_authority.document_id"


@pytest.mark.clause("468.7/recipients")
async def test_a_request_can_use_a_document_that_a_colleague_uploaded(
    client, requester, with_authority
):
    body = a_request(legal_authority=await with_authority(FBI))
    colleague = requester(FBI, account_id="00000000-0000-4000-8000-000000000102")
    response = await client.post("/v1/requests", json=body, headers=colleague)
    assert response.status_code == 201, response.text
    assert response.json()["legal_authority"]["reference"] == body["legal_authority"]["reference"]


async def test_the_reviewer_downloads_the_complete_document(
    client, agencies, with_authority, reviewer, requester
):
    authority = await with_authority(FBI)
    path = f"/v1/documents/{authority['document_id']}"
    response = await client.get(path, headers=reviewer())
    assert response.content == PDF
    assert response.headers["Content-Type"] == "application/pdf"
    assert (await client.get(path, headers=requester(FBI))).status_code == 403


@pytest.mark.clause("468.7/recipients")
async def test_a_document_that_was_changed_in_the_store_is_not_shown(
    client, agencies, with_authority, reviewer, objects
):
    authority = await with_authority(FBI)
    [key] = objects.stored
    objects.stored[key] = PDF[:-1] + b"!"
    path = f"/v1/documents/{authority['document_id']}"
    answer = await client.get(path, headers=reviewer())
    assert (answer.status_code, answer.json()["code"]) == (404, "document_changed")


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"MZ not a document", 415),
        (b"MZ with %PDF- in it", 415),
        (b"%PDF-" + bytes(21 << 20), 413),
    ],
)
async def test_an_uploaded_file_that_is_not_a_document_is_refused_and_not_stored(
    client, agencies, requester, objects, content, status
):
    response = await client.post("/v1/documents", content=content, headers=requester())
    assert response.status_code == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert objects.stored == {}


async def test_a_slow_document_upload_occupies_no_database_connection(
    client, agencies, requester, runtime
):
    come, go_on = asyncio.Event(), asyncio.Event()

    async def trickle():
        yield PDF[:9]
        come.set()
        await go_on.wait()
        yield PDF[9:]

    sending = asyncio.create_task(
        client.post("/v1/documents", content=trickle(), headers=requester())
    )
    await come.wait()
    await eventually(lambda: runtime.db.engine.pool.checkedout() == 0)
    assert not sending.done()
    go_on.set()
    assert (await sending).status_code == 201


@pytest.mark.parametrize("doing", ["put", "stream"])
async def test_documents_that_the_object_store_neither_takes_nor_sends_hold_up_no_filing(
    client, agencies, with_authority, requester, reviewer, objects, monkeypatch, doing
):
    """A request holds a connection to Postgres while it waits."""
    authority = await with_authority(FBI)

    async def hangs(*_):
        await asyncio.Event().wait()

    async def sends_nothing(_):
        await hangs()
        yield b""

    def ask():
        path = f"/v1/documents/{authority['document_id']}"
        if doing == "stream":
            return client.get(path, headers=reviewer())
        return client.post("/v1/documents", content=PDF, headers=requester())

    monkeypatch.setattr(documents, "STORED_WITHIN_S", 1.0)
    monkeypatch.setattr(documents, "FETCHED_WITHIN_S", 1.0)
    monkeypatch.setattr(objects, doing, sends_nothing if doing == "stream" else hangs)
    async with asyncio.timeout(30):
        # As many as there are connections.
        asked = [asyncio.create_task(ask()) for _ in range(6)]
        await asyncio.sleep(0.2)
        filed = await client.post("/v1/requests", json=a_request(), headers=requester())
        assert filed.status_code == 201, filed.text
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {503}


async def test_a_document_that_never_ends_is_refused(client, agencies, requester, objects):
    async def endless():
        yield PDF
        await asyncio.Event().wait()

    response = await client.post("/v1/documents", content=endless(), headers=requester())
    assert (response.status_code, response.json()["code"]) == (408, "body_too_slow")
    assert "did not arrive completely within 5 s" in response.json()["detail"]
    assert objects.stored == {}


async def test_a_document_of_more_than_twenty_megabytes_is_refused(
    client, agencies, requester, objects
):
    most = PDF + bytes(20 * 1024 * 1024 - len(PDF))
    response = await client.post("/v1/documents", content=most + b"x", headers=requester())
    assert response.status_code == 413, response.text
    assert objects.stored == {}
    assert (await client.post("/v1/documents", content=most, headers=requester())).is_success


@pytest.mark.clause("468.7(a)/written-request")
async def test_an_unregistered_agency_may_not_ask(client, agencies, requester, announced):
    headers = requester("OR0260100")
    response = await client.post("/v1/requests", json=a_request(), headers=headers)
    assert response.status_code == 403
    assert "OR0260100 is not registered" in response.json()["detail"]
    assert await announced(ReleaseRequested) == []


def with_criteria(**criteria):
    period = {"captured_from": "2026-05-01T00:00:00Z", "captured_to": "2026-05-02T00:00:00Z"}
    return {"criteria": {**period, **criteria}}


CAMERA = "0190a6a1-1111-4000-8000-000000000001"
FAULTY = [
    ("body.purpose", {"purpose": "because"}),
    ("body.purpose", {"purpose": "a purpose with a NUL \x00 in it"}),
    ("body.purpose_kind", {"purpose_kind": "curiosity"}),
    ("body.case_number", {"case_number": " "}),
    ("body.offence_type", {"offence_type": None}),
    ("body.surprise", {"surprise": 1}),
    ("body.criteria.captured_from", with_criteria(captured_from="2026-05-01T00:00:00")),
    ("body.criteria", with_criteria(captured_from="2026-05-03T00:00:00Z")),
    ("body.criteria", with_criteria(captured_from="2026-05-02T00:00:00Z")),
    (
        "body.criteria.captured_from",
        with_criteria(captured_from="2027-05-01T00:00:00Z", captured_to="2027-05-02T00:00:00Z"),
    ),
    ("body.criteria.plate", with_criteria(plate="**", device_ids=[CAMERA])),
    ("body.criteria.plate", with_criteria(plate="7*")),
]


@pytest.mark.clause("468.7(a)/written-request")
async def test_a_faulty_request_is_refused_with_its_field_and_not_filed(
    client, agencies, requester, announced
):
    for field, change in FAULTY:
        response = await client.post("/v1/requests", json=a_request(**change), headers=requester())
        assert response.status_code == 422, response.text
        assert response.json()["field"] == field
    assert await announced(ReleaseRequested) == []


TOO_WIDE = [
    ("plate", {}),
    ("plate", {"plate": "7*"}),
    ("captured_from", {"device_ids": [CAMERA], "captured_from": "2026-03-30T00:00:00Z"}),
    ("captured_from", {"plate": "7A*", "captured_from": "2026-03-30T00:00:00Z"}),
    (
        "captured_from",
        {"plate": "*A*", "device_ids": [CAMERA], "captured_from": "2025-09-01T00:00:00Z"},
    ),
]


@pytest.mark.clause("468.4/narrowness")
@pytest.mark.parametrize(("field", "criteria"), TOO_WIDE)
async def test_a_release_request_may_not_be_wider_than_a_search(
    client, agencies, requester, announced, field, criteria
):
    body = a_request(**with_criteria(**criteria))
    response = await client.post("/v1/requests", json=body, headers=requester())
    assert response.status_code == 422, response.text
    assert response.json()["field"] == f"body.criteria.{field}"
    if field == "captured_from":
        assert "31 days at most" in response.json()["detail"]
    assert await announced(ReleaseRequested) == []


@pytest.mark.clause("468.4/narrowness")
async def test_a_release_of_a_month_by_a_camera_or_of_a_year_of_a_plate_may_be_asked(
    client, agencies, requester
):
    for criteria in (
        {"device_ids": [CAMERA], "captured_from": "2026-04-01T00:00:00Z"},
        {"plate": "7AB*", "captured_from": "2025-09-01T00:00:00Z"},
    ):
        body = a_request(**with_criteria(**criteria))
        response = await client.post("/v1/requests", json=body, headers=requester())
        assert response.status_code == 201, response.text


async def test_a_release_may_be_asked_of_a_window_that_has_not_ended(filed):
    assert await filed(**with_criteria(plate="7ABC123", captured_to="2026-06-05T00:00:00Z"))


async def test_a_faulty_agency_is_refused_by_field(client, reviewer):
    for field, change in (
        ("ori", {"ori": "CA0520100"}),
        ("body.ori", {"ori": "short"}),
        ("body.kind", {"kind": "friends"}),
        ("body.state", {"state": "California"}),
    ):
        body = {
            "ori": "CA0340100",
            "name": "Sacramento Police",
            "kind": "law_enforcement",
            "state": "US-CA",
            "contact": "records",
            **change,
        }
        response = await client.post("/v1/agencies", json=body, headers=reviewer())
        assert response.status_code == 422
        assert response.json()["field"] == field


async def test_an_unregistered_agency_cannot_be_changed(client, agencies, reviewer, announced):
    before = len(await announced(AgencyChanged))
    answer = await client.patch(
        "/v1/agencies/CA0340100", json={"active": False}, headers=reviewer(REGISTRAR)
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "agency_unknown")
    assert len(await announced(AgencyChanged)) == before


async def test_an_ori_is_registered_once(client, agencies, reviewer):
    body = {
        "ori": SHERIFF,
        "name": "Again",
        "kind": "law_enforcement",
        "state": "US-CA",
        "contact": "records",
    }
    response = await client.post("/v1/agencies", json=body, headers=reviewer())
    assert response.status_code == 409


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_request_for_a_letter_that_folds_into_others_is_refused(
    client, agencies, requester
):
    for folded in FOLDED:
        body = a_request(**with_criteria(plate=folded))
        refused = await client.post("/v1/requests", json=body, headers=requester())
        assert (refused.status_code, refused.json()["field"]) == (422, "body.criteria.plate"), (
            folded
        )


async def test_a_change_that_changes_nothing_of_an_agency_is_refused_and_not_announced(
    client, agencies, reviewer, announced
):
    path, before = f"/v1/agencies/{SHERIFF}", len(await announced(AgencyChanged))
    for change in ({}, {"active": True}, {"name": "Tehama County Sheriff", "state": "US-CA"}):
        answer = await client.patch(path, json=change, headers=reviewer(REGISTRAR))
        assert (answer.status_code, answer.json()["code"]) == (409, "agency_unchanged"), change
    assert len(await announced(AgencyChanged)) == before


async def test_agencies_are_read_page_by_page(client, agencies, reviewer):
    for ori in (RENO, FBI):  # of one name, so that the ORI is the second key of a page
        change = {"name": "County Library"}
        await client.patch(f"/v1/agencies/{ori}", json=change, headers=reviewer(REGISTRAR))

    async def fetch(path):
        answer = await client.get(path, headers=reviewer(REGISTRAR))
        assert answer.status_code == 200, answer.text
        return answer.json()

    whole = (await fetch("/v1/agencies"))["items"]
    assert [one["name"] for one in whole] == sorted(one["name"] for one in whole)
    assert len(whole) >= 3
    assert await pages(fetch, "/v1/agencies") == [*([one] for one in whole), []]
