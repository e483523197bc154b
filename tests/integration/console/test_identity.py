"""The console before a real identity: enrolment, sign-in, refreshing, purposes, signing out."""

import asyncio
import logging
import re

import cv2
import pyotp
import pytest
from sqlalchemy import text

from shared.events import AccountChanged, PurposeDeclared
from tests.integration.console.enrolling import PASSWORD, at_night, key_on

SESSION = "__Host-plateward_session"


@pytest.fixture
async def officer(hire, train):
    officer = await hire("o.lindqvist", "officer", sources=["department"])
    await train(officer)
    return officer


async def test_an_invited_person_enrols_and_signs_in(browser, administrator, clock, handed_over):
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="n.new", name="Nia New", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"], sources=[],
    )  # fmt: skip
    invitation = await handed_over(made)
    await browser.open("/enrolment")
    answer = await browser.send(
        "/enrolment", invitation_token=invitation, password="password", password_again="password"
    )
    assert answer.status_code == 422
    assert "commonly used and breached passwords" in browser.said
    await browser.send(
        "/enrolment", invitation_token=invitation, password=PASSWORD, password_again=PASSWORD
    )
    secret = key_on(browser.page)
    assert 'href="otpauth://totp/' in browser.page.text
    sealed = re.search(r'name="factor" value="([^"]+)"', browser.page.text)[1]
    wrong = f"{(int(pyotp.TOTP(secret).at(clock.now())) + 1) % 1_000_000:06}"
    answer = await browser.send("/enrolment/code", factor=sealed, totp=wrong)
    assert answer.status_code == 422
    assert key_on(browser.page) == secret
    await browser.send("/enrolment/code", factor=sealed, totp=pyotp.TOTP(secret).at(clock.now()))
    assert "The account is active." in browser.said
    clock.advance(seconds=30)
    await browser.send(
        "/sign-in", username="n.new", password=PASSWORD, totp=pyotp.TOTP(secret).at(clock.now())
    )
    assert "Signed in as Nia New" in browser.said


@pytest.mark.clause("468.3/deliverer")
async def test_a_sheet_is_printed_once_by_another_person_and_enrols(
    browser, sign_in, administrator, hire, clock
):
    await administrator.sign_in()
    trainer = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="n.new", name="Nia New", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"], sources=[],
    )  # fmt: skip
    path = f"/invitations/{made.json()['account']['account_id']}"
    await sign_in(trainer)
    await browser.open("/invitations")
    assert "Print for Nia New" in browser.said
    await browser.send(path)
    assert "Hand it to Nia New in person" in browser.said
    assert "/enrolment</a>" in browser.page.text
    [token] = re.findall(r'class="secret">([A-Za-z0-9_-]+)<', browser.page.text)
    await browser.open("/invitations")
    assert "No invitation awaits delivery." in browser.said
    again = await browser.send(path)
    assert again.status_code == 409
    assert "is shown only once" in browser.said
    await browser.send("/sign-out")
    await browser.open("/enrolment")
    await browser.send(
        "/enrolment", invitation_token=token, password=PASSWORD, password_again=PASSWORD
    )
    assert "Step 2 of 2" in browser.said
    secret = key_on(browser.page)
    sealed = re.search(r'name="factor" value="([^"]+)"', browser.page.text)[1]
    await browser.send("/enrolment/code", factor=sealed, totp=pyotp.TOTP(secret).at(clock.now()))
    assert "The account is active." in browser.said


@pytest.mark.clause("468.3/sheet")
async def test_the_code_on_the_sheet_is_the_enrolment_link_which_no_server_log_or_cache_gets(
    browser, sign_in, administrator, hire, caplog
):
    caplog.set_level(logging.DEBUG)
    await administrator.sign_in()
    trainer = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="n.new", name="Nia New", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"], sources=[],
    )  # fmt: skip
    await sign_in(trainer)
    await browser.open("/invitations")
    sheet = await browser.send(f"/invitations/{made.json()['account']['account_id']}")
    [token] = re.findall(r'class="secret">([A-Za-z0-9_-]+)<', sheet.text)
    [drawn] = re.findall(r"<svg .*?</svg>", sheet.text, re.DOTALL)
    link, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(at_night(drawn))
    sent, _, kept = link.partition("#")
    assert sent == "https://alpr.example.org/enrolment"
    assert kept == f"invitation={token}"
    assert sheet.headers["Cache-Control"] == "no-store"
    assert token not in caplog.text
    # The page attempts only what its Content-Security-Policy permits.
    assert "'unsafe-inline'" not in sheet.headers["Content-Security-Policy"]
    assert " style=" not in sheet.text
    assert "<style" not in sheet.text
    assert "<img" not in sheet.text
    enrolment = (await browser.open("/enrolment")).text
    [script] = re.findall(r'<script src="([^"]+/enrolment\.js)"', enrolment)
    assert (await browser.http.get(script)).status_code == 200


