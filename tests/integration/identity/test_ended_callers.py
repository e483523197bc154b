"""A person whose rights have ended changes nothing, at whatever replica and however close the two requests are."""

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from services.identity.main import build_app
from services.identity.service import _checked, _unit
from services.registry import SPECS
from shared.access.guard import Guard
from shared.events import AccessAttempted, PurposeDeclared
from shared.service.api_runtime import ApiRuntime
from shared.testing import some_people
from tests.integration.identity.declaring import a_purpose
from tests.integration.locking import locked_while
from tests.integration.serving import client_of, started


@pytest.fixture
async def other_replica(app, administrator, identity_settings, bus, objects, clock):
    """A client of identity's other replica, to which Kafka brings nothing."""
    runtime = ApiRuntime(
        SPECS["identity"],
        identity_settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=some_people(clock),
    )
    async with started(build_app, runtime) as other, client_of(other, "identity") as client:
        yield client


@pytest.fixture
async def second(hire):
    return await hire("s.lee", "alpr_administrator", title="Lieutenant")


@pytest.mark.clause("468.6/separation")
@pytest.mark.parametrize("act", ["separated", "locked", "no administrator any more"])
async def test_a_person_whose_rights_ended_at_one_replica_has_none_at_the_other(
    administrator, second, hire, other_replica, clock, published, act
):
    officer = await hire("o.seven", "officer")
    await second.sign_in()
    await administrator.sign_in()
    clock.advance(seconds=1)
    here = f"/v1/accounts/{second.account_id}"
    if act == "no administrator any more":
        ended = await administrator.put(f"{here}/roles", roles=["officer"])
    else:
        path = f"{here}/{'separation' if act == 'separated' else 'lock'}"
        ended = await administrator.post(path, reason="under investigation")
    assert ended.status_code == 200
    for method, path, body in (
        ("GET", "/v1/accounts", None),
        ("PUT", f"/v1/accounts/{officer.account_id}/roles", {"roles": ["investigator"]}),
    ):
        answer = await other_replica.request(method, path, json=body, headers=second.headers)
        assert answer.status_code == 401, answer.text
    attempts = [
        e
        for e in await published(AccessAttempted)
        if e.actor and e.actor.person_id == second.account_id
    ]
    assert [e.allowed for e in attempts][-4:] == [True, False, True, False]
    assert attempts[-1].reason in ("this token was revoked", f"this account is {act}")


@pytest.mark.clause("468.6/separation")
async def test_a_person_who_left_declares_no_purpose_at_the_other_replica(
    administrator, hire, train, other_replica, clock, published
):
    officer = await hire("o.seven", "officer")
    await train(officer)
    await administrator.sign_in()
    clock.advance(seconds=1)
    await officer.renew()
    ended = await administrator.post(
        f"/v1/accounts/{officer.account_id}/separation", reason="has left us"
    )
    assert ended.status_code == 200
    answer = await other_replica.post("/v1/purposes", json=a_purpose(), headers=officer.headers)
    assert answer.status_code == 401, answer.text
    assert await published(PurposeDeclared) == []


@pytest.mark.clause("468.6/separation")
async def test_two_administrators_who_end_each_other_at_once_leave_one(
    administrator, second, runtime
):
    for one in (administrator, second):
        await one.sign_in()
    ended, refused = await locked_while(
        runtime.db,
        "SELECT number FROM numbers FOR UPDATE",
        administrator.post(f"/v1/accounts/{second.account_id}/separation", reason="has left us"),
        second.post(f"/v1/accounts/{administrator.account_id}/separation", reason="has left us"),
    )
    assert (ended.status_code, refused.status_code) == (200, 401)
    assert refused.json()["detail"] == "this account is separated"
    assert (await administrator.get("/v1/me")).json()["status"] == "active"


def test_each_guarded_route_opens_its_transaction_after_its_guard(app):
    opened = 0
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.route, APIRoute):
            continue
        calls = [one.call for one in context.route.dependant.dependencies]
        if {_unit, _checked} & set(calls) and any(isinstance(call, Guard) for call in calls):
            opened += 1
            assert isinstance(calls[0], Guard), f"{context.path}: the guard's grant comes first"
    assert opened > 20, "the walk is broken"
