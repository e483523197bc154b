"""Hard to impersonate, hard to lock out: the effects of strangers' failures, and their limits (ADR-0033)."""

import asyncio
import contextlib
import threading
from base64 import urlsafe_b64decode
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pyotp
import pytest
from sqlalchemy import text

from services.identity.actions.sign_in_queue import MAX_WAITING
from services.identity.domain.browser_tokens import BrowserTokens
from services.identity.store.accounts import Accounts
from services.identity.workers import housekeeping
from shared.events import AccountChanged, RefusalsCounted, SessionChanged
from shared.limits.refusals import Allowance

WRONG = "wrong and wrong"


def client_at(app, address):
    """Return a client with an address of its own."""
    transport = httpx.ASGITransport(app, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url="http://identity")


def forged(token):
    """Return the same browser's token, signed with another key."""
    return BrowserTokens(bytes(32)).token_of(UUID(bytes=urlsafe_b64decode(token)[:16]))


async def wrong_five_times(person, *, browser=None):
    """Fail five times; return the answers."""
    answers = [await person.try_sign_in(password=WRONG, browser=browser) for _ in range(5)]
    return {answer.status_code for answer in answers}


@pytest.mark.clause("468.6(a)/known-browser")
async def test_failures_of_strangers_block_neither_open_sessions_nor_known_browsers(
    hire, clock, published
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    assert (await officer.try_sign_in()).status_code == 401  # right, but from an unknown browser
    assert (await officer.get("/v1/me")).status_code == 200
    assert (await officer.renew()).status_code == 200
    known = await officer.try_sign_in(browser=officer.browser)
    assert known.status_code == 201
    assert known.json()["browser_token"] == officer.browser
    clock.advance(seconds=30)
    assert (await officer.try_sign_in()).status_code == 401  # signing in released no lock
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert refused[-1].reason == "sign-in is locked"
    changes = [e for e in await published(AccountChanged) if e.key == officer.account_id]
    assert [e.change for e in changes] == [
        "created",
        "invitation_delivered",
        "enrolled",
        "sign_in_locked",
    ]
    assert changes[-1].status == "active"


@pytest.mark.clause("468.6(a)/lock")
async def test_guesses_from_many_addresses_are_limited_to_five(hire, clock, app, identity):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    for number in range(5):
        async with client_at(app, f"203.0.113.{number}") as client:
            guess = await client.post(
                "/v1/sessions",
                json={"username": "o.seven", "password": WRONG, "totp": officer.code()},
            )
        assert guess.status_code == 401
    async with client_at(app, "203.0.113.99") as client:
        right = await client.post(
            "/v1/sessions",
            json={"username": "o.seven", "password": officer.password, "totp": officer.code()},
        )
    assert right.status_code == 401
    async with identity.begin() as unit:
        found = await unit.connection.execute(text("SELECT count(*) FROM failed_sign_ins"))
    assert found.scalar_one() == 5


@pytest.mark.clause("468.6(a)/known-browser")
async def test_a_known_browser_has_five_attempts_and_then_loses_its_status(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    stolen = officer.browser
    await officer.sign_in()  # another browser, known too
    clock.advance(minutes=1)
    assert await wrong_five_times(officer, browser=stolen) == {401}
    assert (await officer.try_sign_in(browser=stolen)).status_code == 401
    assert (await officer.try_sign_in()).status_code == 401, "its failures lock sign-in as well"
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201


@pytest.mark.clause("468.6(a)/known-browser")
async def test_failures_of_strangers_do_not_reduce_the_attempts_of_a_known_browser(
    hire, clock, published
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    for _ in range(4):
        await officer.try_sign_in(password=WRONG, browser=officer.browser)
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201
    changes = [event.change for event in await published(AccountChanged)]
    assert changes.count("sign_in_locked") == 1, "it stays locked, and is not locked again"


@pytest.mark.clause("468.6(a)/lock")
async def test_a_sign_in_of_the_owner_does_not_reset_the_count_of_strangers(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    for _ in range(4):
        await officer.try_sign_in(password=WRONG)
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201
    clock.advance(seconds=30)
    await officer.try_sign_in(password=WRONG)
    assert (await officer.try_sign_in()).status_code == 401


@pytest.mark.clause("468.6(a)/known-browser")
async def test_a_browser_known_to_one_account_is_unknown_to_others(hire, clock):
    officer = await hire("o.seven", "officer")
    other = await hire("o.eight", "officer")
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    assert (await officer.try_sign_in(browser=other.browser)).status_code == 401
    for odd in (forged(officer.browser), "x", "A" * 64, officer.browser[:-1] + "!"):
        assert (await officer.try_sign_in(browser=odd)).status_code == 401
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201


@pytest.mark.clause("468.6(a)/known-browser")
async def test_an_account_that_an_administrator_locked_is_locked_everywhere(
    hire, administrator, clock
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}"
    assert (await administrator.post(f"{path}/lock", reason="lost badge")).status_code == 200
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 401
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 401
    assert (await administrator.post(f"{path}/lock/release", reason="found")).status_code == 200
    assert (await officer.try_sign_in()).status_code == 201


@pytest.mark.clause("468.6(a)/lock")
async def test_releasing_the_sign_in_of_a_disabled_account_leaves_it_disabled(
    hire, administrator, clock, as_owner
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    async with as_owner("identity") as connection:
        await connection.execute(
            text("UPDATE accounts SET status = 'disabled' WHERE account_id = :account_id"),
            {"account_id": officer.account_id},
        )
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/lock/release"
    released = (await administrator.post(path, reason="identified at the desk")).json()
    assert (released["status"], released["sign_in_locked_at"]) == ("disabled", None)
    assert (await officer.try_sign_in()).status_code == 401


@pytest.mark.clause("468.6(a)/known-browser")
async def test_releasing_a_locked_account_brings_back_no_session_or_token(
    hire, administrator, clock
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}"
    assert (await administrator.post(f"{path}/lock", reason="lost badge")).status_code == 200
    clock.advance(seconds=1)
    assert (await administrator.post(f"{path}/lock/release", reason="found")).status_code == 200
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 401
    assert (await officer.sign_in()).access


@pytest.mark.clause("468.6(a)/login")
async def test_a_new_enrolment_ends_earlier_sessions_and_tokens(
    hire, administrator, clock, handed_over
):
    officer = await hire("o.seven", "officer")
    stolen = replace(officer)
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/invitation"
    renewed = await administrator.post(path, reason="the laptop was stolen")
    await officer.enrol(await handed_over(renewed))
    assert (await stolen.get("/v1/me")).status_code == 401
    assert (await stolen.renew()).status_code == 401
    await officer.sign_in()
    assert (await stolen.get("/v1/me")).status_code == 401
    assert (await officer.get("/v1/me")).status_code == 200


@pytest.mark.clause("468.6(a)/lock")
async def test_a_new_enrolment_begins_the_count_of_failures_anew(
    hire, administrator, clock, handed_over
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/invitation"
    renewed = await administrator.post(path, reason="forgot the password")
    await officer.enrol(await handed_over(renewed))
    assert (await officer.try_sign_in(password=WRONG)).status_code == 401
    await officer.sign_in()


@pytest.mark.clause("468.6(a)/known-browser")
async def test_a_new_enrolment_forgets_earlier_known_browsers(
    hire, administrator, clock, handed_over
):
    officer = await hire("o.seven", "officer")
    stolen = officer.browser
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/invitation"
    renewed = await administrator.post(path, reason="the laptop was stolen")
    await officer.enrol(await handed_over(renewed))
    await officer.sign_in()
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    assert (await officer.try_sign_in(browser=stolen)).status_code == 401
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201


@pytest.mark.clause("468.6/separation")
async def test_no_browser_stays_known_for_an_account_that_has_ended(hire, administrator, identity):
    officer, colleague = await hire("o.seven", "officer"), await hire("o.eight", "officer")
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/separation"
    assert (await administrator.post(path, reason="left")).status_code == 200
    async with identity.begin() as unit:
        found = await unit.connection.execute(text("SELECT account_id FROM known_browsers"))
    known = {str(account_id) for account_id in found.scalars()}
    assert known == {colleague.account_id, administrator.account_id}


@pytest.mark.clause("468.6(a)/known-browser")
async def test_browsers_are_known_for_the_time_and_number_of_the_policy(
    hire, clock, policy, identity
):
    colleague, officer = await hire("o.eight", "officer"), await hire("o.seven", "officer")
    first = officer.browser
    for _ in range(policy.accounts.known_browsers):
        await officer.sign_in()
    clock.advance(minutes=1)
    assert await wrong_five_times(colleague) == {401}
    assert (await colleague.try_sign_in(browser=colleague.browser)).status_code == 201
    assert await wrong_five_times(officer) == {401}
    assert (await officer.try_sign_in(browser=first)).status_code == 401  # ten came after it
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201
    clock.advance(days=policy.accounts.known_browser_days)
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 401
    await housekeeping.once(identity)
    async with identity.begin() as unit:
        found = await unit.connection.execute(text("SELECT count(*) FROM known_browsers"))
    assert found.scalar_one() == 0


@pytest.mark.clause("468.6(a)/lock")
async def test_an_administrator_sees_and_releases_a_lock_of_sign_in(hire, administrator, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    assert await wrong_five_times(officer) == {401}
    await administrator.sign_in()
    listed = (await administrator.get("/v1/accounts?sign_in_locked=true")).json()["items"]
    assert [(a["username"], a["status"]) for a in listed] == [("o.seven", "active")]
    assert listed[0]["sign_in_locked_at"]
    path = f"/v1/accounts/{officer.account_id}/lock/release"
    released = await administrator.post(path, reason="identified at the desk")
    assert released.json()["sign_in_locked_at"] is None
    assert (await officer.try_sign_in(password=WRONG)).status_code == 401  # the count begins anew
    assert (await officer.try_sign_in()).status_code == 201
    assert (await administrator.post(path, reason="once more")).status_code == 409


@pytest.mark.clause("468.6(a)/known-browser")
async def test_a_flood_at_its_address_does_not_stop_a_known_browser(hire, client, clock, runtime):
    officer = await hire("o.seven", "officer")
    runtime.refusals.allowance = Allowance(5, 0.001)
    body = {"username": "no.body", "password": WRONG, "totp": "000000"}
    answers = await asyncio.gather(*(client.post("/v1/sessions", json=body) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 25}
    clock.advance(minutes=1)
    assert (await officer.try_sign_in()).status_code == 429
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201
    assert (await officer.try_sign_in(browser=forged(officer.browser))).status_code == 429
    for _ in range(5):  # it has an allowance of its own, and no other
        refused = await officer.try_sign_in(password=WRONG, browser=officer.browser)
        assert refused.status_code == 401
    assert (await officer.try_sign_in(browser=officer.browser)).status_code == 429


@pytest.mark.clause("468.6(a)/known-browser")
async def test_a_known_browser_has_no_allowance_of_its_own_at_other_doors(hire, client, runtime):
    officer = await hire("o.seven", "officer")
    runtime.refusals.allowance = Allowance(5, 0.001)
    body, known = {"refresh_token": "x" * 43}, {"X-Known-Browser": officer.browser}
    for _ in range(5):
        await client.post("/v1/sessions/renewal", json=body, headers=known)
    late = await client.post("/v1/sessions/renewal", json=body, headers=known)
    stranger = await client.post("/v1/sessions/renewal", json=body)
    assert (late.status_code, stranger.status_code) == (429, 429)


@pytest.mark.clause("468.6(a)/known-browser")
async def test_passwords_of_strangers_do_not_wait_before_those_of_known_browsers(
    hire, client, clock, identity, monkeypatch
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    go_on, compare = threading.Event(), identity.hasher._same

    def compare_slowly(hashed, password):
        if password == WRONG:
            go_on.wait(60)
        return compare(hashed, password)

    monkeypatch.setattr(identity.hasher, "_same", compare_slowly)
    body = {"username": "no.body", "password": WRONG, "totp": "000000"}
    flood = [
        asyncio.create_task(client.post("/v1/sessions", json=body)) for _ in range(2 * MAX_WAITING)
    ]
    while not any(task.done() for task in flood):  # the first to end is one turned away
        await asyncio.sleep(0)
    try:
        assert (await officer.try_sign_in()).status_code == 429
        async with asyncio.timeout(15):  # the strangers' comparisons end only below
            assert (await officer.try_sign_in(browser=officer.browser)).status_code == 201
    finally:
        go_on.set()
    answers = Counter(answer.status_code for answer in await asyncio.gather(*flood))
    assert answers[429] > 0


@pytest.mark.clause("468.6(a)/strangers")
async def test_an_address_is_limited_to_twenty_failed_sign_ins_and_the_rest_is_counted(
    app, clock, runtime, published, queried_names
):
    body = {"username": "no.body", "password": WRONG, "totp": "000000"}
    async with client_at(app, "203.0.113.50") as client:
        answers = await asyncio.gather(*(client.post("/v1/sessions", json=body) for _ in range(60)))
        found = Counter(answer.status_code for answer in answers)
        assert found[401] + found[429] == 60
        assert 1 <= found[401] <= 20
        queried_names.clear()
        again = await client.post("/v1/sessions", json=body)
    assert again.status_code == 429
    assert queried_names == []
    clock.advance(minutes=2)
    await runtime.refusals.record()
    counted = [e for e in await published(RefusalsCounted) if e.route == "/v1/sessions"]
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert sum(e.count for e in counted) == found[429] + 1
    assert len(refused) == found[401]


@pytest.fixture
def queried_names(monkeypatch):
    """The names that the tables were asked for."""
    names = []
    find = Accounts.find_username

    async def noted(self, username, **how):
        names.append(username)
        return await find(self, username, **how)

    monkeypatch.setattr(Accounts, "find_username", noted)
    return names


@pytest.mark.clause("468.6(a)/strangers")
async def test_a_flood_from_a_hundred_addresses_does_not_delay_an_address_without_failures(
    hire, app, clock, queried_names, runtime, published
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    body = {"password": WRONG, "totp": "000000"}
    async with contextlib.AsyncExitStack() as stack:
        addresses = [f"198.51.100.{n}" for n in range(100)]
        strangers = [await stack.enter_async_context(client_at(app, a)) for a in addresses]
        for client in strangers[:3]:  # these have failed before
            await client.post("/v1/sessions", json={**body, "username": "no.body"})
        queried_names.clear()
        flood = [
            asyncio.create_task(
                strangers[n % 3].post("/v1/sessions", json={**body, "username": f"no.body.{n}"})
            )
            for n in range(60)
        ]
        while not any(task.done() for task in flood):
            await asyncio.sleep(0)
        new = await stack.enter_async_context(client_at(app, "203.0.113.7"))
        right = {"username": "o.seven", "password": officer.password, "totp": officer.code()}
        assert (await new.post("/v1/sessions", json=right)).status_code == 201
        ahead = queried_names.index("o.seven")
        assert ahead <= 6, "it was ahead of all who waited at addresses that had failed"
        answers = Counter(answer.status_code for answer in await asyncio.gather(*flood))
    assert answers[429] >= 20
    assert answers[401] + answers[429] == 60
    asked = [name for name in queried_names if name.startswith("no.body.")]
    assert len(set(asked)) == answers[401], "nothing was looked up for who was turned away"
    clock.advance(minutes=2)
    await runtime.refusals.record()
    counted = [e for e in await published(RefusalsCounted) if e.route == "/v1/sessions"]
    assert sum(event.count for event in counted) == answers[429]


@pytest.mark.clause("468.6(a)/code-twice")
async def test_a_right_code_sent_six_times_at_once_opens_one_session_and_locks_no_account(
    hire, clock, published
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    code = officer.code()
    answers = await asyncio.gather(*(officer.try_sign_in(code=code) for _ in range(6)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 401: 5}
    clock.advance(seconds=30)
    assert (await officer.try_sign_in()).status_code == 201, "it was not locked"
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert {e.reason for e in refused} == {"this code was used already"}


@pytest.mark.clause("468.6(a)/code-twice")
async def test_a_used_code_with_a_wrong_password_counts_as_a_failure(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    code = officer.code()
    assert (await officer.try_sign_in(code=code)).status_code == 201
    for _ in range(5):
        await officer.try_sign_in(password=WRONG, code=code)
    clock.advance(seconds=30)
    assert (await officer.try_sign_in()).status_code == 401


async def change(person, *, current=None, code=None, new="quite another phrase"):
    return await person.post(
        "/v1/me/password",
        current_password=current or person.password,
        totp=code or person.code(),
        password=new,
    )


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_a_changed_password_needs_both_factors_and_ends_all_sessions(hire, clock, published):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    wrong = await change(officer, current="not this one")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "current_password")
    other_code = f"{(int(officer.code()) + 1) % 1_000_000:06d}"
    uncoded = await change(officer, code=other_code)
    assert uncoded.json()["detail"] == wrong.json()["detail"]
    missing = await officer.post(
        "/v1/me/password", current_password=officer.password, password="quite another phrase"
    )
    assert (missing.status_code, missing.json()["field"]) == (422, "body.totp")
    assert (await change(officer)).status_code == 204
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 401
    clock.advance(seconds=30)
    assert (await officer.try_sign_in()).status_code == 401
    officer.password = "quite another phrase"
    await officer.sign_in()
    [changed] = [e for e in await published(AccountChanged) if e.change == "password_changed"]
    assert changed.actor.person_id == str(changed.account_id) == officer.account_id


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_a_changed_password_is_the_same_on_another_keyboard(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    typed = await change(
        officer, current="\uff46our plain words here", new="\uff51uite another phrase"
    )
    assert typed.status_code == 204, typed.text
    officer.password = "quite another phrase"
    await officer.sign_in()


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_a_password_that_was_changed_while_it_was_verified_opens_no_session(
    hire, clock, identity, monkeypatch
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    next_code = pyotp.TOTP(officer.secret).at(clock.now() + timedelta(seconds=30))
    verify = identity.hasher.verify

    async def change_after(hashed, password, *, known=False):
        monkeypatch.setattr(identity.hasher, "verify", verify)
        right = await verify(hashed, password, known=known)
        assert (await change(officer)).status_code == 204
        return right

    monkeypatch.setattr(identity.hasher, "verify", change_after)
    assert (await officer.try_sign_in(code=next_code)).status_code == 401


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_a_change_does_not_replace_a_password_that_was_set_meanwhile(
    hire, clock, while_hashing
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    next_code = pyotp.TOTP(officer.secret).at(clock.now() + timedelta(seconds=30))
    between = while_hashing(lambda: change(officer, code=next_code, new="the phrase of the second"))
    late = await change(officer, new="the phrase of the first")
    assert between[0].status_code == 204
    assert (late.status_code, late.json()["code"]) == (409, "password_changed_meanwhile")
    clock.advance(minutes=1)
    officer.password = "the phrase of the second"
    await officer.sign_in()


@pytest.mark.clause("468.6/breached-passwords")
async def test_a_change_refuses_a_weak_password_and_the_one_in_use(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    for new in ("short1!", "iloveyou", "Baseball2026!", "xO.Sevenx9", officer.password):
        refused = await change(officer, new=new)
        assert (refused.status_code, refused.json()["field"]) == (422, "password"), new
        assert new not in refused.text
    assert (await change(officer)).status_code == 204  # none of these used the code up


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_guesses_in_a_session_count_as_failed_sign_ins_and_end_it(hire, clock, published):
    officer = await hire("o.seven", "officer")
    elsewhere = officer.browser
    clock.advance(minutes=1)
    answers = [await change(officer, current=f"guess number {n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 401]
    assert (await change(officer)).status_code == 401
    assert (await officer.renew()).status_code == 401
    assert (await officer.try_sign_in()).status_code == 401, "sign-in is locked"
    assert (await officer.try_sign_in(browser=elsewhere)).status_code == 201
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    reason = "wrong password or second factor at a change of password"
    assert [e.reason for e in refused].count(reason) == 5


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_a_change_clears_the_failures_of_its_session(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    for n in range(4):
        assert (await change(officer, current=f"guess number {n}")).status_code == 422
    assert (await change(officer)).status_code == 204
    assert (await officer.try_sign_in(password=WRONG)).status_code == 401
    officer.password = "quite another phrase"
    assert (await officer.sign_in()).access, "one failure locks nothing"


@pytest.mark.clause("468.6(a)/change-of-password")
async def test_parallel_guesses_in_a_session_do_not_exceed_the_limit_of_failures(
    hire, clock, identity
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    answers = await asyncio.gather(*(change(officer, current=f"guess {n}") for n in range(12)))
    assert not [answer for answer in answers if answer.status_code not in {401, 422}]
    async with identity.begin() as unit:
        found = await unit.connection.execute(text("SELECT count(*) FROM failed_sign_ins"))
    assert found.scalar_one() == 5


@pytest.mark.clause("468.6(a)/code-twice")
async def test_a_password_change_sent_several_times_at_once_counts_no_failure(
    hire, clock, identity
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    answers = await asyncio.gather(*(change(officer) for _ in range(6)))
    assert [answer.status_code for answer in answers].count(204) == 1
    async with identity.begin() as unit:
        found = await unit.connection.execute(text("SELECT count(*) FROM failed_sign_ins"))
    assert found.scalar_one() == 0
