"""While Kafka is away, a separated person sees data for 5 s at most; forged events have no effect."""

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import msgspec
import pyotp
import pytest
from sqlalchemy import make_url

from deploy.kafka.run import ApacheKafka
from local.stack.broker import Broker
from services.identity.actions import keys, training
from services.identity.actions.bootstrap import bootstrap
from services.identity.actions.revocation import announce_revocation
from services.identity.main import build_app
from services.identity.service import IdentityService
from services.registry import SPECS
from shared.access.grant import Grant
from shared.access.guard import access
from shared.accounts.known_accounts import CURRENT_FOR
from shared.accounts.tokens import thumbprint
from shared.core.clock import SystemClock
from shared.core.permissions import Permission
from shared.events import AccountChanged, Actor, IssuerMisused, KeyPublished
from shared.events.signed_events import sign_event
from shared.http.app import create_app
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.codec import Message, decode
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics_admin import ensure_topics
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import service_of
from shared.service.settings import ApiSettings
from shared.testing import TestAuthority, TestRoot, eventually, mac_key
from shared.testing.sample import SAMPLE
from tests.integration.identity.conftest import Person, QuickSettings, hand_over

KAFKAS = [
    pytest.param(Broker, id="embedded"),
    pytest.param(ApacheKafka, id="apache", marks=pytest.mark.apache),
]
CURRENT_FOR_S = CURRENT_FOR.total_seconds()
TOLERANCE_S = 1.5


class RealTime(SystemClock):
    """The machine's clock, where codes are asked for by the step."""

    def advance(self, **_: float) -> None:
        """Do nothing, because real time passes by itself."""


@pytest.fixture(params=KAFKAS)
def kafka(request, tmp_path):
    with request.param(tmp_path / "kafka") as kafka:
        yield kafka


@pytest.fixture
async def stack(kafka, settings, objects, repository, postgres, database_url):
    """identity and a service that searches, in real time, joined by Kafka alone."""
    shared = {
        **settings.model_dump(),
        "kafka_bootstrap": kafka.bootstrap,
        "kafka_allow_one_copy": True,
        "kafka_empty_fetch_pause_ms": 5 if isinstance(kafka, Broker) else 0,
    }
    own = QuickSettings(
        **shared,
        **TestRoot().settings(),
        identity_key_encryption_key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    )
    await ensure_topics(
        Kafka.of(KafkaSettings(kafka_bootstrap=kafka.bootstrap, kafka_allow_one_copy=True))
    )
    async with AsyncExitStack() as running:

        async def start(app):
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            client = httpx.AsyncClient(transport=transport, base_url="http://service")
            client.app = app
            return await running.enter_async_context(client)

        identity = await start(build_app(own, ApiRuntime(SPECS["identity"], own, objects=objects)))
        as_hotlist = postgres.service_url("hotlist", make_url(database_url).database or "")
        there = {"database_url": as_hotlist, "database_owner_url": database_url}
        other = ApiSettings(**{**shared, **there})
        searching = await start(searcher(other, objects, repository))
        yield own, identity, searching


def searcher(settings, objects, repository):
    none = repository / "shared" / "postgres" / "migrations" / "none"
    runtime = ApiRuntime(SPECS["hotlist"], settings, objects=objects, migrations=none)

    @asynccontextmanager
    async def lifespan(app):
        await runtime.start()
        yield
        await runtime.stop()

    app = create_app(SAMPLE, ApiService(runtime), lifespan=lifespan)

    @app.get("/v1/image")
    async def get_image(grant: Annotated[Grant, access(Permission.HIT_READ)]) -> str:
        return grant.principal.name

    @app.get("/v1/mine")
    async def get_mine(grant: Annotated[Grant, access(Permission.ACCOUNT_SELF)]) -> str:
        return grant.principal.name

    return app


