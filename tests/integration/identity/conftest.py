"""A running identity service on real Postgres, and people who enrol and sign in as people do."""

import base64
import json
from dataclasses import dataclass
from uuid import UUID

import httpx
import pyotp
import pytest
from sqlalchemy import text

from services.identity.actions import enrolment
from services.identity.actions.bootstrap import bootstrap
from services.identity.main import build_app
from services.identity.service import IdentityService
from services.identity.settings import Settings
from services.registry import SPECS
from shared.events import Actor
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.testing import TestRoot, mac_key_text, some_people
from tests.authenticator import HOST
from tests.integration.serving import client_of, started

PASSWORD = "four plain words here"


class QuickSettings(Settings):
    """Hashes weaker than the service accepts: with its own, a fourth of these tests' time goes into hashes."""

    identity_argon2_memory_kib: int = 64
    identity_argon2_time_cost: int = 1


@dataclass
class Person:
    """A person with an authenticator app."""

    client: httpx.AsyncClient
    clock: object
    username: str
    account_id: str = ""
    secret: str = ""
    password: str = PASSWORD
    access: str = ""
    refresh: str = ""
    browser: str = ""
    """The token of the browser that this person signed in with last."""

    @property
    def headers(self):
        return {"Authorization": f"Bearer {self.access}"}

    def code(self):
        return pyotp.TOTP(self.secret).at(self.clock.now())

    async def enrol(self, invitation_token):
        begun = await self.client.post(
            "/v1/enrolment",
            json={"invitation_token": invitation_token, "password": self.password},
        )
        assert begun.status_code == 200, begun.text
        self.secret = begun.json()["totp_secret"]
        done = await self.client.post(
            "/v1/enrolment/confirmation",
            json={"invitation_token": invitation_token, "totp": self.code()},
        )
        assert done.status_code == 200, done.text
        self.account_id = done.json()["account_id"]
        return self

    async def try_sign_in(self, *, password=None, code=None, browser=None):
        """Try from an unknown browser, or from a `browser` with this token."""
        return await self.client.post(
            "/v1/sessions",
            json={
                "username": self.username,
                "password": password or self.password,
                "totp": code or self.code(),
            },
            headers={"X-Known-Browser": browser} if browser else {},
        )

    async def sign_in(self):
        self.clock.advance(seconds=30)  # a code is good once
        answer = await self.try_sign_in()
        assert answer.status_code == 201, answer.text
        self.access = answer.json()["access_token"]
        self.refresh = answer.json()["refresh_token"]
        self.browser = answer.json()["browser_token"]
        return self

    async def renew(self):
        answer = await self.client.post(
            "/v1/sessions/renewal", json={"refresh_token": self.refresh}
        )
        if answer.status_code == 200:
            self.access = answer.json()["access_token"]
            self.refresh = answer.json()["refresh_token"]
        return answer

    async def get(self, path):
        return await self.client.get(path, headers=self.headers)

    async def post(self, path, **body):
        return await self.client.post(path, json=body, headers=self.headers)

    async def put(self, path, **body):
        return await self.client.put(path, json=body, headers=self.headers)


def certified_environment(settings, monkeypatch):
    """Set the environment that an operator has with the root's certificate."""
    monkeypatch.setenv("ROOT_PUBLIC_KEYS", settings.root_public_keys)
    monkeypatch.setenv("EVENT_MAC_KEY", mac_key_text("identity"))
    key = settings.identity_issuer_key.get_secret_value()
    monkeypatch.setenv("IDENTITY_ISSUER_KEY", key)
    monkeypatch.setenv("IDENTITY_ISSUER_CERTIFICATE", settings.identity_issuer_certificate)


@pytest.fixture
def identity_settings(settings, clock):
    return QuickSettings(
        **settings.model_dump() | {"event_mac_key": mac_key_text("identity")},
        **TestRoot().settings(now=clock.now()),
        identity_key_encryption_key=base64.b64encode(bytes(range(32))).decode(),
        identity_console_host=HOST,
    )


