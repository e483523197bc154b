"""Sessions: rotation, reuse, idle limit, sign-out, and revocation that other services see."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from services.identity.actions.proof import known_since
from services.identity.workers.housekeeping import close_stale_sessions
from shared.accounts.tokens import LEEWAY_S, verify
from shared.core.errors import CredentialEnded
from shared.events import AccountChanged, SessionChanged
from shared.testing import some_people


async def test_refresh_rotates_and_keeps_the_session(hire, published):
    officer = await hire("o.seven", "officer")
    first, old_access = officer.refresh, officer.access
    assert (await officer.renew()).status_code == 200
    assert officer.refresh != first
    assert officer.access != old_access
    assert (await officer.get("/v1/me")).status_code == 200
    assert [e.change for e in await published(SessionChanged)][-1] == "refreshed"


async def test_a_refresh_token_used_twice_closes_the_session(hire, clock, published):
    officer = await hire("o.seven", "officer")
    stolen = officer.refresh
    assert (await officer.renew()).status_code == 200
    clock.advance(seconds=1)
    thief = await officer.client.post("/v1/sessions/renewal", json={"refresh_token": stolen})
    assert thief.status_code == 401
    assert (await officer.get("/v1/me")).status_code == 401  # the access token ended too
    assert (await officer.renew()).status_code == 401
    events = [e for e in await published(SessionChanged) if e.account_id]
    closed = [e.reason for e in events if e.change == "closed"]
    assert closed == ["refresh token used twice"]
    refused = [e.reason for e in events if e.change == "refused"]
    assert refused == ["refresh token used twice", "the session is closed"]
    assert {e.client_address for e in events if e.change != "closed"} == {"127.0.0.1"}
    await officer.sign_in()
    assert (await officer.get("/v1/me")).status_code == 200


async def test_an_unknown_refresh_token_is_refused_and_recorded(client, published):
    answer = await client.post("/v1/sessions/renewal", json={"refresh_token": "x" * 43})
    assert answer.status_code == 401
    [refused] = await published(SessionChanged)
    assert (refused.change, refused.reason) == ("refused", "unknown refresh token")


@pytest.mark.clause("468.6/idle")
async def test_thirty_idle_minutes_end_a_session(hire, clock, published):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=29)
    assert (await officer.renew()).status_code == 200
    clock.advance(minutes=31)
    assert (await officer.renew()).status_code == 401
    closed = [e for e in await published(SessionChanged) if e.change == "closed"]
    assert closed[-1].reason == "idle for more than 30 minutes"


@pytest.mark.clause("468.6/idle")
async def test_a_session_ends_after_a_shift_even_if_it_is_used(hire, clock):
    officer = await hire("o.seven", "officer")
    for _ in range(28):
        clock.advance(minutes=25)
        assert (await officer.renew()).status_code == 200
    clock.advance(minutes=25)
    assert (await officer.renew()).status_code == 401


@pytest.mark.clause("468.6/idle")
async def test_no_access_token_outlives_its_session(hire, clock, identity):
    officer = await hire("o.seven", "officer")
    opened_at = clock.now()
    for _ in range(28):
        clock.advance(minutes=25)
        assert (await officer.renew()).status_code == 200
    clock.advance(minutes=15)
    assert (await officer.renew()).status_code == 200
    assert clock.now() == opened_at + timedelta(hours=11, minutes=55)
    clock.advance(minutes=5, seconds=-1)
    assert (await officer.get("/v1/me")).status_code == 200
    clock.advance(seconds=1 + LEEWAY_S)
    await close_stale_sessions(identity)
    assert (await officer.get("/v1/me")).status_code == 401


async def test_housekeeping_closes_idle_sessions(hire, clock, identity, published):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=31)
    assert await close_stale_sessions(identity) == 2  # the administrator's too
    assert await close_stale_sessions(identity) == 0
    assert (await officer.renew()).status_code == 401
    closed = [e for e in await published(SessionChanged) if e.change == "closed"]
    assert {e.actor.person_id for e in closed} == {"system:identity"}


async def test_a_session_that_is_closed_is_not_closed_again(
    hire, administrator, identity, clock, published
):
    officer = await hire("o.seven", "officer")
    signed_out = await officer.client.delete("/v1/sessions/current", headers=officer.headers)
    assert signed_out.status_code == 204
    await officer.sign_in()
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/lock"
    assert (await administrator.post(path, reason="lost badge")).status_code == 200
    events = [e for e in await published(SessionChanged) if e.change == "closed"]
    closed = [e for e in events if str(e.account_id) == officer.account_id]
    assert [e.reason for e in closed] == ["signed out", "account locked"]
    assert len({e.session_id for e in closed}) == 2


async def test_an_access_token_is_valid_for_ten_minutes(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=9, seconds=59)
    assert (await officer.get("/v1/me")).status_code == 200
    clock.advance(seconds=1)
    assert (await officer.get("/v1/me")).status_code == 401


async def test_a_revocation_by_a_replica_whose_clock_is_ahead_does_not_end_later_tokens(
    hire, administrator, clock
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    clock.advance(seconds=2)
    roles = f"/v1/accounts/{officer.account_id}/roles"
    assert (await administrator.put(roles, roles=["dispatcher"])).status_code == 200
    clock.advance(seconds=-2)
    assert (await officer.renew()).status_code == 200
    assert (await officer.get("/v1/me")).status_code == 200


async def test_a_revocation_ends_the_token_of_a_replica_whose_clock_is_ahead(
    hire, administrator, clock
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    clock.advance(seconds=2)
    assert (await officer.renew()).status_code == 200
    issued_ahead = replace(officer)
    clock.advance(seconds=-2)
    assert (await officer.renew()).status_code == 200
    roles = f"/v1/accounts/{officer.account_id}/roles"
    assert (await administrator.put(roles, roles=["dispatcher"])).status_code == 200
    assert (await issued_ahead.get("/v1/me")).status_code == 401


@pytest.mark.clause("468.6/inactive")
async def test_an_open_session_of_an_account_that_is_not_active_gets_no_new_tokens(
    hire, as_owner, published
):
    officer = await hire("o.seven", "officer")
    async with as_owner("identity") as connection:  # whatever left the session open
        await connection.execute(
            text("UPDATE accounts SET status = 'disabled' WHERE account_id = :account_id"),
            {"account_id": officer.account_id},
        )
    assert (await officer.renew()).status_code == 401
    refused = (await published(SessionChanged))[-1]
    assert (refused.change, refused.reason) == ("refused", "the account is disabled")


async def test_signing_out_ends_the_access_token(hire, clock, published):
    officer = await hire("o.seven", "officer")
    clock.advance(seconds=1)
    gone = await officer.client.delete("/v1/sessions/current", headers=officer.headers)
    assert gone.status_code == 204
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 401
    assert [e.change for e in await published(SessionChanged)][-2] == "closed"


@pytest.mark.clause("468.6/separation")
async def test_a_separation_revokes_tokens_in_every_service_at_once(
    hire, administrator, clock, published, identity
):
    officer = await hire("o.seven", "officer", sources=("state",))
    await administrator.sign_in()
    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}/separation"
    separated = await administrator.post(path, reason="left the department")
    assert separated.status_code == 200
    shown = separated.json()
    assert (shown["status"], shown["roles"], shown["sources"]) == ("separated", [], [])
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 401
    assert (await officer.try_sign_in()).status_code == 401
    async with identity.begin() as unit:
        assert await unit.credentials.find(UUID(officer.account_id)) is None
        browser_id = identity.browser_tokens.browser_of(officer.browser)
        assert not await unit.browsers.is_known(browser_id, known_since(unit))
    closed = [e for e in await published(SessionChanged) if e.change == "closed"]
    assert [(str(e.account_id), e.reason) for e in closed] == [
        (officer.account_id, "account separated")
    ]
    [event] = [e for e in await published(AccountChanged) if e.change == "separated"]
    assert event.tokens_valid_from == clock.now()
    assert (event.status, event.actor.name) == ("separated", "Ada Min")
    assert event.details["reason"] == "left the department"
    assert event.details["held"] == {"roles": ["officer"], "sources": ["state"]}
    for act in ("lock/release", "reinstatement", "invitation", "separation"):
        again = await administrator.post(
            f"/v1/accounts/{officer.account_id}/{act}", reason="come back"
        )
        assert again.status_code == 409, act


@pytest.mark.clause("wall/tick")
async def test_a_service_believes_the_newer_of_a_token_and_an_event_of_the_account(
    hire, administrator, people, clock, published
):
    """The first request after an enrolment overtakes the enrolment's event on its way through Kafka."""
    officer = await hire("o.seven", "officer")
    claims = verify(officer.access, people.keys, "access", clock.now())
    changes = [
        e for e in await published(AccountChanged) if str(e.account_id) == officer.account_id
    ]
    elsewhere = some_people(clock)
    newest_bar = max(e.account_number for e in changes if e.status != "active")
    for event in changes:
        if event.account_number <= newest_bar:
            elsewhere.learn(event)
    elsewhere.check(claims)

    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}/separation"
    assert (await administrator.post(path, reason="left")).status_code == 200
    elsewhere.learn((await published(AccountChanged))[-1])
    with pytest.raises(CredentialEnded, match="separated"):
        elsewhere.check(claims)
