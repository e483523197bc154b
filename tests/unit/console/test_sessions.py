"""Signing in, staying signed in, and being signed out; forms and cookies that are not ours."""

import asyncio
import re

import httpx
import msgspec
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.console.actions.seal import Seal
from services.console.actions.sessions import KnownBrowser, Session
from services.console.api.forms import own_file_form, own_form
from services.console.main import build_app
from services.console.service import ConsoleService
from shared.core.policy import load_policy
from tests.unit.console.conftest import ORIGIN, Browser
from tests.unit.console.services import BROWSER_TOKEN, problem

SESSION = "__Host-plateward_session"


async def test_a_person_signs_in_and_out(officer, services):
    assert "Live alerts" in officer.said
    await officer.send("/sign-out")
    assert services.closed
    assert SESSION not in officer.http.cookies
    assert (await officer.open("/alerts")).status_code == 401


async def test_a_refused_sign_in_displays_the_services_message(browser, services):
    await browser.open("/sign-in")
    answer = await browser.send("/sign-in", username="o.lindqvist", password="wrong", totp="123456")
    assert answer.status_code == 401
    assert "these do not belong together" in browser.said
    assert "wrong" not in browser.page.text
    assert SESSION not in browser.http.cookies


async def test_the_cookie_is_sealed_and_kept_from_scripts_and_other_sites(browser):
    await browser.open("/sign-in")
    answer = await browser.http.post(
        "/sign-in",
        data={
            "form_token": browser.token(),
            "username": "o.lindqvist",
            "password": "right words",
            "totp": "123456",
        },
        headers={"Origin": ORIGIN},
    )
    [line] = [c for c in answer.headers.get_list("set-cookie") if c.startswith(SESSION)]
    assert line.endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
    assert "access-1" not in line
    assert len(line) < 4096


async def test_a_kept_cookie_opens_no_page_after_the_sign_out(officer, clock):
    name = "__Host-plateward_session"
    kept = officer.http.cookies[name]
    await officer.open("/")
    assert "Ola" in officer.said
    await officer.send("/sign-out")
    for path in ("/", "/search", "/alerts", "/purpose"):
        officer.http.cookies.set(name, kept, domain="alpr.example.org")
        await officer.open(path)
        assert "Ola" not in officer.said, path
    clock.advance(minutes=31)  # it is idle by itself now, and need not be remembered
    officer.http.cookies.set(name, kept, domain="alpr.example.org")
    await officer.open("/search")
    assert "Ola" not in officer.said


async def test_over_https_cookies_belong_to_this_host_alone(browser):
    await browser.open("/sign-in")
    answer = await browser.http.post(
        "/sign-in",
        data={
            "form_token": browser.token(),
            "username": "o.lindqvist",
            "password": "right words",
            "totp": "123456",
        },
        headers={"Origin": ORIGIN},
    )
    lines = [*browser.page.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]
    assert {line.partition("=")[0] for line in lines} == {
        "__Host-plateward_browser",
        "__Host-plateward_session",
        "__Host-plateward_purpose",
        "__Host-plateward_known",
    }
    for line in lines:  # without any of these a browser refuses the name
        assert "Path=/;" in line
        assert line.endswith("; Secure")
        assert "Domain" not in line


async def test_below_a_prefix_cookies_come_by_tls_alone(settings, services):
    below = settings.model_copy(update={"root_path": "/console"})
    console = ConsoleService.of(below, transport=services.transport())
    browser = Browser(build_app(below, console))
    await browser.open("/console/sign-in")
    line = browser.page.headers["set-cookie"]
    assert line.startswith("__Secure-plateward_browser=")
    assert "Path=/console/;" in line
    assert line.endswith("; Secure")


async def test_the_next_sign_in_sends_the_token_of_a_known_browser(officer, services, settings):
    await officer.send("/sign-out")
    kept = officer.http.cookies["__Host-plateward_known"]
    assert BROWSER_TOKEN not in kept
    for username, shown in (("somebody.else", None), (" O.Lindqvist ", BROWSER_TOKEN)):
        await officer.open("/sign-in")
        await officer.send("/sign-in", username=username, password="right", totp="123456")
        opened = [r for r in services.seen if r.url.path.endswith("/v1/sessions")]
        assert opened[-1].headers.get("X-Known-Browser") == shown


async def test_the_known_browser_cookie_outlasts_the_session(browser, settings):
    await browser.open("/sign-in")
    answer = await browser.http.post(
        "/sign-in",
        data={
            "form_token": browser.token(),
            "username": "o.lindqvist",
            "password": "right words",
            "totp": "123456",
        },
        headers={"Origin": ORIGIN},
    )
    [line] = [c for c in answer.headers.get_list("set-cookie") if "plateward_known" in c]
    days = load_policy(settings.policy_file).accounts.known_browser_days
    assert f"Max-Age={days * 86_400};" in line


