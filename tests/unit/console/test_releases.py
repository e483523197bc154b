"""Requests of other agencies, as the department's people read them and decide on them."""

import json

import httpx
import pytest

from services.console.domain.reviews import review_of
from tests.unit.console.answers import DANA, REQUEST, SERGEANT, a_decision, a_request
from tests.unit.console.services import DECLARED, OTHER_HIT, PERSON, READ, problem

DOCUMENT = "0199c0de-0000-7000-8000-0000000000d0"
HOSTILE = "<script>alert(1)</script>"
REVIEWER = ("account:self", "release:read", "release:review")
AUTHORITY = {"reference": "order 26-mj-17", "document_id": DOCUMENT, "sha256": "ab" * 32}


def an_agency(**changes):
    return {
        "ori": "CA0520000",
        "name": "Tehama County Sheriff",
        "kind": "law_enforcement",
        "state": "US-CA",
        "contact": "records",
        "active": True,
        "treatment": "ordinary",
        **changes,
    }


@pytest.fixture
def on_file(services):
    """Have release show one request and its agency."""

    def on_file(asked=None, agency=None):
        asked = asked or a_request()
        services.answers[f"GET /requests/{REQUEST}"] = lambda _: httpx.Response(200, json=asked)
        services.answers["GET /requests"] = lambda _: httpx.Response(
            200, json={"items": [asked], "next": OTHER_HIT}
        )
        services.answers["GET /agencies/CA0520000"] = lambda _: httpx.Response(
            200, json=agency or an_agency()
        )

    on_file()
    return on_file


async def test_the_list_of_requests_displays_state_and_age_and_links_onwards(
    sign_in, services, on_file
):
    browser = await sign_in(*REVIEWER)
    await browser.open("/purpose")
    await browser.send("/purpose", back="/releases", **DECLARED)
    services.seen.clear()
    await browser.open("/releases?status=submitted")
    [asked] = services.asked("GET", "/requests")
    assert dict(asked.url.params) == {"limit": "50", "status": "submitted"}
    assert "2026-05-30 10:00:00 UTC 2 d 2 h submitted Tehama County Sheriff" in browser.said
    await browser.open(f"/releases?status=submitted&after={OTHER_HIT}")
    assert services.asked("GET", "/requests")[-1].url.params["after"] == OTHER_HIT
    assert f"after={OTHER_HIT}" in browser.page.text


@pytest.mark.clause("468.4(a)/waiting")
async def test_without_a_purpose_the_list_displays_only_counts_and_ages(sign_in, services, on_file):
    states = [{"status": "submitted", "count": 3, "oldest_at": "2026-05-30T10:00:00Z"}]
    waiting = {"count": 3, "oldest_at": "2026-05-30T10:00:00Z", "states": states}
    services.answers["GET /requests/waiting"] = lambda _: httpx.Response(200, json=waiting)
    browser = await sign_in(*REVIEWER, "purpose:declare")
    await browser.open("/releases")
    assert "Submitted 3 2 d 2 h old" in browser.said
    assert 'href="/purpose?back=%2Freleases&amp;opens=release%3Aread"' in browser.page.text
    assert services.asked("GET", "/requests") == []
    assert "7ABC123" not in browser.page.text
    assert "TCS-26-0417" not in browser.page.text
    await browser.open("/purpose")
    await browser.send(
        "/purpose", back="/releases", **DECLARED | {"kind": "criminal_investigation"}
    )
    assert "Submitted 3" in browser.said, "a purpose that does not open requests is no obstacle"
    assert "x-alpr-purpose" not in services.asked("GET", "/requests/waiting")[-1].headers