async def signed_in(person):
    """Sign in with the code of the next step, since a code is good once and time goes by itself."""
    code = pyotp.TOTP(person.secret).at(int(time.time()) + 30)
    answer = await person.try_sign_in(code=code)
    assert answer.status_code == 201, answer.text
    person.access = answer.json()["access_token"]
    return person


async def hired(own, identity):
    """Return an administrator, and a trained officer whose token is valid."""
    first = await bootstrap(own, username="chief.admin", name="Ada Min")
    chief = await Person(identity, RealTime(), "chief.admin").enrol(first.invitation_token)
    await signed_in(chief)
    made = await chief.post(
        "/v1/accounts",
        username="o.seven",
        name="Officer Seven",
        title="Police Officer",
        agency_ori="CA0520100",
        roles=["officer"],
    )
    assert made.status_code == 201, made.text
    officer = await Person(identity, RealTime(), "o.seven").enrol(
        await hand_over(service_of(identity.app, IdentityService), made)
    )
    parts = service_of(identity.app, IdentityService)
    async with parts.begin() as unit:
        today = parts.clock.now().date()
        who = Actor(person_id=str(uuid4()), name="T", title="T", agency_ori="CA0520100")
        await training.record(unit, who, UUID(officer.account_id), course=None, completed_on=today)
    return chief, await signed_in(officer)


async def knows(searching, officer):
    """Wait until the service that searches accepts the officer's token and shows records."""

    async def is_answered():
        return (await searching.get("/v1/image", headers=officer.headers)).status_code == 200

    await eventually(is_answered, within_s=30)


@pytest.mark.clause("wall/tick")
@pytest.mark.clause("468.6/separation")
async def test_a_separated_person_loses_access_within_five_seconds_without_kafka(kafka, stack):
    own, identity, searching = stack
    chief, officer = await hired(own, identity)
    await knows(searching, officer)
    group = os.getpgid(kafka.child.pid)
    os.killpg(group, signal.SIGSTOP)
    try:
        path = f"/v1/accounts/{officer.account_id}/separation"
        assert (await chief.post(path, reason="left the department")).status_code == 200
        separated = time.monotonic()

        async def refused():
            answer = await searching.get("/v1/image", headers=officer.headers)
            if answer.status_code == 200:
                assert time.monotonic() - separated < CURRENT_FOR_S + TOLERANCE_S
            return answer.status_code == 503 and "cannot be checked" in answer.json()["detail"]

        await eventually(refused, within_s=CURRENT_FOR_S + TOLERANCE_S)
        # Routes without ALPR data go on, by the last known state.
        mine = await searching.get("/v1/mine", headers=officer.headers)
        assert mine.status_code == 200
    finally:
        os.killpg(group, signal.SIGCONT)

    async def ended():
        answer = await searching.get("/v1/image", headers=officer.headers)
        return answer.status_code == 401 and "separated" in answer.json()["detail"]

    await eventually(ended, within_s=30)


