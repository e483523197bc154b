"""Where a sign-in or a purpose leads: to the page of the console that the person left, and nowhere else."""

import re

import httpx
import pytest

from tests.unit.console.conftest import ORIGIN
from tests.unit.console.services import DECLARED, PERMISSIONS, a_hit

pytestmark = pytest.mark.clause("wall/back-after-sign-in")

HIT = "/hits/0199c0de-0000-7000-8000-000000000001"
RIGHT = {"username": "o.lindqvist", "password": "right words", "totp": "123456"}
OTHER_PLACES = [
    "https://evil.example/alerts", "//evil.example/alerts", "/alerts//evil.example", "alerts",
    "/alerts?plate=7ABC123", "/hotlists/../sign-out", "/sign-out", "/idle", "/alerts/stream",
    "/static/console.css", "/readyz", f"{HIT}/image", f"{HIT}/verification", "/hits",
]  # fmt: skip


def back_of(browser):
    """Return the page that the form on the open page leads back to; "" for none."""
    return "".join(re.findall(r'name="back" value="([^"]+)"', browser.page.text))


async def test_a_page_that_needs_a_sign_in_is_shown_after_it(browser, services):
    services.permissions = list(PERMISSIONS)
    answer = await browser.open("/hotlists")
    assert answer.status_code == 401
    assert back_of(browser) == "/hotlists"
    wrong = await browser.send("/sign-in", **RIGHT | {"password": "wrong"}, back="/hotlists")
    assert wrong.status_code == 401
    assert back_of(browser) == "/hotlists"
    await browser.send("/sign-in", **RIGHT, back="/hotlists")
    assert browser.page.url.path == "/hotlists"


@pytest.mark.parametrize("back", OTHER_PLACES)
async def test_a_sign_in_leads_to_no_other_place(browser, services, back):
    services.permissions = list(PERMISSIONS)
    await browser.open("/sign-in")
    await browser.send("/sign-in", **RIGHT, back=back)
    assert browser.page.url.path == "/"
    assert browser.page.url.host == "alpr.example.org"


@pytest.mark.clause("468.4(a)/asked-for")
@pytest.mark.parametrize("back", OTHER_PLACES)
async def test_a_purpose_leads_to_no_other_place(officer, back):
    await officer.open("/purpose", params={"back": back})
    assert back_of(officer) == "/search"
    await officer.send("/purpose", **DECLARED | {"kind": "criminal_investigation"}, back=back)
    assert officer.page.url.path == "/search"
    assert officer.page.url.host == "alpr.example.org"


@pytest.mark.parametrize(
    ("came_from", "back"),
    [
        (f"{ORIGIN}{HIT}", HIT),
        (f"{ORIGIN}{HIT}/disposition", HIT),
        (f"{ORIGIN}/alerts?x=1", "/alerts"),
        (f"https://evil.example{HIT}", ""),
        (ORIGIN.replace("https:", "http:") + HIT, ""),
        (f"{ORIGIN}/sign-in", ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", f"{HIT}/verification"), ("GET", "/idle")])
async def test_a_form_and_an_idle_page_lead_back_to_the_page_that_the_browser_names(
    browser, method, path, came_from, back
):
    headers = {"Origin": ORIGIN, "Referer": came_from}
    await browser.open("/sign-in")
    data = {"form_token": browser.token()} if method == "POST" else None
    browser.page = await browser.http.request(method, path, headers=headers, data=data)
    assert browser.page.status_code == 401
    assert back_of(browser) == back


async def test_a_form_of_a_person_who_signed_out_in_another_window_leads_to_the_sign_in(
    officer, services
):
    services.answers[f"GET {HIT}"] = lambda _: httpx.Response(200, json=a_hit())
    await officer.open(HIT)
    stale, typed = officer.token(), {"disposition": "stopped", "enforcement": "no"}
    await officer.send("/sign-out")
    for path in (f"{HIT}/disposition", "/sign-out"):
        headers = {"Origin": ORIGIN, "Referer": f"{ORIGIN}{HIT}"}
        data = {"form_token": stale, **typed}
        officer.page = await officer.http.post(path, headers=headers, data=data)
        assert officer.page.status_code == 401
        assert "The session has ended; sign in again." in officer.said
        assert back_of(officer) == HIT
    await officer.send("/sign-in", **RIGHT, back=HIT)
    assert officer.page.url.path == HIT


@pytest.mark.parametrize("path", ["/sign-in", "/set-up", "/enrolment", "/enrolment/code"])
async def test_a_form_before_a_sign_in_of_another_browser_is_refused_and_not_called_ended(
    browser, path
):
    await browser.open("/sign-in")
    answer = await browser.send(path, token="another browser's", **RIGHT)
    assert answer.status_code == 403
    assert "its page is too old, or from another session" in browser.said


@pytest.mark.parametrize(
    ("path", "page"), [(f"{HIT}/disposition", HIT), ("/active", ""), ("/sign-out", "")]
)
async def test_the_address_of_a_form_shows_its_page(officer, path, page):
    answer = await officer.open(path)
    assert answer.headers.get("location", "") == page
    assert answer.status_code == (303 if page else 405)
    assert (await officer.http.put(path)).status_code == 405