def test_a_shared_browser_remembers_the_latest_people_and_fits_a_cookie():
    known = KnownBrowser(tokens={})
    for number in range(30):
        known = known.and_also(f"{number:064d}", "k" * 64)
    assert list(known.tokens) == [f"{number:064d}" for number in range(18, 30)]
    assert len(Seal(bytes(range(32))).seal(known)) < 3500


async def test_without_https_the_cookie_is_not_marked_secure(app):
    browser = Browser(app, origin="http://127.0.0.1:8000")
    await browser.open("/sign-in")
    assert "Secure" not in browser.page.headers["set-cookie"]


@pytest.mark.parametrize("place", [0, 20, -1])
async def test_a_changed_cookie_is_refused(officer, place):
    text = officer.http.cookies[SESSION]
    characters = list(text)
    characters[place] = "A" if characters[place] != "A" else "B"
    if place == -1:
        characters[-2:] = ["A", "A"]
    officer.http.cookies.set(SESSION, "".join(characters), domain="alpr.example.org", path="/")
    assert (await officer.open("/alerts")).status_code == 401


async def test_a_cookie_sealed_by_another_key_is_refused(officer, clock):
    forged = Session(
        session_id="s", name="n", title="t", permissions=frozenset({"record:search"}),
        access_token="a", refresh_token="r", expires_at=clock.now(), active_at=clock.now(),
    )  # fmt: skip
    text = Seal(bytes(32)).seal(forged)
    officer.http.cookies.set(SESSION, text, domain="alpr.example.org", path="/")
    assert (await officer.open("/search")).status_code == 401


async def test_a_cookie_from_before_an_upgrade_stays_valid(officer, clock):
    today = Seal(bytes(range(32))).open(Session, officer.http.cookies[SESSION])
    assert today is not None
    before = {f: getattr(today, f) for f in Session.__struct_fields__ if f != "person_id"}
    older = msgspec.defstruct("Session", [*before], kw_only=True)
    text = Seal(bytes(range(32))).seal(older(**before))
    officer.http.cookies.set(SESSION, text, domain="alpr.example.org", path="/")
    await officer.open("/")
    assert "Signed in as Ola Lindqvist" in officer.said


async def test_a_sealed_value_of_one_kind_is_not_accepted_as_another(officer):
    officer.http.cookies.set(
        "__Host-plateward_purpose",
        officer.http.cookies[SESSION],
        domain="alpr.example.org",
        path="/",
    )
    await officer.open("/search")
    assert "<h1>Declare a purpose</h1>" in (await officer.open("/purpose")).text


def test_every_post_route_checks_the_form_token(app):
    routes = [c.route for c in iter_route_contexts(app.routes) if isinstance(c.route, APIRoute)]
    posts = [route for route in routes if route.methods - {"GET"}]
    assert len(posts) >= 9
    for route in posts:
        called = {dependency.call for dependency in route.dependant.dependencies}
        assert called & {own_form, own_file_form}, route.path


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://alpr.example.org"])
async def test_a_form_from_another_origin_is_refused(officer, services, origin):
    asked = len(services.seen)
    answer = await officer.send("/sign-out", origin=origin)
    assert answer.status_code == 403
    assert "it did not come from a page of this console" in officer.said
    assert len(services.seen) == asked


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_form_without_its_token_is_refused(officer, services, token):
    asked = len(services.seen)
    assert (await officer.send("/sign-out", token=token)).status_code == 403
    assert len(services.seen) == asked


async def test_a_form_of_another_browser_or_session_is_refused(app, officer):
    other = Browser(app)
    await other.open("/sign-in")
    assert (await officer.send("/sign-out", token=other.token())).status_code == 403


async def test_signing_in_again_on_top_of_a_session_works(officer):
    await officer.open("/sign-in")
    await officer.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    assert "Signed in as Ola Lindqvist" in officer.said


async def test_concurrent_requests_renew_the_session_once(officer, services, clock):
    clock.advance(minutes=8)
    answers = await asyncio.gather(*(officer.http.get("/alerts") for _ in range(5)))
    assert len(services.asked("POST", "/renewal")) == 1
    assert not services.closed
    assert all(answer.status_code == 404 for answer in answers)  # the fake has no hits


async def test_a_lost_response_does_not_end_the_session(officer, services, clock):
    before = officer.http.cookies[SESSION]
    clock.advance(minutes=8)
    await officer.open("/alerts")
    assert officer.http.cookies[SESSION] != before
    officer.http.cookies.set(SESSION, before, domain="alpr.example.org", path="/")
    for _ in range(2):
        clock.advance(minutes=8)
        await officer.open("/alerts")
    assert not services.closed
    assert len(services.asked("POST", "/renewal")) == 3


