"""Accounts changed, cameras revoked and agencies barred at the console, before the real services."""

import re

import httpx
import pytest

from shared.events import AccountChanged
from tests.integration.console.offered import fault_beside, forms


@pytest.fixture
async def officer(hire, train):
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    return officer


@pytest.fixture
def changes(runtime, bus):
    """Return the changes of a person's account so far, as identity published them."""

    async def changes(person):
        await runtime.relay.drain()
        return [e for e in bus.events(AccountChanged) if str(e.account_id) == person.account_id]

    return changes


async def test_an_administrator_changes_roles_and_hot_lists_with_a_reason(
    browser, sign_in, administrator, officer, changes
):
    here = f"/people/{officer.account_id}"
    await sign_in(administrator)
    await browser.open(here)
    assert f'href="{here}/roles"' in browser.page.text
    await browser.open(f"{here}/roles")
    assert 'name="role_officer" value="yes" checked' in browser.page.text
    assert "A change counts at once: the tokens of O.Lindqvist end" in browser.said
    assert 'name="replaces" value="officer"' in browser.page.text
    seen = {"replaces": "officer"}
    refused = await browser.send(
        f"{here}/roles", role_auditor="yes", role_officer="yes", reason="moves to audit", **seen
    )
    assert refused.status_code == 422
    assert "one person may not hold both roles" in browser.said
    assert 'name="role_auditor" value="yes" checked' in refused.text, "what was ticked stays"
    assert (await browser.send(f"{here}/roles", role_investigator="yes", **seen)).status_code == 422
    assert "Reason" in browser.said
    await browser.send(f"{here}/roles", role_investigator="yes", reason="made a detective", **seen)
    assert "Roles investigator" in browser.said
    await browser.open(f"{here}/roles")
    seen = {"replaces": "department"}
    await browser.send(
        f"{here}/sources", source_state="yes", sources_reason="works on state lists", **seen
    )
    assert "Hot lists state" in browser.said
    assert (await officer.get("/v1/me")).status_code == 401
    roles, sources = (await changes(officer))[-2:]
    assert (roles.change, roles.details["added"], roles.details["removed"]) == (
        "roles_assigned", ["investigator"], ["officer"],
    )  # fmt: skip
    assert roles.details["reason"] == "made a detective"
    assert sources.details["sources"] == ["state"]


async def test_a_refused_form_of_a_page_with_two_leaves_the_other_as_the_account_is(
    browser, sign_in, administrator, officer
):
    here = f"/people/{officer.account_id}/roles"
    await sign_in(administrator)
    await browser.open(here)
    refused = await browser.send(
        here.replace("roles", "sources"), source_state="yes", sources_reason="no",
        replaces="department",
    )  # fmt: skip
    assert refused.status_code == 422
    ticked = re.findall(r'name="(\w+)" value="yes" checked', refused.text)
    assert ticked == ["role_officer", "source_state"], "the next click may be on either form"
    assert fault_beside(refused) == ["sources_reason"]
    refused = await browser.send(here, role_investigator="yes", reason="no", replaces="officer")
    ticked = re.findall(r'name="(\w+)" value="yes" checked', refused.text)
    assert ticked == ["role_investigator", "source_department"]
    assert fault_beside(refused) == ["reason"]


async def test_a_right_taken_by_another_administrator_meanwhile_does_not_come_back_unseen(
    browser, sign_in, administrator, hire, train, changes
):
    person = await hire("o.lindqvist", "officer", "investigator", sources=["department", "state"])
    here = f"/people/{person.account_id}"
    other = await hire("s.lee", "alpr_administrator", title="Lieutenant")
    await train(other)
    await sign_in(other)
    await browser.open(f"{here}/roles")
    roles, sources = re.findall(r'name="replaces" value="([^"]*)"', browser.page.text)
    account, why = f"/v1/accounts/{person.account_id}", "searched for friends"
    await administrator.sign_in()
    taken = await administrator.put(f"{account}/roles", roles=["officer"], reason=why)
    assert taken.status_code == 200, taken.text
    await administrator.put(f"{account}/sources", sources=["department"], reason=why)
    refused = await browser.send(
        f"{here}/roles", replaces=roles, reason="works at the desk, too",
        role_officer="yes", role_investigator="yes", role_dispatcher="yes",
    )  # fmt: skip
    assert refused.status_code == 409
    assert "another person changed this since you looked at it" in browser.said
    ticked = re.findall(r'name="(\w+)" value="yes" checked', refused.text)
    assert ticked == ["role_officer", "source_department"], "what the account has now"
    refused = await browser.send(
        f"{here}/sources", replaces=sources, source_department="yes", source_state="yes",
        source_federal="yes", sources_reason="works on federal lists, too",
    )  # fmt: skip
    assert refused.status_code == 409
    assert [e.change for e in await changes(person)][-2:] == ["roles_assigned", "sources_assigned"]
    assert (await changes(person))[-2].details["removed"] == ["investigator"]


async def test_what_was_typed_for_an_act_that_came_too_late_stands_in_no_form_of_the_opposite_one(
    browser, sign_in, administrator, officer
):
    here = f"/people/{officer.account_id}"
    await sign_in(administrator)
    await browser.open(f"{here}/lock")
    locked = await administrator.post(f"/v1/accounts/{officer.account_id}/lock", reason="stolen")
    assert locked.status_code == 200
    refused = await browser.send(f"{here}/lock", reason="telephone stolen")
    assert refused.status_code == 409
    assert "Unlock the account" in browser.said
    assert "telephone stolen" not in refused.text, "one click more would unlock the account"