@pytest.fixture
def people(clock):
    return some_people(clock)


@pytest.fixture
async def app(identity_settings, bus, objects, clock, people):
    runtime = ApiRuntime(
        SPECS["identity"], identity_settings, bus=bus, objects=objects, clock=clock, people=people
    )
    async with started(build_app, runtime) as app:
        yield app


@pytest.fixture
def runtime(app):
    return service_of(app, IdentityService).runtime


@pytest.fixture
def identity(app):
    return service_of(app, IdentityService)


@pytest.fixture
async def client(app):
    async with client_of(app, "identity", raises=True) as client:
        yield client


@pytest.fixture
async def administrator(identity_settings, client, clock):
    """The first administrator, signed in."""
    first = await bootstrap(identity_settings, username="chief.admin", name="Ada Min", clock=clock)
    person = Person(client, clock, "chief.admin")
    await person.enrol(first.invitation_token)
    return await person.sign_in()


COURIER = Actor(
    person_id="00000000-0000-4000-8000-0000000000cc",
    name="Cory Courier",
    title="Training Sergeant",
    agency_ori="CA0520100",
)
"""Hands invitations over where a test is about something else."""


async def hand_over(identity, made, by=COURIER):
    """Deliver the invitation of the answer `made`, of a new account or renewed; return its token."""
    created = made.request.url.path == "/v1/accounts"
    assert made.status_code == (201 if created else 200), made.text
    assert made.json()["state"] == "to_be_delivered"
    async with identity.begin() as unit:
        account_id = UUID(made.json()["account"]["account_id"])
        account = await unit.accounts.get(account_id, lock=True)
        return (await enrolment.deliver(unit, account, by)).invitation_token


@pytest.fixture
def handed_over(identity):
    """Have an invitation delivered; return its token."""

    async def handed_over(made):
        return await hand_over(identity, made)

    return handed_over


@pytest.fixture
def hire(client, clock, administrator, handed_over):
    """Make an account, enrol and sign in."""

    async def hire(username, *roles, title="Police Officer", ori="CA0520100", sources=()):
        made = await administrator.post(
            "/v1/accounts",
            username=username,
            name=username.title(),
            title=title,
            agency_ori=ori,
            roles=list(roles),
            sources=list(sources),
        )
        assert made.status_code == 201, made.text
        person = Person(client, clock, username)
        await person.enrol(await handed_over(made))
        return await person.sign_in()

    return hire


@pytest.fixture
def train(hire, clock):
    """Record current training for people, by a Training Sergeant."""
    sergeants = []

    async def train(*people):
        if not sergeants:
            sergeants.append(
                await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
            )
        await sergeants[0].sign_in()
        for person in people:
            recorded = await sergeants[0].post(
                "/v1/training",
                account_id=person.account_id,
                completed_on=clock.now().date().isoformat(),
            )
            assert recorded.status_code == 201, recorded.text
            assert (await person.renew()).status_code == 200

    return train


@pytest.fixture
def published(runtime, bus):
    """Relay the outbox and return all events of a type."""

    async def published(kind):
        await runtime.relay.drain()
        return bus.events(kind)

    return published


@pytest.fixture
def waiting(runtime):
    """Return the bodies of outbox rows not yet relayed, as text."""

    async def waiting():
        async with runtime.db.begin() as connection:
            rows = await connection.execute(text("SELECT value FROM outbox ORDER BY seq"))
            return [json.dumps(json.loads(row.value)) for row in rows]

    return waiting


@pytest.fixture
def while_hashing(identity, monkeypatch):
    """Does something once, while the next password is hashed; returns a list that then holds its result."""

    def during(act):
        hash_password, results = identity.hasher.hash, []

        async def hash_after(password, *, known=False):
            if not results:
                results.append(None)  # it may hash passwords, too
                results[0] = await act()
            return await hash_password(password, known=known)

        monkeypatch.setattr(identity.hasher, "hash", hash_after)
        return results

    return during
