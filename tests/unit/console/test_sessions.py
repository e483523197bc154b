"""Signing in, staying signed in, and being signed out; forms and cookies that are not ours."""

import asyncio
import logging
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from types import SimpleNamespace

import httpx
import msgspec
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.console.actions.enrolment import Factor
from services.console.actions.seal import Seal
from services.console.actions.sessions import KnownBrowser, Purpose, Session
from services.console.api.browser import Jar, set_cookie
from services.console.api.forms import own_file_form, own_form
from services.console.main import build_app
from services.console.service import ConsoleService
from shared.core.policy import load_policy
from shared.service.running import service_of
from tests.unit.console.conftest import ORIGIN, Browser
from tests.unit.console.services import BROWSER_TOKEN, DECLARED, HIT, OTHER_HIT, problem

SESSION, PURPOSE = "__Host-plateward_session", "__Host-plateward_purpose"
BROWSER = "__Host-plateward_browser"


async def test_a_person_signs_in_and_out(officer, services):
    assert "Live alerts" in officer.said
    await officer.open("/purpose")
    await officer.send("/purpose", **DECLARED | {"kind": "criminal_investigation"})
    assert PURPOSE in officer.http.cookies
    await officer.send("/sign-out")
    assert services.closed
    assert not {SESSION, PURPOSE} & set(officer.http.cookies)
    assert (await officer.open("/alerts")).status_code == 401


async def test_a_refused_sign_in_displays_the_services_message(browser, services):
    await browser.open("/sign-in")
    answer = await browser.send("/sign-in", username="o.lindqvist", password="wrong", totp="123456")
    assert answer.status_code == 401
    assert "these do not belong together" in browser.said
    assert "wrong" not in browser.page.text
    assert SESSION not in browser.http.cookies


@pytest.mark.parametrize("totp", ["123 456", " 123456 ", "123\u00a0456"])
async def test_a_code_is_taken_with_the_spaces_that_authenticators_show(browser, services, totp):
    await browser.open("/sign-in")
    [code] = re.findall(r'<input id="totp"[^>]*>', browser.page.text)
    allowed = re.search(r'pattern="([^"]+)"[^>]* maxlength="(\d+)"', code)
    assert re.fullmatch(allowed[1], "123 456")
    assert int(allowed[2]) >= len("123 456")
    await browser.send("/sign-in", username="o.lindqvist", password="right words", totp=totp)
    assert "Signed in as Ola Lindqvist" in browser.said


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
        assert "The session has ended; sign in again." in officer.said, path
        assert "Ola" not in officer.said, path
    clock.advance(minutes=31)  # it is idle by itself now, and need not be remembered
    officer.http.cookies.set(name, kept, domain="alpr.example.org")
    await officer.open("/search")
    assert "Ola" not in officer.said


async def test_a_kept_cookie_opens_no_page_after_other_sessions_ended_too(
    app, officer, services, clock
):
    kept = officer.http.cookies[SESSION]
    await officer.send("/sign-out")
    clock.advance(minutes=20)
    services.tokens_for = OTHER_HIT
    await officer.open("/sign-in")
    await officer.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    await officer.send("/sign-out")
    officer.http.cookies.set(SESSION, kept, domain="alpr.example.org")
    await officer.open("/policy")
    assert "Ola" not in officer.said


async def test_a_kept_cookie_opens_no_page_once_identity_has_closed_the_session(officer, services):
    kept = officer.http.cookies[SESSION]
    services.closed = True
    assert (await officer.open("/alerts")).status_code == 401
    officer.http.cookies.set(SESSION, kept, domain="alpr.example.org")
    assert (await officer.open("/policy")).status_code == 200
    assert "Ola" not in officer.said, "it asks no service"


def test_what_the_console_keeps_of_people_shows_no_secret_where_it_is_logged(clock):
    session = Session(
        session_id="s", name="n", title="t", permissions=frozenset(), access_token="secret-1",
        refresh_token="secret-2", expires_at=clock.now(), active_at=clock.now(),
    )  # fmt: skip
    purpose = Purpose(
        session_id="s", token="secret-3", kind="audit", offence_type="o", number="secret-4",
        expires_at=clock.now(),
    )  # fmt: skip
    factor = Factor(
        invitation_token="secret-5", username="u", totp_secret="secret-6",
        provisioning_uri="otpauth://secret-7",
    )  # fmt: skip
    known = KnownBrowser(tokens={"o.lindqvist": "secret-8"})
    assert "secret" not in repr([session, purpose, factor, known])


