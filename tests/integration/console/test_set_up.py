"""A fresh department's set-up in a browser: the link, the first administrator, and the second factor."""

import re

import cv2
import pyotp
import pytest

from services.identity.actions.set_up import open_link
from tests.integration.console.enrolling import PASSWORD, at_night, key_on
from tests.unit.console.conftest import Browser


@pytest.fixture
async def link(identity_settings, clock):
    return await open_link(identity_settings, clock=clock)


async def test_the_first_administrator_enrols_with_the_set_up_link_in_a_browser(
    browser, link, clock
):
    await browser.open("/set-up")
    assert link.token not in browser.page.text
    wrong = await browser.send("/set-up", set_up_token=link.token, name="Ada Min", username="a")
    assert wrong.status_code == 422
    assert "must have 3 to 32 letters" in browser.said
    [field] = re.findall(r'<input id="username"[^>]+>', wrong.text)
    assert 'aria-invalid="true" autofocus' in field
    assert 'value="a"' in field
    assert link.token in wrong.text, "what was typed stays"
    await browser.send("/set-up", set_up_token=link.token, name="Ada Min", username="a.min")
    assert "Step 1 of 2" in browser.said
    [invitation] = re.findall(r'id="invitation_token"[^>]* value="([^"]+)"', browser.page.text)
    await browser.send(
        "/enrolment", invitation_token=invitation, password="password", password_again="password"
    )
    assert invitation in browser.page.text, "a weak password does not lose the invitation"
    await browser.send(
        "/enrolment", invitation_token=invitation, password=PASSWORD, password_again=PASSWORD
    )
    secret = key_on(browser.page)
    [drawn] = re.findall(r"<svg .*?</svg>", browser.page.text, re.DOTALL)
    uri, _, _ = cv2.QRCodeDetectorAruco().detectAndDecode(at_night(drawn))
    assert pyotp.parse_uri(uri).secret == secret
    sealed = re.search(r'name="factor" value="([^"]+)"', browser.page.text)[1]
    await browser.send("/enrolment/code", factor=sealed, totp=pyotp.TOTP(secret).at(clock.now()))
    assert "The account is active." in browser.said
    clock.advance(seconds=30)
    await browser.send(
        "/sign-in", username="a.min", password=PASSWORD, totp=pyotp.TOTP(secret).at(clock.now())
    )
    assert "Signed in as Ada Min" in browser.said
    await browser.open("/set-up")
    again = await browser.send(
        "/set-up", set_up_token=link.token, name="Eve Other", username="e.other"
    )
    assert again.status_code == 401
    assert "unknown, used or expired" in browser.said


@pytest.mark.clause("468.3/set-up-link")
async def test_the_set_up_link_is_refused_on_another_machine(console, link):
    elsewhere = Browser(console, address="192.0.2.7")
    elsewhere.http.headers["X-Forwarded-For"] = "127.0.0.1"  # its own word about its address
    await elsewhere.open("/set-up")
    refused = await elsewhere.send(
        "/set-up", set_up_token=link.token, name="Eve Other", username="e.other"
    )
    assert refused.status_code == 403
    assert "only in a browser on the machine that runs Plateward" in elsewhere.said
    await elsewhere.http.aclose()
