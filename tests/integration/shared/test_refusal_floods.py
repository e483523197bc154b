"""A flood of unauthenticated requests: answered without work, recorded as sums, no obstacle to others."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Annotated

import httpx
import pytest
import uvicorn
from fastapi import APIRouter

from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotAuthenticated, Unavailable
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import AccessAttempted, RefusalsCounted
from shared.http.app import create_app
from shared.limits import refusal_log
from shared.limits.refusal_log import RefusalLog
from shared.limits.refusals import GUARD, MOST_NAMED, LimitKey
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.serve import options
from shared.testing.sample import SAMPLE
from tests.integration.serving import client_of

BURST = 5
FLOODER = "192.0.2.66"
OFFICER = "00000000-0000-4000-8000-000000000007"
router = APIRouter()


@router.get("/v1/alerts")
async def alerts(grant: Annotated[Grant, access(Permission.ALERT_RECEIVE)]) -> str:
    """Need no declared purpose."""
    return grant.principal.name


@router.post("/v1/sign-in")
async def sign_in() -> None:
    """Refuse every caller, as for a wrong password."""
    raise NotAuthenticated(Common.TOKEN_INVALID)


@router.get("/v1/keys")
async def keys() -> str:
    """Answer every caller."""
    return "public"


@pytest.fixture
def runtime(settings, bus, objects, clock, authority, policy, repository):
    few = settings.model_copy(
        update={"refusals_burst": BURST, "refusals_per_minute": 0.001, "forwarded_allow_ips": "10.9.0.0/16"}
    )  # fmt: skip
    return ApiRuntime(
        SAMPLE,
        few,
        bus=bus,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
        migrations=repository / "shared/postgres/migrations/none",
    )


@pytest.fixture
async def app(runtime):
    @asynccontextmanager
    async def lifespan(_):
        await runtime.start()
        yield
        await runtime.stop()

    app = create_app(
        replace(
            SAMPLE,
            open_routes=frozenset({"/v1/sign-in", "/v1/keys"}),
            sign_in_routes=frozenset({"/v1/sign-in"}),
        ),
        ApiService(runtime),
        lifespan=lifespan,
    )
    app.include_router(router)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def at(app):
    """Return a client of the app at an address."""

    def make(address):
        return client_of(app, "sample", address=address)

    return make


@pytest.fixture
def on_record(app, runtime, bus, clock):
    """Let the minute end; return the refusals and sums that go to the audit log."""

    async def read():
        clock.advance(minutes=1)
        await runtime.refusals.record()
        await runtime.relay.drain()
        single = [attempt for attempt in bus.events(AccessAttempted) if not attempt.allowed]
        return single, bus.events(RefusalsCounted)

    return read


def a_revocation(authority, at):
    """Return the event that ends Officer Seven's tokens."""
    return authority.account(OFFICER, "active", at)


FORGED = {"Authorization": "Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6InRlc3Qta2V5In0.e30.c2ln"}


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize("headers", [{}, FORGED], ids=["anonymous", "forged"])
async def test_a_flood_is_answered_429_and_every_refusal_is_on_record(headers, at, on_record):
    client = at(FLOODER)
    answers = await asyncio.gather(*(client.get("/v1/alerts", headers=headers) for _ in range(200)))
    assert Counter(a.status_code for a in answers) == {401: BURST, 429: 200 - BURST}
    limited = next(a for a in answers if a.status_code == 429)
    assert limited.headers["content-type"] == "application/problem+json"
    assert limited.json()["instance"] == f"urn:request:{limited.headers['x-request-id']}"
    assert int(limited.headers["retry-after"]) >= 1
    single, [counted] = await on_record()
    assert len(single) == BURST
    assert len(single) + counted.count == 200
    assert (counted.client_address, counted.service, counted.route) == (FLOODER, "sample", "guard")
    assert counted.allowed is False