def test_the_same_value_is_sealed_otherwise_each_time():
    seal, known = Seal(bytes(32)), KnownBrowser(tokens={})
    sealed = {seal.seal(known) for _ in range(100)}
    assert len({text[:16] for text in sealed}) == 100, "AES-GCM takes each nonce once"


@pytest.mark.clause("wall/console-host")
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


async def test_the_prefix_without_its_slash_leads_to_the_start(settings, services):
    below = settings.model_copy(update={"root_path": "/console"})
    browser = Browser(build_app(below, ConsoleService.of(below, transport=services.transport())))
    answer = await browser.open("/console")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert (await browser.open("/console/nothing")).status_code == 404


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
    raw = bytearray(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[place] ^= 1
    changed = urlsafe_b64encode(raw).decode().rstrip("=")
    officer.http.cookies.set(SESSION, changed, domain="alpr.example.org", path="/")
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


async def test_a_form_whose_origin_no_browser_names_is_refused(officer, services):
    asked = len(services.seen)
    answer = await officer.http.post("/sign-out", data={"form_token": officer.token()})
    assert answer.status_code == 403
    assert "it did not come from a page of this console" in answer.text
    assert len(services.seen) == asked


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_form_without_its_token_is_refused(officer, services, token):
    asked = len(services.seen)
    assert (await officer.send("/sign-out", token=token)).status_code == 403
    assert len(services.seen) == asked


async def test_a_form_of_another_browser_or_session_is_refused(app, officer, services):
    before, cookies = officer.token(), dict(officer.http.cookies)
    other = Browser(app)
    other.http.cookies.set(SESSION, cookies[SESSION], domain="alpr.example.org", path="/")
    await other.open("/")
    assert (await officer.send("/sign-out", token=other.token())).status_code == 403
    await officer.open("/sign-in")
    services.tokens_for = OTHER_HIT
    await officer.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    assert officer.http.cookies[BROWSER] == cookies[BROWSER]
    assert (await officer.send("/sign-out", token=before)).status_code == 403


async def test_a_form_of_a_browser_without_its_cookie_is_refused(app, officer):
    seal = service_of(app, ConsoleService).seal
    session = seal.open(Session, officer.http.cookies[SESSION])
    officer.http.cookies.delete(BROWSER)
    token = seal.form_token("", session.session_id)
    assert (await officer.send("/sign-out", token=token)).status_code == 403


async def test_only_the_consoles_own_files_are_served(browser):
    for name in ("nothing.css", "page.html", "..%2Fpages.py"):
        assert (await browser.open(f"/static/{name}")).status_code == 404, name


async def test_signing_in_again_on_top_of_a_session_works(officer):
    await officer.open("/purpose")
    await officer.send("/purpose", **DECLARED | {"kind": "criminal_investigation"})
    assert PURPOSE in officer.http.cookies
    await officer.open("/sign-in")
    await officer.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    assert "Signed in as Ola Lindqvist" in officer.said
    assert PURPOSE not in officer.http.cookies, "a purpose ends with the session that declared it"


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


async def test_a_session_is_in_use_if_one_of_its_cookies_or_any_replica_says_so(
    officer, start, clock
):
    """A response may be lost, and another replica of the console may answer."""
    older = officer.http.cookies[SESSION]
    clock.advance(minutes=20)
    await officer.open("/")
    clock.advance(minutes=20)
    officer.http.cookies.set(SESSION, older, domain="alpr.example.org", path="/")
    assert (await officer.open("/")).status_code == 200
    replica = Browser(start())
    replica.http.cookies = officer.http.cookies
    clock.advance(minutes=20)
    assert (await replica.open("/")).status_code == 200
    clock.advance(minutes=20)
    officer.http.cookies = replica.http.cookies
    assert (await officer.open("/")).status_code == 200


def test_sessions_that_are_idle_are_not_kept(app, clock):
    sessions = service_of(app, ConsoleService).sessions
    first = Session(
        session_id="first", name="n", title="t", permissions=frozenset(), access_token="a",
        refresh_token="r", expires_at=clock.now(), active_at=clock.now(),
    )  # fmt: skip
    clock.advance(minutes=1)
    used = sessions.touch(first)
    assert sessions.current(first) == used
    clock.advance(minutes=30)
    sessions.touch(msgspec.structs.replace(first, session_id="second"))
    assert sessions.current(first) == first, "what its cookie says is all that is known of it"


async def test_a_restart_keeps_when_a_person_last_used_a_page(officer, start, clock):
    clock.advance(minutes=3)
    await officer.open("/purpose")  # it asks no service, so the token stays
    again = Browser(start())
    again.http.cookies = officer.http.cookies
    clock.advance(minutes=29)
    assert (await again.open("/purpose")).status_code == 200


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


async def test_concurrent_requests_replace_a_revoked_token_once(officer, services):
    empty = httpx.Response(200, json={"items": [], "next": None})
    revoked = problem(401, "A valid credential is required")
    services.answers["GET /hits"] = lambda request: (
        revoked if request.headers["authorization"] == "Bearer access-1" else empty
    )
    answers = await asyncio.gather(*(officer.http.get("/alerts") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(services.asked("POST", "/renewal")) == 1


async def test_a_session_that_identity_closed_ends_here_too(officer, services):
    services.closed = True
    answer = await officer.open("/alerts")
    assert answer.status_code == 401
    assert "The session has ended; sign in again." in officer.said
    assert SESSION not in officer.http.cookies


async def test_a_sign_out_while_identity_is_down_ends_the_session_here(officer, services):
    kept = officer.http.cookies[SESSION]
    services.down = True
    answer = await officer.send("/sign-out")
    assert answer.status_code == 503
    assert "Ola" not in officer.said
    assert not {SESSION, PURPOSE} & set(officer.http.cookies)
    officer.http.cookies.set(SESSION, kept, domain="alpr.example.org", path="/")
    await officer.open("/policy")
    assert "Ola" not in officer.said


async def test_a_public_page_names_nobody_whose_session_is_over(officer, clock):
    await officer.open("/policy")
    assert "Ola" in officer.said
    clock.advance(minutes=30)
    await officer.open("/policy")
    assert "Ola" not in officer.said


async def test_an_error_of_the_console_shows_and_logs_none_of_its_text(
    app, officer, services, caplog
):
    """The text may have a plate."""

    def fails(_):
        raise ValueError("no such plate: 7ABC123")

    services.answers["GET /hits"] = fails
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, cookies=officer.http.cookies
    ) as http:
        answer = await http.get("/alerts")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "ValueError" in caplog.text
    assert "7ABC123" not in answer.text + caplog.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none';")


def test_a_cookie_that_a_browser_would_drop_is_not_set():
    request = SimpleNamespace(state=SimpleNamespace(jar=Jar()))
    most = 4096 - len("known")
    set_cookie(request, "known", "k" * most)
    with pytest.raises(ValueError, match="browsers drop it"):
        set_cookie(request, "known", "k" * (most + 1))
    assert request.state.jar.changed == {"known": "k" * most}


@pytest.mark.parametrize("down", [False, True])
async def test_an_unused_session_is_signed_out(officer, services, clock, down):
    clock.advance(minutes=29)
    await officer.open("/")
    clock.advance(minutes=30)
    services.down = down
    answer = await officer.open("/")
    assert answer.status_code == 401
    assert "signed out after 30 minutes without use" in officer.said
    assert services.closed is not down, "identity ends it by itself"
    assert SESSION not in officer.http.cookies


@pytest.mark.parametrize("path", ["/idle", f"/reads/{HIT}/crop", f"/hits/{HIT}/crop"])
async def test_what_a_page_fetches_by_itself_does_not_keep_a_session_alive(officer, clock, path):
    for _ in range(3):
        clock.advance(minutes=10)
        answer = await officer.open(path)
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


@pytest.mark.parametrize(
    ("path", "counts"),
    [("/", True), ("/purpose", True), ("/policy", False), ("/idle", False), ("/none", False)],
)
async def test_a_page_says_whether_it_counted_as_use_of_the_session(officer, path, counts):
    [warning] = re.findall(r'<dialog id="idle"[^>]*>', (await officer.open(path)).text)
    assert (" data-used " in warning) is counts


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


async def test_rights_read_while_another_request_got_new_tokens_do_not_bring_the_former_back(
    app, sign_in, services, clock
):
    services.trained_until = None
    browser = await sign_in("account:self", "record:search")
    console = service_of(app, ConsoleService)
    me = services.me()

    def answer(_):
        cookie = console.seal.open(Session, browser.http.cookies[SESSION])
        newer = msgspec.structs.replace(
            cookie, access_token="newer", expires_at=clock.now() + timedelta(minutes=10, seconds=1)
        )
        console.sessions.remember(newer)
        return httpx.Response(200, json=me)

    services.answers["GET /me"] = answer
    await browser.open("/")
    kept = console.seal.open(Session, browser.http.cookies[SESSION])
    assert (kept.access_token, console.sessions.current(kept).access_token) == ("newer", "newer")


async def test_one_failed_refresh_holds_up_one_request_and_not_each(officer, services, clock):
    """Of an identity that hangs, each takes as long as the console waits, and they come one after another."""
    services.answers["GET /hits"] = lambda _: httpx.Response(200, json={"items": [], "next": None})
    services.answers["POST /sessions/renewal"] = lambda _: problem(503, "Try again later")
    clock.advance(minutes=6)
    pages = await asyncio.gather(*(officer.http.get("/alerts") for _ in range(5)))
    assert {page.status_code for page in pages} == {200}
    assert len(services.asked("POST", "/renewal")) == 1
    clock.advance(seconds=20)
    del services.answers["POST /sessions/renewal"]
    await officer.http.get("/alerts")
    assert len(services.asked("POST", "/renewal")) == 2
    assert services.asked("GET", "/hits")[-1].headers["authorization"] == "Bearer access-2"


async def test_a_revoked_token_is_not_used_on_while_identity_is_down(officer, services):
    services.answers["GET /hits"] = lambda _: problem(401, "A valid credential is required")
    services.answers["POST /sessions/renewal"] = lambda _: problem(503, "Try again later")
    assert (await officer.open("/alerts")).status_code == 503
    assert "Try again later" in officer.said
    assert len(services.asked("GET", "/hits")) == 1


SELF, NONE = "'self'", "'none'"
RULES = {
    "default-src": NONE, "style-src": SELF, "script-src": SELF, "img-src": SELF, "connect-src": SELF,
    "form-action": SELF, "base-uri": NONE, "frame-ancestors": NONE,
}  # fmt: skip
ISOLATING = {
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


async def test_pages_allow_only_their_own_files(officer):
    for path in ("/", "/policy", "/sign-in", "/nothing-here", "/static/console.css"):
        answer = await officer.open(path)
        rules = dict(
            rule.strip().split(" ", 1)
            for rule in answer.headers["content-security-policy"].split(";")
        )
        assert rules == RULES
        assert ISOLATING.items() <= dict(answer.headers).items()
        assert not re.search(r"<(script|style)(?![^>]*\bsrc=)[^>]*>|\son\w+=|\sstyle=", answer.text)


async def test_a_head_request_gets_the_headers_of_its_page_and_no_content(app):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "HEAD", "scheme": "https",
        "path": "/policy", "query_string": b"", "root_path": "", "headers": [(b"host", b"alpr.example.org")],
    }  # fmt: skip
    await app(scope, receive, send)
    [start, *rest] = sent
    assert start["status"] == 200
    assert ISOLATING.items() <= {k.decode(): v.decode() for k, v in start["headers"]}.items()
    assert b"".join(message["body"] for message in rest) == b""


async def test_a_body_too_long_for_any_form_is_refused(browser):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.http.post(
        "/sign-in", content=b"a=" + b"x" * 2_000_000, headers={"Origin": ORIGIN, **kind}
    )
    assert answer.status_code == 413


def test_addresses_of_requests_which_contain_ids_are_not_logged(app):
    assert logging.getLogger("httpx").level >= logging.WARNING
