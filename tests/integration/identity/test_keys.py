"""The key set: sealed at rest, rotated without interruption, and deleted on time."""

import asyncio
import base64
import json

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.identity.actions import keys
from services.identity.main import build_app
from services.registry import SPECS
from shared.core.vault import VaultFault
from shared.events import KeyPublished
from shared.service.api_runtime import ApiRuntime
from shared.testing import some_people
from tests.integration.identity.conftest import QuickSettings


async def jwks(client):
    answer = await client.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    return answer.json()["keys"]


async def test_public_keys_are_served_without_private_parts(client, published):
    [key] = await jwks(client)
    assert key.keys() == {"kid", "kty", "crv", "x", "y", "alg", "use"}
    assert (key["kty"], key["crv"], key["alg"]) == ("EC", "P-256", "ES256")
    assert keys.thumbprint(key) == key["kid"]
    [event] = {e.kid: e for e in await published(KeyPublished)}.values()
    assert event.jwk == {name: key[name] for name in ("kty", "crv", "x", "y")}
    assert event.issuer == "plateward"


async def test_rotation_keeps_old_tokens_and_purposes_valid(
    hire, train, identity, client, clock, people
):
    officer = await hire("o.seven", "officer")
    await train(officer)
    [old] = await jwks(client)
    kid = await keys.rotate(identity)
    assert [key["kid"] for key in await jwks(client)] == [kid, old["kid"]]
    assert (await officer.get("/v1/me")).status_code == 200
    await officer.renew()
    assert kid_of(officer.access) == old["kid"]  # published everywhere before it signs
    clock.advance(seconds=30)
    assert (await officer.get("/v1/me")).status_code == 200
    await officer.renew()
    assert kid_of(officer.access) == kid
    assert (await officer.get("/v1/me")).status_code == 200
    clock.advance(minutes=59)
    assert len(await jwks(client)) == 2
    clock.advance(minutes=2)
    assert [key["kid"] for key in await jwks(client)] == [kid]
    assert people.keys.find(old["kid"], clock.now()) is None


async def test_the_age_of_the_youngest_key_and_its_limit_are_metrics(identity, clock):
    created_at = clock.now()
    clock.advance(days=1)
    assert await keys.rotate_when_due(identity) is None
    youngest = REGISTRY.get_sample_value("alpr_token_key_created_timestamp_seconds")
    assert youngest == created_at.timestamp()
    limit = REGISTRY.get_sample_value("alpr_token_key_rotated_after_seconds")
    assert limit == identity.settings.identity_key_rotation_days * 86_400


async def test_a_compromised_key_ends_at_once_with_its_tokens(
    hire, identity, client, published, clock
):
    officer = await hire("o.seven", "officer")
    [old] = await jwks(client)
    kid = await keys.rotate(identity, compromised=True)
    assert [key["kid"] for key in await jwks(client)] == [kid]
    assert (await officer.get("/v1/me")).status_code == 401
    ended = [e for e in await published(KeyPublished) if e.kid == old["kid"]]
    assert ended[-1].not_after == clock.now()
    await officer.sign_in()
    assert (await officer.get("/v1/me")).status_code == 200


async def test_keys_rotate_by_themselves_after_thirty_days(identity, clock, client):
    assert await keys.rotate_when_due(identity) is None
    clock.advance(days=30)
    both = await asyncio.gather(keys.rotate_when_due(identity), keys.rotate_when_due(identity))
    assert sum(kid is not None for kid in both) == 1  # two replicas, one new key
    assert await keys.rotate_when_due(identity) is None
    clock.advance(days=60)  # no maintenance ran
    assert await keys.rotate_when_due(identity) is not None


async def test_a_key_whose_rotation_is_late_signs_no_token_that_outlives_it(
    hire, identity, clock, client
):
    officer = await hire("o.seven", "officer")
    [old] = await jwks(client)
    async with identity.begin() as unit:
        [stored] = await unit.keys.valid(unit.now)
    clock.advance(seconds=(stored.not_after - clock.now()).total_seconds() - 120)
    await officer.sign_in()
    assert kid_of(officer.access) != old["kid"]
    clock.advance(minutes=9)
    assert (await officer.get("/v1/me")).status_code == 200


async def test_a_start_publishes_again_all_keys_that_still_verify(
    app, identity, identity_settings, bus, objects, clock, runtime
):
    kid = await keys.rotate(identity)
    await runtime.relay.drain()
    known = {e.kid for e in bus.events(KeyPublished)}
    assert len(known) == 2
    bus.records.clear()
    newcomer = some_people(clock)
    second = ApiRuntime(
        SPECS["identity"], identity_settings, bus=bus, objects=objects, clock=clock, people=newcomer
    )
    replica = build_app(identity_settings, second)
    async with replica.router.lifespan_context(replica):
        assert newcomer.keys.find(kid, clock.now()) is not None
    await runtime.relay.drain()
    assert {e.kid for e in bus.events(KeyPublished)} == known


async def test_a_replica_knows_separated_accounts_from_its_start(
    hire, administrator, identity_settings, bus, objects, clock
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}/separation"
    assert (await administrator.post(path, reason="left the department")).status_code == 200
    bus.records.clear()
    second = ApiRuntime(
        SPECS["identity"],
        identity_settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=some_people(clock),
    )
    replica = build_app(identity_settings, second)
    async with replica.router.lifespan_context(replica):
        transport = httpx.ASGITransport(replica)
        async with httpx.AsyncClient(transport=transport, base_url="http://replica") as client:
            answer = await client.get("/v1/me", headers=officer.headers)
            assert (answer.status_code, answer.json()["detail"]) == (
                401,
                "this account is separated",
            )
            me = await client.get("/v1/me", headers=administrator.headers)
            assert me.status_code == 200


async def test_it_does_not_start_with_another_key_encryption_key(
    app, identity_settings, bus, objects, clock, people
):
    other = QuickSettings(
        **{
            **identity_settings.model_dump(),
            "identity_key_encryption_key": base64.b64encode(bytes(32)).decode(),
        }
    )
    runtime = ApiRuntime(
        SPECS["identity"], other, bus=bus, objects=objects, clock=clock, people=people
    )
    second = build_app(other, runtime)
    with pytest.raises(VaultFault):
        async with second.router.lifespan_context(second):
            raise AssertionError("it started")


async def test_a_sealed_key_moved_to_another_row_does_not_open(identity, app):
    await keys.rotate(identity)
    identity.private_keys.clear()
    async with identity.begin() as unit:
        await unit.connection.execute(
            text(
                "UPDATE signing_keys SET sealed ="
                " (SELECT sealed FROM signing_keys ORDER BY kid LIMIT 1)"
            )
        )
    with pytest.raises(VaultFault):
        await keys.prepare(identity)


def kid_of(token):
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["kid"]