async def test_a_token_holder_is_served_during_a_flood_from_the_same_address(
    at, authority, on_record
):
    client = at(FLOODER)
    anonymous = [client.get("/v1/alerts") for _ in range(60)]
    known = [client.get("/v1/alerts", headers=authority.headers(purpose=False)) for _ in range(60)]
    both = [request for pair in zip(anonymous, known, strict=True) for request in pair]
    answers = await asyncio.gather(*both)
    assert Counter(a.status_code for a in answers[1::2]) == {200: 60}
    assert {a.status_code for a in answers[::2]} <= {401, 429}
    single, counted = await on_record()
    assert len(single) + sum(c.count for c in counted) == 60


async def test_refusals_of_an_authenticated_person_are_recorded_singly_and_use_no_allowance(
    at, authority, on_record
):
    client = at(FLOODER)
    headers = authority.headers(Permission.HIT_READ, purpose=False)
    answers = [await client.get("/v1/alerts", headers=headers) for _ in range(3 * BURST)]
    assert {a.status_code for a in answers} == {403}
    assert (await client.get("/v1/alerts")).status_code == 401
    single, counted = await on_record()
    assert Counter(a.actor.name if a.actor else None for a in single) == {
        "Officer Seven": 3 * BURST,
        None: 1,
    }
    assert counted == []


@pytest.mark.parametrize("how", ["expired", "revoked"])
async def test_an_ended_token_is_reported_during_a_flood_and_counted(
    how, at, authority, clock, on_record
):
    client = at(FLOODER)
    headers = authority.headers(purpose=False)
    if how == "expired":
        clock.advance(minutes=30)
    else:
        authority.people.learn(a_revocation(authority, clock.now() + timedelta(seconds=1)))
    for _ in range(BURST):
        await client.get("/v1/alerts")
    answer = await client.get("/v1/alerts", headers=headers)
    assert answer.status_code == 401
    assert how in answer.json()["detail"]
    single, [counted] = await on_record()
    assert (len(single), counted.count) == (BURST, 1)


async def test_other_addresses_and_open_routes_stay_open_during_a_flood(at):
    client = at(FLOODER)
    for _ in range(BURST + 1):
        limited = await client.get("/v1/alerts")
    assert limited.status_code == 429
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/v1/keys"):
        assert (await client.get(path)).status_code == 200, path
    assert (await client.post("/v1/sign-in")).status_code == 401
    assert (await at("192.0.2.67").get("/v1/alerts")).status_code == 401


async def test_a_route_with_its_own_allowance_cannot_be_bypassed_with_a_token(
    at, authority, on_record
):
    client, headers = at(FLOODER), authority.headers(purpose=False)
    answers = [await client.post("/v1/sign-in", headers=headers) for _ in range(BURST + 4)]
    assert [a.status_code for a in answers] == [401] * BURST + [429] * 4
    assert (await client.get("/v1/alerts")).status_code == 401
    _, [counted] = await on_record()
    assert (counted.route, counted.count) == ("/v1/sign-in", 4)


async def test_an_ipv6_network_counts_as_one_address(at, on_record):
    statuses = [
        (await at(f"2001:db8::{number:x}").get("/v1/alerts")).status_code for number in range(12)
    ]
    assert statuses == [401] * BURST + [429] * (12 - BURST)
    _, [counted] = await on_record()
    assert (counted.client_address, counted.count) == ("2001:db8::/64", 12 - BURST)


async def test_many_addresses_make_few_entries_and_use_bounded_memory(at, on_record, runtime):
    asked = 0
    for number in range(150):
        client = at(f"10.1.0.{number}")
        for _ in range(BURST + 2):
            answer = await client.get("/v1/alerts")
            asked += answer.status_code in {401, 429}
    assert asked == 150 * (BURST + 2)
    single, counted = await on_record()
    assert len(counted) <= MOST_NAMED + 1
    assert len(single) <= BURST * 20
    assert len(single) + sum(c.count for c in counted) == asked
    assert "" in {c.client_address for c in counted}


