"""A person's own account at the console, before the real identity service."""

import re

import httpx
import pyotp
import pytest

from tests.integration.console.offered import fault_beside
from tests.integration.identity.conftest import Person
from tests.unit.console.conftest import Browser

NEW = "quite another phrase"


@pytest.fixture
async def officer(hire, sign_in, browser):
    officer = await hire("o.lindqvist", "officer")
    await sign_in(officer)
    return officer


async def test_a_person_changes_their_password_and_signs_in_anew(
    browser, sign_in, officer, clock, console
):
    clock.advance(seconds=30)
    await browser.open("/account/password")
    proof = {"current_password": officer.password, "totp": officer.code()}
    answer = await browser.send(
        "/account/password", **proof, password="iloveyou", password_again="iloveyou"
    )
    assert (answer.status_code, fault_beside(answer)) == (422, ["password"])
    wrong = await browser.send(
        "/account/password", **proof | {"current_password": "no"}, password=NEW, password_again=NEW
    )
    assert fault_beside(wrong) == ["current_password"]
    copied = Browser(console)
    copied.http.cookies = httpx.Cookies(browser.http.cookies)
    await browser.send("/account/password", **proof, password=NEW, password_again=NEW)
    assert (await copied.open("/account/password")).status_code == 401, "a copied cookie"
    await copied.http.aclose()
    assert "Your password is changed. Sign in with it" in browser.said
    assert (await browser.open("/account")).status_code == 401
    officer.password = NEW
    await sign_in(officer)
    await browser.open("/account")
    assert "password changed" in browser.said


async def test_a_person_replaces_their_second_factor(browser, sign_in, officer, clock):
    clock.advance(seconds=30)
    await browser.open("/account/second-factor")
    await browser.send(
        "/account/second-factor", current_password=officer.password, totp=officer.code()
    )
    [sealed] = re.findall(r'name="factor" value="([^"]+)"', browser.page.text)
    [secret] = re.findall(r'<code class="secret">([A-Z2-7 ]+)</code>', browser.page.text)
    answer = await browser.send("/account/second-factor/code", factor=sealed, totp=officer.code())
    assert (answer.status_code, fault_beside(answer)) == (422, ["totp"])
    assert secret in answer.text, "the page has the key still"
    code = pyotp.TOTP(secret.replace(" ", "")).at(clock.now())
    await browser.send("/account/second-factor/code", factor=sealed, totp=f"{code[:3]} {code[3:]}")
    assert "Your second factor is changed" in browser.said
    officer.secret = secret.replace(" ", "")
    await sign_in(officer)
    await browser.open("/account")
    assert "second factor changed" in browser.said


async def test_other_sessions_end_from_the_page_and_this_one_goes_on(
    browser, officer, client, clock
):
    clock.advance(seconds=30)
    other = Person(client, clock, "o.lindqvist", secret=officer.secret)
    await other.sign_in()
    await browser.open("/account")
    assert browser.said.count("still open") == 2, "that of the hiring, and the other"
    await browser.send("/account/sessions/closure")
    assert browser.page.url.path == "/account"
    assert "still open" not in browser.said
    assert browser.said.count("this session") == 1
    assert (await other.renew()).status_code == 401
