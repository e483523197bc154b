"""A console in front of a real identity service on real Postgres."""

import base64

import httpx
import pytest

from services.console.main import build_app
from services.console.parts import Console
from services.console.settings import Settings
from tests.integration.identity.conftest import (
    administrator,
    app,
    client,
    hire,
    identity_settings,
    people,
    runtime,
    train,
)
from tests.unit.console.conftest import Browser

__all__ = [
    "administrator",
    "app",
    "client",
    "hire",
    "identity_settings",
    "people",
    "runtime",
    "train",
]


@pytest.fixture
def console(app, clock, repository):
    settings = Settings(
        console_session_key=base64.b64encode(bytes(32)).decode(),
        console_identity_url="http://identity",
        console_hotlist_url="http://hotlist",
        console_retention_url="http://retention",
        console_audit_url="http://audit",
        policy_file=repository / "policy.toml",
    )
    parts = Console.of(settings, clock=clock, transport=httpx.ASGITransport(app))
    return build_app(settings, parts)


@pytest.fixture
async def browser(console):
    browser = Browser(console)
    yield browser
    await browser.http.aclose()


@pytest.fixture
def sign_in(browser, clock):
    """Sign a person in at the console; their other session goes on."""

    async def sign_in(person):
        clock.advance(seconds=30)  # a code is good once
        await browser.open("/sign-in")
        return await browser.send(
            "/sign-in", username=person.username, password=person.password, totp=person.code()
        )

    return sign_in