async def test_unauthenticated_requests_do_not_fill_an_outbox_that_is_behind(
    at, authority, runtime, on_record
):
    client = at("192.0.2.67")
    runtime.relay.backlog = runtime.settings.max_outbox_backlog // 2
    assert (await client.get("/v1/alerts")).status_code == 401
    runtime.relay.backlog += 1
    answers = [await client.get("/v1/alerts") for _ in range(3)]
    assert [a.status_code for a in answers] == [429] * 3
    known = await client.get("/v1/alerts", headers=authority.headers(purpose=False))
    assert known.status_code == 200
    assert (await client.post("/v1/sign-in")).status_code == 401
    single, [counted] = await on_record()
    assert (len(single), counted.count) == (1, 3)


async def test_a_forwarded_client_address_is_accepted_only_from_a_trusted_proxy(app, runtime):
    config = uvicorn.Config(app, **options(runtime.settings))
    config.load()

    async def asked_by(address, told):
        transport = httpx.ASGITransport(config.loaded_app, client=(address, 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://sample") as client:
            answer = await client.get("/v1/alerts", headers={"X-Forwarded-For": told})
            return answer.status_code

    forging = [await asked_by(FLOODER, f"198.51.100.{n}") for n in range(BURST + 3)]
    assert forging == [401] * BURST + [429] * 3
    proxied = [await asked_by("10.9.0.2", f"198.51.100.{n}") for n in range(BURST + 3)]
    assert proxied == [401] * (BURST + 3)
    appended = [await asked_by("10.9.0.2", f"6.6.6.{n}, {FLOODER}") for n in range(2)]
    assert appended == [429, 429]


async def test_refusal_counts_survive_a_database_outage_and_are_published_at_stop(
    at, runtime, bus, clock, monkeypatch
):
    client = at(FLOODER)
    for _ in range(BURST + 3):
        await client.get("/v1/alerts")
    clock.advance(minutes=1)

    def away():
        raise Unavailable(Common.DATABASE_AWAY)

    with monkeypatch.context() as patch:
        patch.setattr(runtime.db, "begin", away)
        with pytest.raises(Unavailable):
            await runtime.refusals.record()
    await client.get("/v1/alerts")
    await runtime.refusals.stop()
    await runtime.relay.drain()
    told = bus.events(RefusalsCounted)
    assert sorted(c.count for c in told) == [1, 3]
    assert told[1].since - told[0].since >= timedelta(minutes=1)


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_sums_of_one_minute_of_several_addresses_and_replicas_are_each_on_record(
    at, runtime, clock, on_record
):
    """Audit takes each id once: two sums with the same one would be one entry."""
    for address in (FLOODER, "192.0.2.67"):
        for _ in range(BURST + 2):
            await at(address).get("/v1/alerts")
    replica = RefusalLog("sample", runtime.db, clock, burst=1, per_minute=1, crowded=lambda: False)
    for _ in range(3):
        replica.count(LimitKey(FLOODER, GUARD))
    clock.advance(minutes=1)
    assert await replica.record() == 1
    _, sums = await on_record()
    assert sorted((one.client_address, one.count) for one in sums) == [
        (FLOODER, 2),
        (FLOODER, 3),
        ("192.0.2.67", 2),
    ]
    assert len({one.event_id for one in sums}) == 3


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_stop_while_sums_are_written_loses_none(at, runtime, clock, on_record, monkeypatch):
    for _ in range(BURST + 2):
        await at(FLOODER).get("/v1/alerts")
    writing = asyncio.Event()

    async def hangs(*given):
        writing.set()
        await asyncio.Event().wait()

    clock.advance(minutes=1)
    with monkeypatch.context() as patch:
        patch.setattr(refusal_log, "emit", hangs)
        record = asyncio.create_task(runtime.refusals.record())
        await writing.wait()
        record.cancel()
        with pytest.raises(asyncio.CancelledError):
            await record
    _, [counted] = await on_record()
    assert counted.count == 2