@pytest.mark.clause("wall/keys")
async def test_forged_keys_and_accounts_are_refused_and_recorded(kafka, stack):
    own, identity, searching = stack
    chief, officer = await hired(own, identity)
    await knows(searching, officer)
    path = f"/v1/accounts/{officer.account_id}/separation"
    assert (await chief.post(path, reason="left the department")).status_code == 200

    async def status_is(headers, status, path="/v1/mine"):
        return (await searching.get(path, headers=headers)).status_code == status

    await eventually(lambda: status_is(officer.headers, 401))
    thief = TestAuthority(SystemClock())
    jwk = {name: thief._jwk[name] for name in ("kty", "crv", "x", "y")}
    thief.kid = thumbprint(jwk)
    now = SystemClock().now()
    key = KeyPublished(
        occurred_at=now,
        kid=thief.kid,
        issuer=own.token_issuer,
        jwk=jwk,
        not_after=now + timedelta(days=30),
        key_number=1,
        number=1,
    )
    revived = AccountChanged(
        occurred_at=now,
        actor=Actor(person_id="x", name="X", title="X", agency_ori="CA0520100"),
        account_id=UUID(officer.account_id),
        status="active",
        tokens_valid_from=now - timedelta(days=1),
        change="reinstated",
        account_number=1000,
        number=1000,
    )
    other = TestRoot("another").signer()
    captures = TestRoot().signer("captures")
    forged = [
        forge(msgspec.structs.replace(event, event_id=uuid4()))
        for event in (key, revived)
        for forge in (
            lambda event: event,
            lambda event: sign_event(other, event),
            lambda event: sign_event(captures, event),
        )
    ]
    bus = KafkaBus(kafka.bootstrap, "recognition", mac_key=mac_key("recognition"))
    await bus.publish(forged)
    await bus.stop()
    misused = await on_record(kafka, 6)
    assert {(event.what, event.verified) for event in misused} == {
        ("key", False),
        ("account", False),
    }
    assert await status_is(thief.headers(), 401)
    assert await status_is(officer.headers, 401)
    assert await status_is(chief.headers, 200)


@pytest.mark.clause("wall/keys")
async def test_a_key_signed_by_a_stolen_issuer_key_is_recorded_and_ends_with_its_revocation(
    kafka, stack
):
    own, identity, searching = stack
    _, officer = await hired(own, identity)
    await knows(searching, officer)
    stolen = TestRoot().signer(serial=2)
    thief = TestAuthority(SystemClock())
    bus = KafkaBus(kafka.bootstrap, "recognition", mac_key=mac_key("recognition"))
    await bus.publish([sign_event(stolen, thief.publish_key())])
    await bus.stop()

    async def status_is(headers, status, path="/v1/mine"):
        return (await searching.get(path, headers=headers)).status_code == status

    await eventually(lambda: status_is(thief.headers(), 200))
    in_a_month = (SystemClock().now() + timedelta(days=30)).timestamp()
    assert await status_is(thief.headers(exp=in_a_month), 401)
    [misused] = await on_record(kafka, 1)
    assert (misused.what, misused.verified) == ("key", True)
    await announce_revocation(
        service_of(identity.app, IdentityService), TestRoot().revocation(stolen.text)
    )
    await eventually(lambda: status_is(thief.headers(), 401))
    await knows(searching, officer)


@pytest.mark.clause("wall/keys")
async def test_an_old_event_of_a_key_does_not_revive_it_after_its_end(kafka, stack):
    own, identity, searching = stack
    _, officer = await hired(own, identity)
    await knows(searching, officer)
    before = await read(kafka, KeyPublished, 1)
    await keys.rotate(service_of(identity.app, IdentityService), compromised=True)

    async def status_is(headers, status):
        return (await searching.get("/v1/mine", headers=headers)).status_code == status

    await eventually(lambda: status_is(officer.headers, 401))
    bus = KafkaBus(kafka.bootstrap, "recognition", mac_key=mac_key("recognition"))
    await bus.publish(before)
    await bus.stop()
    began = time.monotonic()
    while time.monotonic() - began < 3:  # the longest time until a service receives it
        assert await status_is(officer.headers, 401)
        await asyncio.sleep(0.1)


async def on_record(kafka, count):
    """Return identity's own records of events in its name."""
    return await read(kafka, IssuerMisused, count)


async def read(kafka, kind, count):
    """Return the first events of a kind, `count` or more."""
    consumer = Kafka.at(kafka.bootstrap).consumer(
        kind.TOPIC, auto_offset_reset="earliest", group_id=None
    )
    await consumer.start()
    found = {}
    try:
        async with asyncio.timeout(20):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for r in records:
                        place = (r.topic, r.partition, r.offset)
                        event = decode(Message(*place, r.key, r.value, dict(r.headers)))
                        found[event.event_id] = event
    finally:
        await consumer.stop()
    return list(found.values())
