"""On a real broker: identity's events reach other services and replicas, which check tokens alone."""

from contextlib import AsyncExitStack
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import make_url

from services.identity.actions import keys
from services.identity.actions.bootstrap import bootstrap
from services.identity.main import build_app
from services.identity.service import IdentityService
from services.registry import SPECS
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.app import create_app
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import service_of
from shared.service.settings import ApiSettings
from shared.testing import eventually
from shared.testing.sample import SAMPLE
from tests.integration.identity.conftest import Person, QuickSettings, hand_over


@pytest.fixture
async def stack(broker, identity_settings, clock, objects, repository, postgres, database_url):
    """Two replicas of identity and another service, joined only by Kafka and their database."""
    shared = {
        **identity_settings.model_dump(),
        "kafka_bootstrap": broker.bootstrap,
        "kafka_empty_fetch_pause_ms": 5,
        "token_issuer": f"plateward-{clock.now().timestamp()}",
    }
    settings = QuickSettings(**shared)
    async with AsyncExitStack() as running:

        async def start(app: FastAPI) -> httpx.AsyncClient:
            await running.enter_async_context(app.router.lifespan_context(app))
            transport = httpx.ASGITransport(app)
            client = httpx.AsyncClient(transport=transport, base_url="http://service")
            return await running.enter_async_context(client)

        clients, apps = [], []
        for _ in range(2):
            runtime = ApiRuntime(SPECS["identity"], settings, objects=objects, clock=clock)
            apps.append(build_app(settings, runtime))
            clients.append(await start(apps[-1]))
        common = ApiSettings(**{k: v for k, v in shared.items() if not k.startswith("identity_")})
        as_hotlist = postgres.service_url("hotlist", make_url(database_url).database or "")
        common = common.model_copy(
            update={"database_url": as_hotlist, "database_owner_url": database_url}
        )
        clients.append(await start(another_service(common, objects, clock, repository)))
        for client in clients:
            await eventually(lambda client=client: ready(client))
        yield settings, clients, service_of(apps[0], IdentityService)


async def ready(client):
    return (await client.get("/readyz")).status_code == 200


def another_service(settings, objects, clock, repository):
    from contextlib import asynccontextmanager

    none = repository / "shared" / "postgres" / "migrations" / "none"
    runtime = ApiRuntime(SPECS["hotlist"], settings, objects=objects, clock=clock, migrations=none)

    @asynccontextmanager
    async def lifespan(app):
        await runtime.start()
        yield
        await runtime.stop()

    app = create_app(SAMPLE, ApiService(runtime), lifespan=lifespan)

    @app.get("/v1/mine")
    async def get_mine(grant: Annotated[Grant, access(Permission.ACCOUNT_SELF)]) -> str:
        return grant.principal.name

    return app


@pytest.mark.clause("468.6/separation")
async def test_tokens_keys_and_revocations_reach_other_services_over_kafka(stack, clock):
    settings, (first, second, sample), identity = stack
    invited = await bootstrap(settings, username="chief.admin", name="Ada Min", clock=clock)
    chief = await Person(first, clock, "chief.admin").enrol(invited.invitation_token)
    await chief.sign_in()
    made = await chief.post(
        "/v1/accounts",
        username="o.seven",
        name="Officer Seven",
        title="Police Officer",
        agency_ori="CA0520100",
        roles=["officer"],
    )
    officer = await Person(second, clock, "o.seven").enrol(await hand_over(identity, made))
    await officer.sign_in()

    async def accepted():
        return (await sample.get("/v1/mine", headers=officer.headers)).status_code == 200

    await eventually(accepted)
    # The other replica may know the account as invited still; the token is newer.
    assert (await first.get("/v1/me", headers=officer.headers)).status_code == 200

    await keys.rotate(identity)
    clock.advance(seconds=30)
    await officer.renew()
    await eventually(accepted)

    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}/separation"
    assert (await chief.post(path, reason="left the department")).status_code == 200

    async def refused():
        answers = [
            await sample.get("/v1/mine", headers=officer.headers),
            await second.get("/v1/me", headers=officer.headers),
        ]
        return [a.json()["detail"] for a in answers if a.status_code == 401] == [
            "this account is separated"
        ] * 2

    await eventually(refused)
