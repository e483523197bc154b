"""Set-up and enrolment: what the console sends to identity, and what its pages keep and leave out."""

import json
import re

import httpx
import pytest

from services.console.actions.enrolment import Factor
from services.console.actions.seal import Seal
from tests.unit.console.services import BROWSER_TOKEN, READ, problem

PASSWORD = "violet harbor lantern"
INVITATION = "i" * 43
SECRET = "JBSWY3DPEHPK3PXP"
BEGUN = {
    "username": "n.new",
    "totp_secret": SECRET,
    "provisioning_uri": f"otpauth://totp/Plateward:n.new?secret={SECRET}&issuer=Plateward",
}
TYPED = {"invitation_token": INVITATION, "password": PASSWORD, "password_again": PASSWORD}


@pytest.fixture
def identity(services):
    """Identity, which answers an enrolment and its confirmation."""
    enrolled = {"account_id": READ, "username": "n.new", "status": "active"}
    services.answers["POST /enrolment"] = lambda _: httpx.Response(200, json=BEGUN)
    services.answers["POST /enrolment/confirmation"] = lambda _: httpx.Response(200, json=enrolled)
    return services


async def begin(browser, **typed):
    await browser.open("/enrolment")
    return await browser.send("/enrolment", **{**TYPED, **typed})


def sealed_on(browser):
    return re.search(r'name="factor" value="([^"]+)"', browser.page.text)[1]


@pytest.mark.parametrize("again", ["violet harbor lamps", ""])
async def test_two_passwords_that_differ_are_refused_before_identity_is_asked(
    browser, identity, again
):
    answer = await begin(browser, password_again=again)
    assert answer.status_code == 422
    assert "the two passwords differ" in browser.said
    assert not identity.seen
    assert f'value="{INVITATION}"' in answer.text, "what was typed stays"
    assert PASSWORD not in answer.text, "except the passwords"


async def test_passwords_are_typed_unseen(browser):
    fields = re.findall(r"<input [^>]*new-password[^>]*>", (await browser.open("/enrolment")).text)
    assert len(fields) == 2
    assert all('type="password"' in field for field in fields)


async def test_a_second_factor_returns_to_the_browser_only_sealed_by_this_console(
    browser, identity
):
    await begin(browser)
    sealed = sealed_on(browser)
    assert Seal(bytes(range(32))).open(Factor, sealed).invitation_token == INVITATION
    assert PASSWORD not in browser.page.text
    forged = Seal(bytes(32)).seal(Factor(invitation_token=INVITATION, **BEGUN))
    for factor in (forged, sealed[:-4], ""):
        answer = await browser.http.post(
            "/enrolment/code",
            data={"form_token": browser.token(), "factor": factor, "totp": "123456"},
            headers={"Origin": browser.origin},
        )
        assert answer.status_code == 403
        assert "begin the enrolment again" in answer.text
    assert not identity.asked("POST", "/confirmation")


async def test_a_refused_code_says_why_and_keeps_the_key(browser, identity):
    await begin(browser)
    enrol = identity.answers["POST /enrolment/confirmation"]
    identity.answers["POST /enrolment/confirmation"] = lambda _: problem(
        422, "Invalid", "this code does not belong to the key", field="body.totp"
    )
    answer = await browser.send("/enrolment/code", factor=sealed_on(browser), totp="123456")
    assert answer.status_code == 422
    assert "this code does not belong to the key" in browser.said
    assert SECRET in browser.said.replace(" ", "")
    identity.answers["POST /enrolment/confirmation"] = enrol
    await browser.send("/enrolment/code", factor=sealed_on(browser), totp="654 321")
    assert "The account is active." in browser.said
    assert 'value="n.new"' in browser.page.text
    assert json.loads(identity.seen[-1].content) == {
        "invitation_token": INVITATION, "totp": "654321"
    }  # fmt: skip


async def test_identity_learns_who_enrols_from_where_and_beside_whom(officer, identity):
    await officer.send("/sign-out")
    identity.seen.clear()
    officer.http.headers["X-Forwarded-For"] = "192.0.2.7"
    await begin(officer)
    await officer.send("/enrolment/code", factor=sealed_on(officer), totp="123456")
    begun, confirmed = identity.seen
    assert {r.headers["X-Forwarded-For"] for r in identity.seen} == {"127.0.0.1"}, "not 192.0.2.7"
    assert all(r.headers["X-Request-ID"] for r in identity.seen)
    assert confirmed.headers["X-Known-Browsers"] == BROWSER_TOKEN
    assert "X-Known-Browsers" not in begun.headers


@pytest.mark.parametrize("title", [{}, {"title": "Lieutenant"}])
async def test_the_set_up_link_invites_the_first_administrator_and_leads_to_the_enrolment(
    browser, services, title
):
    services.answers["POST /set-up"] = lambda _: httpx.Response(
        200,
        json={
            "account_id": READ,
            "username": "a.min",
            "name": "Ada Min",
            "title": "Lieutenant",
            "agency_ori": "CA0520100",
            "invitation_token": INVITATION,
            "expires_at": "2026-06-08T12:00:00Z",
        },
    )
    await browser.open("/set-up")
    typed = {"set_up_token": "s" * 43, "username": "a.min", "name": "Ada Min"}
    await browser.send("/set-up", **typed, **title)
    [asked] = services.seen
    assert json.loads(asked.content) == {**typed, **title}
    assert asked.headers["X-Forwarded-For"] == "127.0.0.1"
    assert "Step 1 of 2" in browser.said
    assert f'value="{INVITATION}"' in browser.page.text
