"""A console whose services are fakes that follow docs/openapi, and a browser that stores cookies."""

import base64
import html
import re
from pathlib import Path

import httpx
import pytest

from services.console.main import build_app
from services.console.service import ConsoleService
from services.console.settings import Settings
from shared.testing import FakeClock
from tests.unit.console.services import PERMISSIONS, FakeServices

ROOT = Path(__file__).parents[3]
ORIGIN = "https://alpr.example.org"
KEY = base64.b64encode(bytes(range(32))).decode()


class Browser:
    """Opens pages and sends the forms on them, as a browser would."""

    def __init__(self, app, origin=ORIGIN, address="127.0.0.1"):
        transport = httpx.ASGITransport(app, client=(address, 40_000))
        self.http = httpx.AsyncClient(transport=transport, base_url=origin)
        self.origin = origin
        self.page = None

    async def open(self, path, **request):
        self.page = await self.http.get(path, **request)
        return self.page

    async def send(self, path, *, origin=None, token=None, **fields):
        """Send a form of the page that is open, and follow where the answer leads."""
        self.page = await self.ask(path, origin=origin, token=token, **fields)
        if self.page.status_code == 303:
            return await self.open(self.page.headers["location"])
        return self.page

    async def ask(self, path, *, origin=None, token=None, **fields):
        """Send a form as a script of the page that is open does, which stays open."""
        given = token if token is not None else self.token()
        data = {"form_token": given, **fields}
        return await self.http.post(path, data=data, headers={"Origin": origin or self.origin})

    def token(self):
        found = re.search(r'name="form_token" value="([^"]+)"', self.page.text)
        assert found, "no form on the page"
        return found[1]

    @property
    def said(self):
        """The page's text as a person reads it."""
        return _text_of(self.page.text)

    @property
    def content(self):
        """The text of the page's own content, without what all pages have around it."""
        return _text_of(self._main)

    @property
    def leads(self):
        """Where the links and forms of the page's content lead, in order."""
        found = re.findall(r'(?:href|action)="([^"]*)"', self._main)
        return [html.unescape(path) for path in found]

    @property
    def _main(self):
        [content] = re.findall(r"<main.*?</main>", self.page.text, re.DOTALL)
        return content


def _text_of(markup):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def services(clock):
    return FakeServices(clock)


@pytest.fixture
def show(services):
    """Have a service answer a GET, or another method, with this."""

    def show(path, body, status=200, method="GET"):
        services.answers[f"{method} {path}"] = lambda _: httpx.Response(status, json=body)

    return show


@pytest.fixture
def settings():
    return Settings(
        console_session_key=KEY,
        console_identity_url="http://identity",
        console_ingest_url="http://ingest",
        console_hotlist_url="http://hotlist",
        console_retention_url="http://retention",
        console_release_url="http://release",
        console_audit_url="http://audit",
        policy_file=ROOT / "policy.toml",
    )


@pytest.fixture
def start(settings, clock, services):
    """Start a console; called again, it is the same one after a restart."""

    def start():
        return build_app(
            settings, ConsoleService.of(settings, clock=clock, transport=services.transport())
        )

    return start


@pytest.fixture
def app(start):
    return start()


@pytest.fixture
async def browser(app):
    browser = Browser(app)
    yield browser
    await browser.http.aclose()


@pytest.fixture
def sign_in(browser, services):
    """Signs a person in who has these permissions; returns the browser."""

    async def sign_in(*permissions):
        services.permissions = list(permissions)
        await browser.open("/sign-in")
        await browser.send(
            "/sign-in", username="o.lindqvist", password="right words", totp="123456"
        )
        assert "Signed in as Ola Lindqvist" in browser.said
        return browser

    return sign_in


@pytest.fixture
async def officer(sign_in):
    """A browser in which an officer is signed in."""
    return await sign_in(*PERMISSIONS)
