"""A person's security keys at the console, before the real identity service."""

import html
import json
import re

import pytest

from tests.authenticator import Authenticator

KEYS = "/account/security-keys"


@pytest.fixture
async def officer(hire, sign_in):
    officer = await hire("o.lindqvist", "officer")
    await sign_in(officer)
    return officer


@pytest.fixture
def answer(browser):
    """What the page's script puts into a form once a key was touched."""

    async def answer(key, path):
        return json.dumps(key.answer((await browser.ask(path)).json()))

    return answer


async def test_a_person_adds_a_key_signs_in_with_it_and_removes_it(browser, officer, clock, answer):
    clock.advance(seconds=30)
    await browser.open(f"{KEYS}/new")
    await browser.send(f"{KEYS}/new", current_password=officer.password, totp=officer.code())
    shown = browser.page.text
    [offer] = re.findall(r'data-offer="([^"]+)"', shown)
    [sealed] = re.findall(r'name="offer" value="([^"]+)"', shown)
    key = Authenticator()
    made = json.dumps(key.make(json.loads(html.unescape(offer))))
    await browser.send(f"{KEYS}/new/key", offer=sealed, name="on my ring", security_key=made)
    assert browser.page.url.path == KEYS
    assert "on my ring" in browser.said

    clock.advance(seconds=30)
    await browser.open("/account/keys-only")
    proof = {"current_password": officer.password}
    given = await answer(key, "/account/challenge")
    await browser.send("/account/keys-only", keys_only="yes", **proof, security_key=given)
    assert "only your security keys count now" in browser.said

    await browser.send("/sign-out")
    clock.advance(seconds=30)
    who = {"username": officer.username, "password": officer.password}
    await browser.open("/sign-in")
    assert (await browser.send("/sign-in", **who, totp=officer.code())).status_code == 401
    given = await answer(key, "/sign-in/challenge")
    await browser.send("/sign-in", **who, security_key=given)
    assert "Signed in as" in browser.said

    clock.advance(seconds=30)
    await browser.open("/account/keys-only")
    given = await answer(key, "/account/challenge")
    await browser.send("/account/keys-only", keys_only="no", **proof, security_key=given)
    clock.advance(seconds=30)
    await browser.open(f"{KEYS}/removal")
    [key_id] = re.findall(r'<option value="([0-9a-f-]{36})"', browser.page.text)
    given = await answer(key, "/account/challenge")
    await browser.send(f"{KEYS}/removal", key_id=key_id, **proof, security_key=given)
    assert browser.page.url.path == KEYS
    assert "You have none" in browser.said
