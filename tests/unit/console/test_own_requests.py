"""Another agency's own requests at the console: filed, followed, withdrawn, fetched."""

import json
import re

import httpx
import pytest

from shared.core.policy import load_policy
from tests.unit.console.conftest import ROOT
from tests.unit.console.services import HIT, PERSON, READ, page_of, problem

ROLES = load_policy(ROOT / "policy.toml").roles
HOSTILE = "<script>alert(1)</script>"
HERE = f"/requests/{HIT}"
AT = "2026-06-01T10:00:00+00:00"
TYPED = {
    "purpose_kind": "criminal_investigation", "purpose": "Where the robbers' vehicle was seen",
    "offence_type": "robbery", "case_number": "TCS-26-0417", "plate": "7ABC123",
    "captured_from": "2026-05-01T00:00", "captured_to": "2026-05-02T00:00",
    "include_images": "yes",
}  # fmt: skip
SENT = {
    "purpose_kind": "criminal_investigation", "purpose": "Where the robbers' vehicle was seen",
    "offence_type": "robbery", "case_number": "TCS-26-0417",
    "criteria": {
        "plate": "7ABC123", "captured_from": "2026-05-01T00:00Z",
        "captured_to": "2026-05-02T00:00Z", "include_images": True,
    },
}  # fmt: skip
PACKAGE = {
    "sha256": "ab" * 32, "size_bytes": 183220, "reads": 3, "images": 2, "omitted": 1,
    "manifest_signed_by": "retention-1", "packaged_at": AT,
}  # fmt: skip
DENIED = {
    "decision": "deny", "reason": HOSTILE, "citation": None, "decided_by": PERSON, "decided_at": AT,
}  # fmt: skip
RECEIPT = {"received_by": PERSON, "received_at": AT, "sha256": "ab" * 32}


def a_request(**changes):
    return {
        "request_id": HIT, "status": "submitted", "agency_ori": "CA0520000",
        "agency_name": "Tehama County Sheriff", "agency_kind": "law_enforcement",
        "agency_state": "US-CA", "filed_by": PERSON, "filed_at": AT, "requester_name": "Dana Ruiz",
        "requester_title": "Detective", "purpose": HOSTILE, "restricted": False,
        "purpose_kind": "criminal_investigation", "case_number": "TCS-26-0417",
        "offence_type": "robbery", "legal_authority": None, "decisions": [], "expires_at": None,
        "package": None, "failure": None, "receipts": [],
        "criteria": {
            "captured_from": AT, "captured_to": AT, "plate": "7ABC123", "device_ids": [],
            "include_images": True,
        },
        **changes,
    }  # fmt: skip


def packaged(**changes):
    return a_request(status="packaged", package=PACKAGE, expires_at=AT, **changes)


@pytest.fixture
def show(services):
    """Have release show this request of the agency."""

    def show(asked):
        services.answers["GET /agency/requests"] = page_of(asked)
        services.answers[f"GET /agency/requests/{HIT}"] = lambda _: httpx.Response(200, json=asked)

    return show


@pytest.fixture
async def requester(sign_in, services, show):
    show(a_request())
    return await sign_in(*ROLES["agency_requester"])


async def test_a_request_is_filed_and_shown(requester, services):
    services.answers["POST /requests"] = lambda _: httpx.Response(201, json=a_request())
    await requester.open("/requests/new")
    [key] = re.findall(r'name="key" value="([^"]+)"', requester.page.text)
    await requester.send("/requests/new", **TYPED, key=key)
    assert requester.page.url.path == HERE
    [asked] = services.asked("POST", "/v1/requests")
    assert asked.headers["idempotency-key"] == key
    assert json.loads(asked.content) == SENT
    assert "has not decided yet" in requester.said
    assert HOSTILE not in requester.page.text


async def test_a_request_for_another_person_without_pictures_or_plate(requester, services):
    services.answers["POST /requests"] = lambda _: httpx.Response(201, json=a_request())
    await requester.open("/requests/new")
    typed = TYPED | {"plate": "", "include_images": "", "requester_name": "Dana Ruiz"}
    await requester.send("/requests/new", **typed, requester_title="Detective")
    body = json.loads(services.asked("POST", "/v1/requests")[0].content)
    assert (body["requester_name"], body["requester_title"]) == ("Dana Ruiz", "Detective")
    assert "plate" not in body["criteria"]
    assert body["criteria"]["include_images"] is False


async def test_a_refused_request_keeps_what_was_typed_and_says_that_it_stays_on_file(
    requester, services
):
    services.answers["POST /requests"] = lambda _: problem(
        403, "Refused", "prohibited: Government Code 7284.6", field="body.purpose_kind"
    )
    await requester.open("/requests/new")
    answer = await requester.send("/requests/new", **TYPED, key="form-26-000417")
    assert answer.status_code == 403
    assert "form-26-000417" not in answer.text, "the next request is another one"
    assert "stays on file as refused" in requester.said
    assert 'value="7ABC123"' in answer.text
    assert 'id="purpose_kind-wrong"' in answer.text
    services.answers["POST /requests"] = lambda _: problem(422, "Refused", "too wide")
    await requester.send("/requests/new", **TYPED)
    assert "stays on file as refused" not in requester.said


