"""A console in front of real services on real Postgres; identity always, others where a test asks."""

import base64

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from services.audit.main import build_app as build_audit
from services.audit.service import AuditService
from services.audit.settings import Settings as AuditSettings
from services.console.main import build_app
from services.console.service import ConsoleService
from services.console.settings import Settings
from services.hotlist.main import build_app as build_hotlist
from services.hotlist.settings import Settings as HotlistSettings
from services.ingest.main import build_app as build_ingest
from services.ingest.settings import Settings as IngestSettings
from services.registry import SPECS
from services.release.main import build_app as build_release
from services.release.settings import Settings as ReleaseSettings
from services.retention.events import subscriptions
from services.retention.main import build_app as build_retention
from services.retention.service import RetentionService
from services.retention.settings import Settings as RetentionSettings
from shared.events import Read
from shared.kafka.topics import TOPICS
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.testing import TestRoot, all_mac_keys, mac_key_text, some_people
from shared.testing.reads import recorded
from tests.integration.identity.conftest import (
    administrator,
    app,
    client,
    handed_over,
    hire,
    identity,
    identity_settings,
    runtime,
    train,
)
from tests.unit.console.conftest import Browser

__all__ = [
    "administrator",
    "app",
    "client",
    "handed_over",
    "hire",
    "identity",
    "identity_settings",
    "runtime",
    "train",
]


@pytest.fixture
def people(clock):
    """The keys and accounts that the services know; current, as no ticker runs here."""
    people = some_people(clock)
    people.assume_current()
    return people


@pytest.fixture
def services(app):
    """The services that run, by the name in their address; fixtures of others add theirs."""
    return {"identity": app}


class ByName(httpx.AsyncBaseTransport):
    """Takes each request to the service that its address names, which trusts the console's word about its caller."""

    def __init__(self, services):
        self._services = services

    async def handle_async_request(self, request):
        if request.url.host not in self._services:
            raise httpx.ConnectError("does not run", request=request)
        app = ProxyHeadersMiddleware(self._services[request.url.host], trusted_hosts="127.0.0.1")
        return await httpx.ASGITransport(app).handle_async_request(request)


@pytest.fixture
def policy_file(repository):
    """The console's policy; a test may have another."""
    return repository / "policy.toml"


@pytest.fixture
def console(services, clock, policy_file):
    settings = Settings(
        console_session_key=base64.b64encode(bytes(32)).decode(),
        console_identity_url="http://identity",
        console_ingest_url="http://ingest",
        console_hotlist_url="http://hotlist",
        console_retention_url="http://retention",
        console_release_url="http://release",
        console_audit_url="http://audit",
        policy_file=policy_file,
    )
    parts = ConsoleService.of(settings, clock=clock, transport=ByName(services))
    return build_app(settings, parts)


@pytest.fixture
def part_of(bus, objects, clock, people, policy, postgres, database_url):
    """Make a runtime for another service, which knows identity's people and its keys."""
    database = make_url(database_url).database

    def part_of(name, settings):
        own = settings.model_copy(
            update={
                "database_url": postgres.service_url(name, database),
                "event_mac_key": SecretStr(mac_key_text(name)),
            }
        )
        return ApiRuntime(
            SPECS[name], own, bus=bus, objects=objects, clock=clock, people=people, policy=policy
        )

    return part_of


@pytest.fixture
async def release(services, part_of, settings):
    """The release service, running."""
    runtime = part_of("release", ReleaseSettings(**settings.model_dump()))
    app = build_release(runtime.settings, runtime)
    async with app.router.lifespan_context(app):
        services["release"] = app
        yield runtime


@pytest.fixture
async def audit(services, part_of, settings):
    """The audit service, running; its clockwork waits for the tests."""
    chosen = AuditSettings(
        **settings.model_dump(),
        audit_event_mac_keys=all_mac_keys(),
        audit_signing_key=base64.b64encode(bytes(32)).decode(),
        audit_values_key=base64.b64encode(bytes(32)).decode(),
        audit_checkpoint_s=3600,
        audit_watch_s=3600,
    )
    runtime = part_of("audit", chosen)
    app = build_audit(chosen, runtime)
    async with app.router.lifespan_context(app):
        services["audit"] = app
        yield runtime


@pytest.fixture
async def retention(services, part_of, settings):
    """The running retention service; it stores the records of `store`, and its workers run on request."""
    runtime = part_of("retention", RetentionSettings(**settings.model_dump()))
    app = build_retention(runtime.settings, runtime)
    async with app.router.lifespan_context(app):
        services["retention"] = app
        yield app


@pytest.fixture
async def ingest(services, part_of, settings):
    """The ingest service, running."""
    chosen = IngestSettings(
        **settings.model_dump(),
        **TestRoot().settings("ingest_signing", "captures"),
        ingest_id_key=base64.b64encode(bytes(32)).decode(),
        ingest_last_seen_every_s=3600,
    )
    runtime = part_of("ingest", chosen)
    app = build_ingest(runtime.settings, runtime)
    async with app.router.lifespan_context(app):
        services["ingest"] = app
        yield runtime


@pytest.fixture
async def hotlist(services, part_of, settings):
    """The hotlist service, running."""
    runtime = part_of(
        "hotlist",
        HotlistSettings(
            **settings.model_dump(), hotlist_id_key=base64.b64encode(bytes(32)).decode()
        ),
    )
    app = build_hotlist(runtime.settings, runtime)
    async with app.router.lifespan_context(app):
        services["hotlist"] = app
        yield runtime


@pytest.fixture
def store(retention):
    """Has retention consume reads, or events of one type, as Kafka would bring them."""

    async def store(*events):
        if isinstance(events[0], Read):
            events = recorded(*events)
        for subscription in subscriptions(service_of(retention, RetentionService)):
            if handler := subscription.handlers.get(type(events[0])):
                await handler(list(events))
                return
        raise AssertionError(f"retention takes no {type(events[0]).__name__}")

    return store


@pytest.fixture
def logged(audit, services, runtime, bus):
    """Append all events of identity and audit so far to the log, and sign them."""

    async def log():
        for told in (runtime, audit):
            await told.relay.drain()
        audited = {topic.name for topic in TOPICS.values() if topic.audited}
        bus.records = [record for record in bus.records if record.topic in audited]
        writer = service_of(services["audit"], AuditService).writer
        await bus.deliver_whole(writer.append)
        await writer.sign_if_grown()

    return log


@pytest.fixture
def declare(browser):
    """Declare a purpose at the console, and go on to the page that needs it."""

    async def declare(kind, back):
        await browser.open(f"/purpose?back={back}")
        await browser.send(
            "/purpose", back=back, kind=kind, offence_type="burglary", case_number="26-0117",
            justification="what the case file asks for, in its own words",
        )  # fmt: skip
        assert browser.page.url.path == back, browser.said

    return declare


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