@pytest.mark.clause("468.3/deliverer")
async def test_an_enrolment_event_names_other_accounts_signed_in_in_this_browser(
    browser, sign_in, administrator, hire, handed_over, clock, as_owner, runtime, bus
):
    trainer = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    await administrator.sign_in()
    made = await administrator.post(
        "/v1/accounts", username="n.new", name="Nia New", title="Police Officer",
        agency_ori="CA0520100", roles=["officer"], sources=[],
    )  # fmt: skip
    await sign_in(trainer)
    await browser.open("/invitations")
    await browser.send(f"/invitations/{made.json()['account']['account_id']}")
    [token] = re.findall(r'class="secret">([A-Za-z0-9_-]+)<', browser.page.text)
    await browser.send("/sign-out")
    async with as_owner("identity") as connection:
        await connection.execute(text("UPDATE sessions SET client_address = '203.0.113.9'"))
    await browser.open("/enrolment")
    await browser.send(
        "/enrolment", invitation_token=token, password=PASSWORD, password_again=PASSWORD
    )
    secret = key_on(browser.page)
    sealed = re.search(r'name="factor" value="([^"]+)"', browser.page.text)[1]
    await browser.send("/enrolment/code", factor=sealed, totp=pyotp.TOTP(secret).at(clock.now()))
    await runtime.relay.drain()
    told = [e for e in bus.events(AccountChanged) if e.change == "enrolled"][-1]
    assert told.details["beside"] == {trainer.account_id: "browser"}


async def test_concurrent_requests_refresh_a_session_once(browser, sign_in, officer, clock):
    await sign_in(officer)
    for _ in range(4):
        clock.advance(minutes=9)
        await asyncio.gather(*(browser.http.get("/purpose") for _ in range(3)))
        await browser.open("/purpose")
        await browser.send("/purpose", kind="personal_use", offence_type="none")
        assert "personal use is a prohibited purpose" in browser.said


async def test_signing_out_ends_the_session_of_a_copied_cookie(browser, sign_in, officer):
    await sign_in(officer)
    copied = browser.http.cookies[SESSION]
    await browser.send("/sign-out")
    browser.http.cookies.set(SESSION, copied, domain="alpr.example.org", path="/")
    answer = await browser.open("/purpose")
    assert answer.status_code == 401
    assert "sign in again" in browser.said
    browser.http.cookies.set(SESSION, copied, domain="alpr.example.org", path="/")
    answer = await browser.send("/purpose", kind="audit", offence_type="none")
    assert answer.status_code in {401, 403}


async def test_signing_out_of_one_session_keeps_another_session_open(browser, sign_in, officer):
    await sign_in(officer)
    other = await officer.sign_in()
    closed = await other.client.delete("/v1/sessions/current", headers=other.headers)
    assert closed.status_code == 204
    await browser.open("/purpose")
    await browser.send("/purpose", kind="personal_use", offence_type="none")
    assert "personal use is a prohibited purpose" in browser.said


async def test_a_session_with_every_compatible_role_fits_a_cookie(
    browser, sign_in, hire, identity_settings, policy
):
    roles = policy.roles.keys() - policy.exclusive_roles.alone - {"training_sergeant"}
    person = await hire("e.every", *roles)
    await sign_in(person)
    assert "Signed in as E.Every" in browser.said
    assert len(browser.http.cookies[SESSION]) < 3500


@pytest.mark.clause("468.4(a)/prohibited")
async def test_a_prohibited_purpose_is_refused_with_its_citation_and_recorded_as_the_persons(
    browser, sign_in, officer, runtime, bus
):
    await sign_in(officer)
    await browser.open("/purpose")
    answer = await browser.send(
        "/purpose", kind="immigration_enforcement", offence_type="none", case_number="26-1",
        justification="somebody looked for this car",
    )  # fmt: skip
    assert answer.status_code == 403
    assert "Government Code 7284.6 (California Values Act)" in browser.said
    await runtime.relay.drain()
    [declared] = bus.events(PurposeDeclared)
    assert not declared.accepted
    assert declared.actor.person_id == officer.account_id


@pytest.mark.clause("468.4(a)/purpose")
async def test_a_declared_purpose_opens_the_search_form_and_is_displayed(browser, sign_in, officer):
    await sign_in(officer)
    await browser.open("/purpose")
    await browser.send(
        "/purpose", kind="criminal_investigation", offence_type="burglary", case_number="26-0117",
        justification="blue sedan left the burglary on Solano Street",
    )  # fmt: skip
    assert "Purpose: criminal investigation, burglary, 26-0117" in browser.said
