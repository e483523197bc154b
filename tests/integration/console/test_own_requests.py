"""Another agency's person at the console, before the real services: they file, follow and withdraw, and see no more."""

import re

import httpx
import pytest

from tests.integration.console.offered import fault_beside

ORI = "CA0520000"
TYPED = {
    "purpose_kind": "criminal_investigation", "purpose": "Where the robbers' vehicle was seen",
    "offence_type": "robbery", "case_number": "TCS-26-0417", "plate": "7ABC123",
    "captured_from": "2026-05-01T00:00", "captured_to": "2026-05-02T00:00",
    "include_images": "yes",
}  # fmt: skip


@pytest.fixture
async def requester(release, services, administrator, hire, train):
    """A person of a registered agency of the state."""
    await train(administrator)
    requester = await hire("d.ruiz", "agency_requester", title="Agency Requester", ori=ORI)
    transport = httpx.ASGITransport(services["release"])
    async with httpx.AsyncClient(transport=transport, base_url="http://release") as client:
        agency = {"ori": ORI, "name": "Tehama County Sheriff", "kind": "law_enforcement",
                  "state": "US-CA", "contact": "records"}  # fmt: skip
        made = await client.post("/v1/agencies", json=agency, headers=administrator.headers)
        assert made.status_code == 201, made.text
    return requester


async def test_an_agencys_person_files_and_withdraws_and_sees_nothing_else(
    browser, sign_in, requester
):
    await sign_in(requester)
    found = set(re.findall(r'<a href="(/[a-z]+)"', browser.page.text))
    assert found == {"/requests", "/policy", "/account"}
    await browser.open("/requests/new")
    backwards = TYPED | {"captured_to": "2026-04-02T00:00"}
    answer = await browser.send("/requests/new", **backwards)
    assert answer.status_code == 422
    answer = await browser.send("/requests/new", **TYPED | {"purpose": "why"})
    assert fault_beside(answer) == ["purpose"]
    await browser.send("/requests/new", **TYPED)
    here = browser.page.url.path
    assert "Request for case TCS-26-0417" in browser.said
    await browser.send(f"{here}/withdrawal", reason="The vehicle was found")
    assert "withdrawn" in browser.said
    await browser.open("/requests")
    assert f'href="{here}"' in browser.page.text
    for path in ("/releases", f"/releases{here.removeprefix('/requests')}", "/people", "/agencies"):
        assert (await browser.open(path)).status_code == 403, path


async def test_another_agencys_request_is_not_found(browser, sign_in, requester, hire):
    await sign_in(requester)
    await browser.open("/requests/new")
    await browser.send("/requests/new", **TYPED)
    here = browser.page.url.path
    await browser.send("/sign-out")
    other = await hire("n.other", "agency_requester", title="Agency Requester", ori="CA0530000")
    await sign_in(other)
    for path in (here, f"{here}/package"):
        assert (await browser.open(path)).status_code in (403, 404), path
        assert "7ABC123" not in browser.said