@pytest.mark.clause("468.4(a)/asked-for")
async def test_a_page_asks_for_a_purpose_when_the_service_requires_one(sign_in, services):
    missing = problem(403, "Not permitted", "needs a declared purpose", code="purpose_missing")
    services.answers[f"GET /requests/{REQUEST}"] = lambda _: missing
    services.answers[f"GET /documents/{DOCUMENT}"] = lambda _: missing
    services.answers[f"POST /requests/{REQUEST}/decision"] = lambda _: missing
    browser = await sign_in(*REVIEWER, "purpose:declare")
    answer = await browser.open(f"/releases/{REQUEST}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/purpose?back=%2Freleases%2F{REQUEST}"
    await browser.open(answer.headers["location"])
    assert "Declare a purpose" in browser.said
    document = await browser.open(f"/releases/documents/{DOCUMENT}")
    assert document.headers["location"].endswith(f"documents%2F{DOCUMENT}")
    await browser.open(f"/purpose?back=/releases/{REQUEST}")
    await browser.send(f"/releases/{REQUEST}/decision", decision="approve", reason="one plate")
    assert str(browser.page.url).endswith(f"/purpose?back=%2Freleases%2F{REQUEST}")


async def test_a_request_shows_what_was_asked_for_by_whom_and_why(sign_in, on_file):
    browser = await sign_in(*REVIEWER, "purpose:declare")
    await browser.open(f"/releases/{REQUEST}")
    for told in (
        "Tehama County Sheriff (CA0520000), law enforcement, US-CA",
        "Dana Ruiz, Detective",
        "criminal investigation, robbery: Locate the vehicle that left a robbery",
        "Case number TCS-26-0417",
        "Plate 7ABC123",
        "Captured 2026-05-01 00:00:00 UTC to 2026-05-02 00:00:00 UTC",
        "Approvals: 0 of 1 needed.",
    ):
        assert told in browser.said, told


async def test_a_decision_goes_to_release_with_its_reason(sign_in, services, on_file):
    browser = await sign_in(*REVIEWER, "purpose:declare")
    services.answers[f"POST /requests/{REQUEST}/decision"] = lambda _: httpx.Response(
        200, json=a_request(status="denied")
    )
    await browser.open(f"/releases/{REQUEST}")
    await browser.send(f"/releases/{REQUEST}/decision", decision="deny", reason="Too wide")
    [asked] = services.asked("POST", "/decision")
    assert json.loads(asked.content) == {"decision": "deny", "reason": "Too wide"}
    assert asked.headers["authorization"] == "Bearer access-1"


async def test_originals_to_release_are_entered_one_a_line(sign_in, services, on_file):
    browser = await sign_in(*REVIEWER, "purpose:declare")
    services.answers[f"POST /requests/{REQUEST}/decision"] = lambda _: httpx.Response(
        200, json=a_request(status="approved")
    )
    await browser.open(f"/releases/{REQUEST}")
    assert (
        "The package shows the area around the plate in each frame, and blanks out the rest."
        in browser.said
    )
    typed = f"{READ}\r\n\r\n {OTHER_HIT},"
    sent = {"decision": "approve", "reason": "One plate", "originals": typed}
    await browser.send(f"/releases/{REQUEST}/decision", **sent)
    [asked] = services.asked("POST", "/decision")
    assert json.loads(asked.content)["originals"] == [READ, OTHER_HIT]
    decided = a_decision(originals=[READ])
    package = {
        "sha256": "cd" * 32, "size_bytes": 12345, "reads": 3, "images": 2, "omitted": 4,
        "manifest_signed_by": "key-1", "packaged_at": "2026-06-01T11:05:00Z",
    }  # fmt: skip
    on_file(a_request(status="packaged", decisions=[decided], package=package))
    await browser.open(f"/releases/{REQUEST}")
    assert f"Whole frames {READ}" in browser.said
    assert "pictures: 2, left out with the reason in the package: 4; 12,345 bytes" in browser.said


async def test_lists_whose_hits_are_released_are_ticked_and_displayed(sign_in, services, on_file):
    browser = await sign_in(*REVIEWER, "purpose:declare")
    services.answers[f"POST /requests/{REQUEST}/decision"] = lambda _: httpx.Response(
        200, json=a_request(status="approved")
    )
    await browser.open(f"/releases/{REQUEST}")
    for source in ("department", "state", "federal"):
        assert f"of {source} lists" in browser.said
    sent = {"decision": "approve", "reason": "One plate", "list_federal": "yes"}
    await browser.send(f"/releases/{REQUEST}/decision", **sent)
    [asked] = services.asked("POST", "/decision")
    assert json.loads(asked.content)["list_sources"] == ["federal"]
    on_file(a_request(status="approved", decisions=[a_decision(list_sources=["state", "federal"])]))
    await browser.open(f"/releases/{REQUEST}")
    assert "Hits of state, federal lists" in browser.said


async def test_a_request_without_pictures_asks_for_no_frames(sign_in, on_file):
    browser = await sign_in(*REVIEWER, "purpose:declare")
    on_file(a_request(criteria=a_request()["criteria"] | {"include_images": False}))
    await browser.open(f"/releases/{REQUEST}")
    assert "hand over whole" not in browser.said


async def test_a_refused_decision_names_its_field_and_keeps_what_was_typed(
    sign_in, services, on_file
):
    browser = await sign_in(*REVIEWER, "purpose:declare")
    services.answers[f"POST /requests/{REQUEST}/decision"] = lambda _: problem(
        422, "A value is not acceptable", "at least 3 characters", field="body.reason"
    )
    await browser.open(f"/releases/{REQUEST}")
    services.lenient = True
    answer = await browser.send(f"/releases/{REQUEST}/decision", decision="deny", reason="no")
    assert answer.status_code == 422
    assert "at least 3 characters Field: reason" in browser.said
    assert ">no</textarea>" in answer.text
    assert 'value="deny" required checked' in answer.text


async def test_a_person_who_may_only_read_gets_no_form_and_sees_why(sign_in, on_file):
    browser = await sign_in("account:self", "release:read")
    await browser.open(f"/releases/{REQUEST}")
    assert (
        "You cannot decide on it: your role does not let you decide on release requests"
        in browser.said
    )
    assert "/decision" not in browser.page.text


async def test_the_first_of_two_approvers_sees_that_another_must_follow(sign_in, on_file):
    first = a_decision(decided_by=SERGEANT | {"person_id": READ})
    on_file(
        a_request(
            status="first_approved", restricted=True, legal_authority=AUTHORITY, decisions=[first]
        )
    )
    browser = await sign_in(*REVIEWER, "purpose:declare")
    await browser.open(f"/releases/{REQUEST}")
    assert "Approvals: 1 of 2 needed." in browser.said
    uncounted = {"approvals_needed": 2, "approvals": 0, "not_by": [SERGEANT["person_id"]]}
    changes = {"restricted": True, "legal_authority": AUTHORITY, "decisions": [a_decision()]}
    on_file(a_request(status="first_approved", **changes, review=uncounted))
    await browser.open(f"/releases/{REQUEST}")
    assert "Approvals: 0 of 2 needed." in browser.said, "that of a provisioner does not count"
    on_file(a_request(status="first_approved", **changes | {"decisions": [first]}))
    await browser.open(f"/releases/{REQUEST}")
    assert "you gave the first approval; another person must give the second" in browser.said
    assert 'value="approve" required disabled aria-describedby="why-not"' in browser.page.text
    assert "approved Reason Scoped to one plate By Sgt. Lee, Sergeant" in browser.said
    assert "restricted: a document of legal authority and two approvers" in browser.said


async def test_a_refusal_by_rule_shows_its_citation(sign_in, on_file):
    law = "Civil Code 1798.90.55; Attorney General bulletin 2023-DLE-06"
    refused = a_decision(decision="refuse", citation=law)
    on_file(a_request(status="refused", decisions=[refused], review=None))
    browser = await sign_in(*REVIEWER, "purpose:declare")
    await browser.open(f"/releases/{REQUEST}")
    assert "Decision refused by rule, at filing" in browser.said
    assert f"Citation {law}" in browser.said
    assert "restricted:" not in browser.said


async def test_a_decided_request_shows_what_was_delivered_and_no_form(sign_in, services, on_file):
    package = {
        "sha256": "cd" * 32, "size_bytes": 183220, "reads": 3, "images": 2,
        "manifest_signed_by": "retention-1", "packaged_at": "2026-06-01T11:00:02Z",
    }  # fmt: skip
    receipt = {"received_by": DANA, "received_at": "2026-06-01T11:30:00Z", "sha256": "cd" * 32}
    on_file(
        a_request(
            status="packaged", decisions=[a_decision()], package=package, receipts=[receipt],
            expires_at="2026-06-15T11:00:00Z",
        )
    )  # fmt: skip
    browser = await sign_in(*REVIEWER, "purpose:declare")
    await browser.open(f"/releases/{REQUEST}")
    assert "reads: 3; pictures: 2; 183,220 bytes" in browser.said
    assert "Available until 2026-06-15 11:00:00 UTC" in browser.said
    assert "Received Dana Ruiz, Police Officer, 2026-06-01 11:30:00 UTC" in browser.said
    assert "/decision" not in browser.page.text
    assert not services.asked("GET", "/agencies/CA0520000"), "its agency matters to open ones only"


async def test_hostile_words_of_another_agency_are_shown_and_never_run(sign_in, on_file):
    names = ("agency_name", "requester_name", "requester_title", "purpose", "case_number")
    on_file(a_request(**dict.fromkeys(names, HOSTILE)))
    browser = await sign_in(*REVIEWER, "purpose:declare")
    await browser.open("/purpose")
    await browser.send("/purpose", back="/releases", **DECLARED)
    for path in ("/releases", f"/releases/{REQUEST}"):
        text = (await browser.open(path)).text
        assert HOSTILE not in text
        assert "&lt;script&gt;alert(1)" in text


async def test_a_document_is_saved_and_never_opened_in_a_page(sign_in, services):
    pdf = httpx.Response(200, content=b"%PDF-1.7", headers={"Content-Type": "application/pdf"})
    page = httpx.Response(200, text=HOSTILE, headers={"Content-Type": "text/html"})
    services.answers[f"GET /documents/{DOCUMENT}"] = lambda _: pdf
    services.answers[f"GET /documents/{OTHER_HIT}"] = lambda _: page
    browser = await sign_in(*REVIEWER, "purpose:declare")
    answer = await browser.open(f"/releases/documents/{DOCUMENT}")
    assert answer.content == b"%PDF-1.7"
    name = f'attachment; filename="authority-{DOCUMENT}.pdf"'
    assert answer.headers["content-disposition"] == name
    assert answer.headers["content-length"] == "8"
    refused = await browser.open(f"/releases/documents/{OTHER_HIT}")
    assert refused.status_code == 502
    assert HOSTILE not in refused.text


@pytest.mark.parametrize(
    ("asked", "agency", "why"),
    [
        ({"filed_by": PERSON}, {}, "you filed this request; another person must review it"),
        ({}, {"active": False}, "the agency is not active"),
        ({}, {"treatment": "records_release"}, "Civil Code 1798.90.55"),
        ({}, {"treatment": "restricted"}, "no document of legal authority"),
        ({"restricted": True}, {}, "no document of legal authority"),
    ],
)
def test_the_review_lists_the_obstacles_to_a_decision(asked, agency, why):
    review = review_of(a_request(**asked), an_agency(**agency), "p-1", REVIEWER)
    assert why in review.why_not + review.why_not_approve


def test_a_provisioner_of_the_requester_sees_that_another_person_decides():
    review = review_of(a_request(), an_agency(), "p-registrar", REVIEWER)
    assert "another person decides" in review.why_not


def test_the_service_sets_the_number_of_approvals_needed():
    two = {"approvals_needed": 2, "approvals": 0, "not_by": []}
    assert review_of(a_request(review=two), an_agency(), "p-9", REVIEWER).approvals_needed == 2


def test_a_request_that_one_person_approved_needs_a_second_whatever_became_known_since():
    first = {"decision": "approve", "decided_by": {"person_id": "p-8"}}
    review = review_of(a_request(decisions=[first]), an_agency(), "p-9", REVIEWER)
    assert (review.approvals, review.approvals_needed) == (1, 2)


def test_a_first_approver_of_any_request_sees_that_another_person_must_follow():
    first = {"decision": "approve", "decided_by": {"person_id": "p-8"}}
    review = review_of(a_request(decisions=[first]), an_agency(), "p-8", REVIEWER)
    assert "another person must give the second" in review.why_not_approve


def test_the_service_counts_the_approvals():
    first = {"decision": "approve", "decided_by": {"person_id": "p-8"}}
    none = {"approvals_needed": 2, "approvals": 0, "not_by": []}
    asked = a_request(decisions=[first], review=none)
    review = review_of(asked, an_agency(), "p-9", REVIEWER)
    assert (review.approvals, review.approvals_needed) == (0, 2)


def test_another_reviewer_has_no_obstacles():
    review = review_of(a_request(), an_agency(), "p-9", REVIEWER)
    assert (review.why_not, review.why_not_approve, review.approvals_needed) == ("", "", 1)


async def test_pages_offer_only_what_a_persons_permissions_allow(sign_in):
    browser = await sign_in(*REVIEWER)
    assert 'href="/releases"' in browser.page.text
    for path in ("/alerts", "/search"):
        assert f'href="{path}"' not in browser.page.text
    await sign_in("account:self", "alert:receive")
    assert 'href="/releases"' not in browser.page.text
    assert 'href="/alerts"' in browser.page.text