async def test_a_document_is_uploaded_first_and_named_in_the_request(requester, services):
    services.answers["POST /documents"] = lambda _: httpx.Response(
        201,
        json={
            "document_id": READ, "sha256": "cd" * 32, "size_bytes": 9,
            "media_type": "application/pdf",
        },
    )  # fmt: skip
    services.answers["POST /requests"] = lambda _: httpx.Response(201, json=a_request())
    await requester.open("/requests/new")
    assert "keeps it on file for 2 years" in requester.said
    assert "can be fetched for 14 days" in requester.said
    requester.page = await requester.http.post(
        "/requests/new/document", data={"form_token": requester.token()},
        files={"file": ("order.pdf", b"%PDF-1.7\n")}, headers={"Origin": requester.origin},
    )  # fmt: skip
    assert services.asked("POST", "/documents")[0].content == b"%PDF-1.7\n"
    assert f'name="document_id" value="{READ}"' in requester.page.text
    assert f"The document is uploaded. SHA-256 {'cd' * 32}" in requester.said
    await requester.send("/requests/new", **TYPED, document_id=READ, reference="order 26-mj-17")
    [asked] = services.asked("POST", "/v1/requests")
    named = {"document_id": READ, "reference": "order 26-mj-17"}
    assert json.loads(asked.content) == SENT | {"legal_authority": named}


async def test_a_document_that_release_refuses_is_refused_beside_its_field(requester, services):
    services.answers["POST /documents"] = lambda _: problem(
        422, "Refused", "not a PDF, PNG or JPEG", field="body"
    )
    await requester.open("/requests/new")
    requester.page = await requester.http.post(
        "/requests/new/document", data={"form_token": requester.token()},
        files={"file": ("order.txt", b"hello")}, headers={"Origin": requester.origin},
    )  # fmt: skip
    assert 'id="file-wrong">not a PDF' in requester.page.text
    assert 'name="document_id"' not in requester.page.text


async def test_a_package_is_counted_saved_and_no_page_to_come_back_to(requester, services, show):
    show(packaged())
    await requester.open("/")
    assert "Packages to fetch: 1" in requester.said
    await requester.open(HERE)
    assert "reads: 3; pictures: 2, left out with the reason in the package: 1" in requester.said
    services.answers[f"GET /requests/{HIT}/package"] = lambda _: httpx.Response(
        200, content=b"PK", headers={"Content-Type": "application/zip", "X-Content-SHA256": "ab"}
    )
    answer = await requester.open(f"{HERE}/package")
    assert answer.content == b"PK"
    assert answer.headers["content-disposition"] == f'attachment; filename="release-{HIT}.zip"'
    assert answer.headers["x-content-sha256"] == "ab"
    show(packaged(receipts=[RECEIPT]))
    await requester.open("/")
    assert "Packages to fetch" not in requester.said


@pytest.mark.parametrize("status", ["expired", "denied", "withdrawn", "approved"])
async def test_what_is_decided_is_neither_fetched_nor_withdrawn(requester, show, status):
    show(packaged(decisions=[DENIED]) | {"status": status})
    await requester.open(HERE)
    assert f'href="{HERE}/package"' not in requester.page.text
    assert f'action="{HERE}/withdrawal"' not in requester.page.text
    assert HOSTILE not in requester.page.text


async def test_a_request_that_was_decided_meanwhile_is_not_withdrawn_and_says_so(
    requester, services, show
):
    await requester.open(HERE)
    show(a_request(status="approved"))
    services.answers[f"POST /agency/requests/{HIT}/withdrawal"] = lambda _: problem(
        409, "Conflict", "this request is approved"
    )
    answer = await requester.send(f"{HERE}/withdrawal", reason="The vehicle was found")
    assert answer.status_code == 409
    assert "this request is approved" in requester.said
    assert f'action="{HERE}/withdrawal"' not in answer.text


async def test_a_request_is_withdrawn_with_its_reason(requester, services, show):
    await requester.open(HERE)
    services.answers[f"POST /agency/requests/{HIT}/withdrawal"] = lambda _: httpx.Response(
        200, json=a_request(status="withdrawn")
    )
    await requester.send(f"{HERE}/withdrawal", reason="The vehicle was found")
    assert requester.page.url.path == HERE
    [asked] = services.asked("POST", "/withdrawal")
    assert json.loads(asked.content) == {"reason": "The vehicle was found"}


async def test_people_of_the_department_get_no_form_to_request_data(sign_in):
    browser = await sign_in(*ROLES["alpr_administrator"])
    answer = await browser.open("/requests/new")
    assert answer.status_code == 403
    assert "your role does not let you request a release" in browser.said


async def test_the_address_of_a_refused_document_leads_back_to_the_form(requester):
    answer = await requester.open("/requests/new/document")
    assert answer.headers["location"] == "/requests/new"
