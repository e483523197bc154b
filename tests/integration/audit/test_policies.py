"""Policies in force: two at once, and an unacknowledged one, are findings (ADR-0024)."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy.exc import DBAPIError

from shared.core.permissions import Permission
from shared.events import PolicyAcknowledged, PolicyLoaded

pytestmark = pytest.mark.clause("wall/policy")

FIRST, SECOND = "1" * 64, "2" * 64
ADMINISTRATOR, AUDITOR = (f"00000000-0000-4000-8000-00000000030{n}" for n in (5, 6))


def loaded(clock, service, digest):
    return PolicyLoaded(occurred_at=clock.now(), service=service, digest=digest, version="v")


@pytest.fixture
def deliver(deliver, watch):
    """Have events logged and checked."""

    async def send(*events):
        await deliver(*events)
        await watch.catch_up()

    return send


@pytest.fixture
def findings(watch, query):
    async def found(kind):
        await watch.catch_up()
        statement = "SELECT details FROM findings WHERE kind = :kind ORDER BY raised_at"
        return [details for (details,) in await query(statement, kind=kind)]

    return found


@pytest.fixture
def acknowledge(client, authority, policy):
    async def send(digest, role, account_id, held=None):
        held_by = map(Permission, policy.roles[held or role])
        token = authority.access_token(held_by, account_id=account_id)
        headers = {"Authorization": f"Bearer {token}"}
        path = f"/v1/policies/{digest}/acknowledgements"
        return await client.post(path, json={"role": role}, headers=headers)

    return send


async def test_two_policies_in_force_at_once_are_a_finding(deliver, findings, clock):
    await deliver(loaded(clock, "ingest", FIRST), loaded(clock, "hotlist", FIRST))
    assert await findings("policies_differ") == []
    await deliver(loaded(clock, "hotlist", SECOND))
    assert await findings("policies_differ") == [{"digests": [FIRST, SECOND]}]
    await deliver(loaded(clock, "ingest", SECOND), loaded(clock, "hotlist", SECOND))
    assert len(await findings("policies_differ")) == 1


async def test_a_policy_that_no_service_uses_any_more_is_not_in_force(deliver, findings, clock):
    await deliver(loaded(clock, "ingest", FIRST))
    await deliver(loaded(clock, "ingest", SECOND))
    assert await findings("policies_differ") == []


async def test_a_policy_not_acknowledged_by_both_within_a_day_is_a_finding(
    deliver, findings, clock, acknowledge
):
    await deliver(loaded(clock, "ingest", FIRST))
    loaded_at = clock.now()
    assert (await acknowledge(FIRST, "auditor", AUDITOR)).status_code == 200
    clock.advance(hours=23, minutes=59)
    assert await findings("policy_not_acknowledged") == []
    clock.advance(minutes=1)
    [details] = await findings("policy_not_acknowledged")
    assert datetime.fromisoformat(details.pop("since")) == loaded_at
    assert details == {"policy_digest": FIRST}
    await deliver(loaded(clock, "ingest", SECOND))
    assert (await acknowledge(SECOND, "auditor", AUDITOR)).status_code == 200
    answer = await acknowledge(SECOND, "alpr_administrator", ADMINISTRATOR)
    assert [a["role"] for a in answer.json()["acknowledgements"]] == [
        "auditor",
        "alpr_administrator",
    ]
    clock.advance(days=2)
    assert len(await findings("policy_not_acknowledged")) == 1


async def test_a_person_acknowledges_in_one_role_and_each_role_acknowledges_once(
    deliver, clock, acknowledge, runtime, bus
):
    await deliver(loaded(clock, "ingest", FIRST))
    assert (await acknowledge(FIRST, "auditor", AUDITOR)).status_code == 200
    assert (await acknowledge(FIRST, "alpr_administrator", AUDITOR)).status_code == 409
    assert (await acknowledge(FIRST, "auditor", ADMINISTRATOR)).status_code == 409
    await runtime.relay.drain()
    [event] = bus.events(PolicyAcknowledged)
    assert (event.actor.person_id, event.digest, event.role) == (AUDITOR, FIRST, "auditor")


async def test_an_acknowledgement_in_a_role_not_held_or_of_an_unknown_policy_is_refused(
    deliver, clock, acknowledge
):
    await deliver(loaded(clock, "ingest", FIRST))
    refused = await acknowledge(FIRST, "alpr_administrator", AUDITOR, held="auditor")
    assert refused.status_code == 403
    assert (await acknowledge(FIRST, "auditor", AUDITOR, held="officer")).status_code == 403
    assert (await acknowledge(SECOND, "auditor", AUDITOR)).status_code == 404


async def test_an_acknowledged_policy_is_listed_and_its_acknowledgement_cannot_be_deleted(
    deliver, clock, acknowledge, client, authority, query, ask_as_owner
):
    await deliver(loaded(clock, "ingest", FIRST))
    loaded_at = clock.now()
    clock.advance(minutes=1)
    await acknowledge(FIRST, "auditor", AUDITOR)
    [policy] = (await client.get("/v1/policies", headers=authority.headers())).json()["items"]
    assert datetime.fromisoformat(policy.pop("first_loaded_at")) == loaded_at
    [word] = policy.pop("acknowledgements")
    assert datetime.fromisoformat(word.pop("at")) == clock.now()
    assert (word["role"], word["by"]["person_id"]) == ("auditor", AUDITOR)
    assert policy == {"digest": FIRST, "version": "v", "services": ["ingest"]}
    for statement in (
        "DELETE FROM policy_acknowledgements",
        "UPDATE policy_acknowledgements SET person_id = 'x'",
        "UPDATE policies SET first_loaded_at = now()",
        "TRUNCATE policy_acknowledgements",
    ):
        with pytest.raises(DBAPIError, match="permission denied"):
            await query(statement)
        with pytest.raises(DBAPIError, match="is refused"):
            await ask_as_owner(statement)


async def test_a_start_costs_the_rules_no_look_at_all_policies_that_were_ever_loaded(
    deliver, clock, query, findings
):
    """A service that was taken over may start with a new one each time."""
    await query(
        "WITH made AS (INSERT INTO policies (digest, version, first_loaded_at) "
        "SELECT 'old ' || n, 'v', :at FROM generate_series(1, 20000) n RETURNING 1) SELECT count(*) FROM made",
        at=clock.now(),
    )
    async with asyncio.timeout(20):
        await deliver(*[loaded(clock, "ingest", f"{n:064}") for n in range(100)])
    await deliver(loaded(clock, "hotlist", "2" * 64))
    assert await findings("policies_differ") == [{"digests": [f"{99:064}", "2" * 64]}]