async def test_a_restart_keeps_people_signed_in(officer, start, services, clock):
    again = Browser(start())
    again.http.cookies = officer.http.cookies
    clock.advance(minutes=12)
    await again.open("/")
    assert "Signed in as Ola Lindqvist" in again.said
    await again.open("/alerts")
    assert len(services.asked("POST", "/renewal")) == 1


async def test_a_revoked_token_is_replaced_while_the_session_holds(officer, services):
    answers = iter([problem(401, "A valid credential is required"), httpx.Response(
        200, json={"items": [], "next": None})])  # fmt: skip
    services.answers["GET /hits"] = lambda _: next(answers)
    assert (await officer.open("/alerts")).status_code == 200
    assert len(services.asked("POST", "/renewal")) == 1


async def test_a_session_that_identity_closed_ends_here_too(officer, services):
    services.closed = True
    answer = await officer.open("/alerts")
    assert answer.status_code == 401
    assert "The session has ended; sign in again." in officer.said
    assert SESSION not in officer.http.cookies


async def test_an_unused_session_is_signed_out(officer, services, clock):
    clock.advance(minutes=29)
    await officer.open("/")
    clock.advance(minutes=30)
    answer = await officer.open("/")
    assert answer.status_code == 401
    assert "signed out after 30 minutes without use" in officer.said
    assert services.closed
    assert SESSION not in officer.http.cookies


async def test_a_page_that_polls_by_itself_does_not_keep_a_session_alive(officer, clock):
    for _ in range(3):
        clock.advance(minutes=10)
        answer = await officer.open("/idle")
    assert answer.status_code == 401


async def test_watching_alerts_counts_as_use_while_a_person_is_active(officer, clock):
    for _ in range(3):
        clock.advance(minutes=20)
        answer = await officer.http.post(
            "/active", data={"form_token": officer.token()}, headers={"Origin": ORIGIN}
        )
        assert answer.status_code == 204
    assert (await officer.open("/")).status_code == 200


async def test_every_page_of_a_person_redirects_after_the_idle_time(officer):
    await officer.open("/")
    without_script = r'<noscript><meta http-equiv="refresh" content="1801; url=/idle"></noscript>'
    assert re.search(without_script, officer.page.text)
    assert officer.page.text.count('http-equiv="refresh"') == 1


@pytest.mark.parametrize("path", ["/", "/alerts"])
async def test_a_minute_before_the_idle_end_a_page_offers_to_stay(officer, services, path):
    """WCAG 2.2, 2.2.1: a person is warned, and can extend the time by one action."""
    services.answers["GET /hits"] = lambda _: httpx.Response(200, json={"items": [], "next": None})
    text = (await officer.open(path)).text
    [warning] = re.findall(r'<dialog id="idle"[^>]*>', text)
    assert 'role="alertdialog"' in warning
    assert 'data-idle-s="1800"' in warning
    assert 'data-active="/active"' in warning
    assert f'data-token="{officer.token()}"' in warning
    assert ">Stay signed in</button>" in text
    assert text.index("/static/idle.js") < text.index("</head>")
    script = (await officer.open("/static/idle.js")).text
    assert "const WARN_BEFORE_MS = 60000;" in script


async def test_a_page_without_a_session_has_no_idle_end(officer):
    officer.http.cookies.clear()
    text = (await officer.http.get("/policy")).text
    assert "idle.js" not in text
    assert "<dialog" not in text


@pytest.mark.parametrize("status", [503, 429])
async def test_with_identity_down_or_flooded_work_goes_on_until_the_token_ends(
    status, officer, services, clock
):
    services.answers["GET /hits"] = lambda _: httpx.Response(200, json={"items": [], "next": None})
    services.answers["POST /sessions/renewal"] = lambda _: problem(status, "Try again later")
    clock.advance(minutes=8)
    assert (await officer.open("/alerts")).status_code == 200
    clock.advance(minutes=3)
    assert (await officer.open("/alerts")).status_code == status
    assert SESSION in officer.http.cookies


async def test_pages_allow_only_their_own_files(officer):
    for path in ("/", "/policy", "/sign-in", "/nothing-here", "/static/console.css"):
        answer = await officer.open(path)
        rules = dict(
            rule.strip().split(" ", 1)
            for rule in answer.headers["content-security-policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == "'self'"
        assert rules["frame-ancestors"] == "'none'"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<(script|style)(?![^>]*\bsrc=)[^>]*>|\son\w+=|\sstyle=", answer.text)


async def test_a_body_too_long_for_any_form_is_refused(browser):
    answer = await browser.http.post(
        "/sign-in", content=b"a=" + b"x" * 2_000_000, headers={"Origin": ORIGIN}
    )
    assert answer.status_code in {403, 413}