async def test_an_account_is_locked_unlocked_and_ended_for_good(
    browser, sign_in, administrator, officer, changes
):
    here = f"/people/{officer.account_id}"
    await sign_in(administrator)
    await browser.open(f"{here}/lock")
    assert "All sessions and tokens of O.Lindqvist end at once" in browser.said
    await browser.send(f"{here}/lock", reason="telephone stolen")
    assert "State locked" in browser.said
    assert (await officer.get("/v1/me")).status_code == 401
    await browser.open(f"{here}/lock")
    assert "O.Lindqvist can sign in again" in browser.said
    await browser.send(f"{here}/unlock", reason="telephone found")
    assert "State active" in browser.said
    await browser.open(f"{here}/separation")
    assert "This ends the account for good" in browser.said
    await browser.send(f"{here}/separation", reason="left the department")
    assert "State separated" in browser.said
    assert f"{here}/" not in "".join(forms(browser)), "nothing of an ended account is offered"
    assert f'href="{here}/' not in browser.page.text
    assert [e.change for e in await changes(officer)][-3:] == ["locked", "unlocked", "separated"]


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize("page", ["roles", "lock", "separation"])
async def test_a_change_that_would_be_refused_is_not_offered_and_why_is_said(
    browser, sign_in, administrator, officer, hire, page
):
    await sign_in(administrator)
    own = f"/people/{administrator.account_id}"
    await browser.open(own)
    assert f'href="{own}/{page}"' not in browser.page.text
    await browser.open(f"{own}/{page}")
    assert "this is your own account, so another administrator does it" in browser.said
    assert forms(browser) == []
    await browser.open(f"/people/{officer.account_id}/separation")
    await browser.send(f"/people/{officer.account_id}/separation", reason="left the department")
    await browser.open(f"/people/{officer.account_id}/{page}")
    assert "this account has ended" in browser.said
    assert forms(browser) == []
    auditor = await hire("p.person", "auditor", title="Auditor")
    await browser.send("/sign-out")
    await sign_in(auditor)
    answer = await browser.open(f"{own}/{page}")
    assert answer.status_code == 403
    assert "your role does not let you manage people's accounts" in browser.said


async def test_an_invited_person_cannot_be_locked_yet(browser, sign_in, administrator):
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="n.new", name="Nia New", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"], sources=[],
    )  # fmt: skip
    here = f"/people/{made.json()['account']['account_id']}"
    await sign_in(administrator)
    await browser.open(here)
    assert f'href="{here}/lock"' not in browser.page.text
    await browser.open(f"{here}/lock")
    assert "before its person has enrolled" in browser.said
    assert forms(browser) == []


async def test_a_camera_is_revoked_and_reinstated_with_another_credential(
    browser, sign_in, administrator, train, ingest, services
):
    await train(administrator)
    await sign_in(administrator)
    await browser.open("/cameras/new")
    await browser.send(
        "/cameras/new", name="Main St", kind="fixed", latitude="39.9", longitude="-122"
    )
    [credential] = re.findall(r'class="secret">([^<]+)<', browser.page.text)
    await browser.open("/cameras")
    [here] = re.findall(r'href="(/cameras/[^"]+)/revocation"', browser.page.text)
    await browser.open(f"{here}/revocation")
    assert "the system refuses all that it sends" in browser.said
    assert (await browser.send(f"{here}/revocation")).status_code == 422
    await browser.send(f"{here}/revocation", reason="the camera was stolen")
    assert "Main St fixed" in browser.said
    assert "revoked" in browser.said
    again = await browser.send(f"{here}/revocation", reason="vandalised on Monday")
    assert again.status_code == 409
    assert "this device is revoked already" in browser.said
    assert "vandalised" not in again.text, "a reason to revoke is none to reinstate"
    await browser.open(f"{here}/revocation")
    assert "It gets a new credential, which you see once" in browser.said
    await browser.send(f"{here}/reinstatement", reason="found again")
    [other] = re.findall(r'class="secret">([^<]+)<', browser.page.text)
    transport = httpx.ASGITransport(services["ingest"])
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as camera:
        for given, refused in ((credential, True), (other, False)):
            headers = {"Authorization": f"Bearer {given}", "Content-Type": "image/jpeg"}
            answer = await camera.post("/v1/captures", content=b"no image", headers=headers)
            assert (answer.status_code == 401) is refused, answer.text


async def test_an_agency_is_barred_and_admitted_again(
    browser, sign_in, administrator, train, release
):
    await train(administrator)
    await sign_in(administrator)
    await browser.open("/agencies")
    await browser.send(
        "/agencies", name="Tehama County Sheriff", kind="law_enforcement", state="CA",
        ori="CA0520000", contact="records@tehama.example",
    )  # fmt: skip
    await browser.open("/agencies/CA0520000/bar")
    assert "its people can file no request and download no package" in browser.said
    await browser.send("/agencies/CA0520000/bar")
    assert "records@tehama.example barred" in browser.said
    again = await browser.send("/agencies/CA0520000/bar")
    assert again.status_code == 409
    await browser.send("/agencies/CA0520000/admission")
    assert "records@tehama.example ordinary" in browser.said
    assert (await browser.open("/agencies/CA0529999/bar")).status_code == 404
