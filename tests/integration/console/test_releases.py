"""Release requests at the console, before the real services: two people decide, one after the other."""

import re

import httpx
import pytest

from shared.events import AccessAttempted, ReleaseApproved

RENO = "NV0160100"
PDF = b"%PDF-1.7\n" + b"court order " * 100


@pytest.fixture
async def sergeant(hire, train):
    sergeant = await hire("s.lee", "alpr_administrator", title="Administration Sergeant")
    await train(sergeant)
    return sergeant


@pytest.fixture
async def lieutenant(hire, train):
    lieutenant = await hire("l.okafor", "alpr_administrator", title="Lieutenant")
    await train(lieutenant)
    return lieutenant


@pytest.fixture
async def asked(release, services, administrator, hire, train):
    """A request of an agency of another state, with its document: it needs two approvers."""
    await train(administrator)
    requester = await hire("d.ruiz", "agency_requester", title="Agency Requester", ori=RENO)
    transport = httpx.ASGITransport(services["release"])
    async with httpx.AsyncClient(transport=transport, base_url="http://release") as client:
        agency = {"ori": RENO, "name": "Reno Police", "kind": "law_enforcement",
                  "state": "US-NV", "contact": "records"}  # fmt: skip
        made = await client.post("/v1/agencies", json=agency, headers=administrator.headers)
        assert made.status_code == 201, made.text
        given = await client.post("/v1/documents", content=PDF, headers=requester.headers)
        body = {
            "purpose": "Locate the vehicle that left the scene of a robbery",
            "purpose_kind": "criminal_investigation",
            "case_number": "RPD-26-0417",
            "offence_type": "robbery",
            "criteria": {
                "captured_from": "2026-05-01T00:00:00Z",
                "captured_to": "2026-05-02T00:00:00Z",
                "plate": "7ABC123",
            },
            "legal_authority": {
                "reference": "order 26-mj-17",
                "document_id": given.json()["document_id"],
            },
        }
        filed = await client.post("/v1/requests", json=body, headers=requester.headers)
        assert filed.status_code == 201, filed.text
    return filed.json()["request_id"]


@pytest.mark.clause("468.7/recipients")
async def test_a_restricted_request_needs_the_approvals_of_two_different_people(
    browser, declare, sign_in, sergeant, lieutenant, asked, release, bus
):
    await sign_in(sergeant)
    await declare("release", "/releases")
    assert f'href="/releases/{asked}"' in browser.page.text
    await browser.open(f"/releases/{asked}")
    assert "Approvals: 0 of 2 needed." in browser.said
    decision = {"decision": "approve", "reason": "Robbery, one plate"}
    await browser.send(f"/releases/{asked}/decision", **decision)
    assert "Approvals: 1 of 2 needed." in browser.said
    assert "you gave the first approval" in browser.said
    refused = await browser.send(f"/releases/{asked}/decision", **decision)
    assert refused.status_code == 403
    assert "a second person must approve this request too" in browser.said
    await browser.send("/sign-out")
    await sign_in(lieutenant)
    await declare("release", f"/releases/{asked}")
    assert "By S.Lee, Administration Sergeant" in browser.said
    assert "You cannot approve it" not in browser.said
    await browser.send(f"/releases/{asked}/decision", **decision)
    assert "The system is building the package." in browser.said
    await release.relay.drain()
    [approved] = bus.events(ReleaseApproved)
    assert approved.actor.person_id == lieutenant.account_id


@pytest.mark.clause("468.7(b)/provisioners")
async def test_a_provisioner_of_the_requester_cannot_decide_and_the_page_explains_why(
    browser, declare, sign_in, administrator, asked, release, bus
):
    await sign_in(administrator)
    await declare("release", f"/releases/{asked}")
    assert "another person decides" in browser.said
    answer = await browser.send(
        f"/releases/{asked}/decision", decision="approve", reason="Robbery, one plate"
    )
    assert answer.status_code == 403
    assert "you created, invited or changed the requester's account" in browser.said
    await release.relay.drain()
    assert bus.events(ReleaseApproved) == []


@pytest.mark.clause("468.4(a)/asked-for")
@pytest.mark.clause("468.4(a)/waiting")
async def test_a_purpose_of_another_kind_opens_no_request_and_the_page_asks_for_a_suitable_one(
    browser, declare, sign_in, sergeant, asked
):
    await sign_in(sergeant)
    await declare("system_maintenance", "/releases")
    assert "Submitted 1" in browser.said
    assert "RPD-26-0417" not in browser.page.text
    [declaring] = re.findall(r'href="(/purpose\?[^"]+)"', browser.page.text)
    assert declaring == "/purpose?back=%2Freleases&amp;opens=release%3Aread"
    answer = await browser.open(f"/releases/{asked}")
    assert answer.status_code == 303
    await browser.open(answer.headers["location"])
    assert "The purpose that you declared, system maintenance, does not open this" in browser.said
    offered = re.findall(r'<option value="([a-z_]+)"', browser.page.text)
    assert offered == ["audit", "release"]
    await declare("release", f"/releases/{asked}")
    assert "RPD-26-0417" in browser.page.text


async def test_a_reason_that_is_too_short_is_refused_with_its_field(
    browser, declare, sign_in, sergeant, asked
):
    await sign_in(sergeant)
    await declare("release", f"/releases/{asked}")
    answer = await browser.send(f"/releases/{asked}/decision", decision="deny", reason="no")
    assert answer.status_code == 422
    assert "Field: reason" in browser.said


@pytest.mark.clause("468.7(c)/on-file")
async def test_a_document_is_downloaded_unchanged_and_the_access_is_recorded(
    browser, declare, sign_in, sergeant, asked, release, bus
):
    await sign_in(sergeant)
    await declare("release", f"/releases/{asked}")
    [path] = re.findall(r'href="(/releases/documents/[^"]+)"', browser.page.text)
    answer = await browser.open(path)
    assert answer.content == PDF
    await release.relay.drain()
    looks = [e for e in bus.events(AccessAttempted) if e.route.endswith("/{document_id}")]
    assert [(e.actor.person_id, e.allowed) for e in looks] == [(sergeant.account_id, True)]


async def test_an_auditor_reads_and_cannot_decide(browser, declare, sign_in, hire, train, asked):
    auditor = await hire("a.auditor", "auditor", title="Auditor")
    await train(auditor)
    await sign_in(auditor)
    await declare("audit", f"/releases/{asked}")
    assert "You cannot decide on it" in browser.said
    answer = await browser.send(f"/releases/{asked}/decision", decision="deny", reason="Too wide")
    assert answer.status_code == 403
    assert "your role does not let you decide on release requests" in browser.said


async def test_an_officer_cannot_see_release_requests(browser, sign_in, hire, train, asked):
    officer = await hire("o.lindqvist", "officer")
    await train(officer)
    await sign_in(officer)
    assert 'href="/releases"' not in browser.page.text
    answer = await browser.open(f"/releases/{asked}")
    assert answer.status_code == 403
    assert "7ABC123" not in answer.text
