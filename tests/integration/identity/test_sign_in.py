"""Enrolment, sign-in with a second factor, locking, and the secrets that are never stored."""

import asyncio
import logging
from collections import Counter
from datetime import timedelta

import pyotp
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from services.identity.workers.housekeeping import disable_all_inactive
from shared.events import AccountChanged, RefusalsCounted, SessionChanged
from shared.limits.refusals import Allowance
from tests.integration.identity.conftest import PASSWORD, Person


async def invited(administrator):
    """Invite an officer, who is called j.rivera; return the answer."""
    return await administrator.post(
        "/v1/accounts",
        username="j.rivera",
        name="Jo Rivera",
        title="Police Officer",
        agency_ori="CA0520100",
    )


@pytest.mark.clause("468.6(a)/login")
async def test_a_person_enrols_signs_in_and_sees_themselves(hire, published):
    officer = await hire("o.seven", "officer", sources=("department", "state"))
    me = (await officer.get("/v1/me")).json()
    assert (me["status"], me["roles"]) == ("active", ["officer"])
    assert me["sources"] == ["department", "state"]
    assert "record:search" in me["permissions"]
    assert me["refresher_due"]
    changes = [e for e in await published(AccountChanged) if e.key == officer.account_id]
    assert [e.change for e in changes] == ["created", "invitation_delivered", "enrolled"]
    assert changes[-1].actor.person_id == officer.account_id
    opened = [e for e in await published(SessionChanged) if e.change == "opened"]
    assert opened[-1].actor.person_id == officer.account_id


async def test_opened_and_refused_sessions_are_counted(hire):
    officer = await hire("o.seven", "officer")

    def counted(change):
        return REGISTRY.get_sample_value("alpr_session_changes_total", {"change": change}) or 0

    opened, refused = counted("opened"), counted("refused")
    assert (await officer.try_sign_in(password="a wrong password")).status_code == 401
    await officer.sign_in()
    assert (counted("opened"), counted("refused")) == (opened + 1, refused + 1)


@pytest.mark.clause("468.6(a)/login")
async def test_an_invitation_is_valid_once_and_expires(administrator, client, clock, handed_over):
    made = await administrator.post(
        "/v1/accounts",
        username="late.comer",
        name="Late Comer",
        title="Dispatcher",
        agency_ori="CA0520100",
        roles=["dispatcher"],
    )
    token = await handed_over(made)
    person = await Person(client, clock, "late.comer").enrol(token)
    again = await client.post(
        "/v1/enrolment", json={"invitation_token": token, "password": PASSWORD}
    )
    assert again.status_code == 401

    renewed = await administrator.post(
        f"/v1/accounts/{person.account_id}/invitation", reason="lost the telephone"
    )
    assert renewed.status_code == 200
    assert (await person.try_sign_in()).status_code == 401  # the old second factor is gone
    token = await handed_over(renewed)
    clock.advance(hours=73)
    late = await client.post(
        "/v1/enrolment", json={"invitation_token": token, "password": PASSWORD}
    )
    assert late.status_code == 401
    assert "expired" in late.json()["detail"]


@pytest.mark.clause("468.6/breached-passwords")
async def test_weak_passwords_are_refused_and_not_stored(
    administrator, client, identity, handed_over
):
    made = await invited(administrator)
    token = await handed_over(made)
    for weak in ("short1!", "iloveyou", "TrustNo1", "Baseball2026!", "xJ.Riverax9", "aabbaabb"):
        answer = await client.post(
            "/v1/enrolment", json={"invitation_token": token, "password": weak}
        )
        assert answer.status_code == 422, weak
        assert answer.json()["field"] == "password"
        assert weak not in answer.text
    async with identity.begin() as unit:
        found = await unit.connection.execute(text("SELECT count(*) FROM credentials"))
        assert found.scalar_one() == 1  # the administrator's


@pytest.mark.clause("468.6(a)/login")
async def test_a_wrong_code_does_not_enrol(administrator, client, clock, handed_over):
    made = await invited(administrator)
    token = await handed_over(made)
    begun = await client.post(
        "/v1/enrolment", json={"invitation_token": token, "password": PASSWORD}
    )
    right = pyotp.TOTP(begun.json()["totp_secret"]).at(clock.now())
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    answer = await client.post(
        "/v1/enrolment/confirmation", json={"invitation_token": token, "totp": wrong}
    )
    assert (answer.status_code, answer.json()["field"]) == (422, "totp")
    account = (
        await administrator.get(f"/v1/accounts/{made.json()['account']['account_id']}")
    ).json()
    assert account["status"] == "invited"


@pytest.mark.clause("468.6(a)/login")
async def test_a_code_is_accepted_once(hire, clock):
    officer = await hire("o.seven", "officer")
    assert (await officer.try_sign_in()).status_code == 401  # `hire` used this code
    clock.advance(seconds=30)
    code = officer.code()
    assert (await officer.try_sign_in(code=code)).status_code == 201
    assert (await officer.try_sign_in(code=code)).status_code == 401
    clock.advance(seconds=30)
    assert (await officer.try_sign_in(code=code)).status_code == 401  # in the window, but used
    early = pyotp.TOTP(officer.secret).at(clock.now() + timedelta(seconds=30))
    assert (await officer.try_sign_in(code=early)).status_code == 201  # a fast authenticator
    assert (await officer.try_sign_in()).status_code == 401  # before the last one accepted


@pytest.mark.clause("468.6(a)/login")
async def test_an_enrolment_that_began_twice_changes_nothing_once_it_is_confirmed(
    administrator, client, clock, handed_over, while_hashing
):
    """While the password of the second is hashed, the person confirms the first."""
    made = await invited(administrator)
    token = await handed_over(made)
    person = Person(client, clock, "j.rivera")
    while_hashing(lambda: person.enrol(token))
    late = await client.post(
        "/v1/enrolment", json={"invitation_token": token, "password": "some other plain words"}
    )
    assert (late.status_code, late.json()["code"]) == (401, "invitation_not_held")
    await person.sign_in()


@pytest.mark.clause("468.6(a)/login")
async def test_the_code_of_the_enrolment_opens_no_session(
    administrator, client, clock, handed_over
):
    made = await invited(administrator)
    officer = await Person(client, clock, "j.rivera").enrol(await handed_over(made))
    assert (await officer.try_sign_in()).status_code == 401
    await officer.sign_in()


@pytest.mark.clause("468.6(a)/login")
async def test_hashing_anew_at_a_sign_in_does_not_replace_a_password_that_was_set_meanwhile(
    hire, clock, identity, while_hashing, monkeypatch
):
    """While the old password is hashed with other costs, another session of the person changes it."""
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    next_code = pyotp.TOTP(officer.secret).at(clock.now() + timedelta(seconds=30))
    changed = while_hashing(
        lambda: officer.post(
            "/v1/me/password",
            current_password=officer.password,
            totp=next_code,
            password="quite another phrase",
        )
    )
    monkeypatch.setattr(identity.hasher, "is_outdated", lambda hashed: True)
    assert (await officer.try_sign_in()).status_code == 201
    assert changed[0].status_code == 204
    clock.advance(minutes=1)
    assert (await officer.try_sign_in()).status_code == 401
    assert (await officer.try_sign_in(password="quite another phrase")).status_code == 201


@pytest.mark.clause("468.6(a)/lock")
async def test_five_failures_lock_until_an_administrator_releases(
    hire, administrator, clock, published
):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=5)
    for _ in range(5):
        assert (await officer.try_sign_in(password="wrong and wrong")).status_code == 401
    assert (await officer.try_sign_in()).status_code == 401  # right, but locked
    assert (await officer.get("/v1/me")).status_code == 200  # the session goes on
    assert (await officer.renew()).status_code == 200
    clock.advance(days=1)
    assert (await officer.try_sign_in()).status_code == 401
    locked = [e for e in await published(AccountChanged) if e.change == "sign_in_locked"]
    assert locked[0].actor.person_id == "system:identity"
    assert "5 failed sign-ins in 15 minutes" in locked[0].details["reason"]
    assert locked[0].details["client_address"] == "127.0.0.1"

    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/lock/release"
    released = await administrator.post(path, reason="identified at the desk")
    assert released.json()["status"] == "active"
    assert (await officer.try_sign_in(password="wrong and wrong")).status_code == 401
    await officer.sign_in()
    assert (await officer.get("/v1/me")).status_code == 200
    unlocked = [e for e in await published(AccountChanged) if e.change == "unlocked"]
    assert unlocked[0].actor.name == "Ada Min"
    assert str(unlocked[0].account_id) == officer.account_id


@pytest.mark.clause("468.6(a)/lock")
async def test_failures_far_apart_do_not_lock(hire, clock):
    officer = await hire("o.seven", "officer")
    for _ in range(6):
        clock.advance(minutes=4)
        assert (await officer.try_sign_in(password="wrong and wrong")).status_code == 401
    await officer.sign_in()


@pytest.mark.clause("468.6(a)/lock")
async def test_failures_count_for_the_whole_window(hire, clock):
    officer = await hire("o.seven", "officer")
    for _ in range(5):
        clock.advance(minutes=3)
        assert (await officer.try_sign_in(password="wrong and wrong")).status_code == 401
    assert (await officer.try_sign_in()).status_code == 401, "five failures within 12 minutes lock"


@pytest.mark.clause("468.6(a)/login")
async def test_password_and_code_are_both_needed(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    assert (await officer.try_sign_in(password="wrong and wrong")).status_code == 401
    assert (await officer.try_sign_in(code="000000")).status_code == 401
    assert (await officer.try_sign_in()).status_code == 201


@pytest.mark.clause("468.6(a)/lock")
async def test_guesses_in_parallel_lock_too(hire, clock, identity):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    code = officer.code()
    answers = await asyncio.gather(
        *(officer.try_sign_in(password=f"wrong guess {n}", code=code) for n in range(12))
    )
    assert {answer.status_code for answer in answers} == {401}
    async with identity.begin() as unit:
        account = await unit.accounts.find_username("o.seven")
        failures = await unit.connection.execute(text("SELECT count(*) FROM failed_sign_ins"))
        assert failures.scalar_one() == 5
    assert account.sign_in_locked_at is not None


async def test_a_flood_of_sign_ins_is_limited_and_counted_and_leaves_other_routes_available(
    hire, client, clock, published, runtime
):
    officer = await hire("o.seven", "officer")
    await officer.sign_in()
    runtime.refusals.allowance = Allowance(5, 0.001)
    body = {"username": "no.body", "password": PASSWORD, "totp": "000000"}
    answers = await asyncio.gather(*(client.post("/v1/sessions", json=body) for _ in range(30)))
    assert Counter(answer.status_code for answer in answers) == {401: 5, 429: 25}
    assert (await officer.try_sign_in()).status_code == 429
    assert (await officer.get("/v1/me")).status_code == 200
    assert (await officer.renew()).status_code == 200
    clock.advance(minutes=1)
    await runtime.refusals.record()
    single = [e for e in await published(SessionChanged) if e.change == "refused"]
    counted = [e for e in await published(RefusalsCounted) if e.route == "/v1/sessions"]
    assert len(single) == 5
    assert sum(e.count for e in counted) == 25 + 1


async def test_refused_enrolments_are_counted(client, clock, published, runtime):
    body = {"invitation_token": "n2S4Yl0cV5b8mKQ1xT7dZr9uWj3fHgAe", "password": PASSWORD}
    for _ in range(3):
        assert (await client.post("/v1/enrolment", json=body)).status_code == 401
    clock.advance(minutes=1)
    await runtime.refusals.record()
    [counted] = await published(RefusalsCounted)
    assert (counted.route, counted.count) == ("/v1/enrolment", 3)


async def test_an_unknown_username_gets_the_same_answer_and_is_not_recorded(
    hire, client, clock, published
):
    officer = await hire("o.seven", "officer")
    known = await officer.try_sign_in(password="wrong and wrong")
    stranger = Person(client, clock, "hunter2 typed here", secret=officer.secret)
    unknown = await stranger.try_sign_in()
    assert known.status_code == unknown.status_code == 401
    assert known.json()["detail"] == unknown.json()["detail"]
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert [e.reason for e in refused] == ["wrong password or second factor", "unknown username"]
    assert refused[0].actor.person_id == officer.account_id
    assert refused[1].actor.person_id == "unknown"
    assert "hunter2" not in repr(refused)


async def test_a_locked_account_gets_the_same_answer_and_its_refusal_is_recorded(
    hire, administrator, published
):
    officer = await hire("o.seven", "officer")
    wrong = await officer.try_sign_in(password="wrong and wrong")
    path = f"/v1/accounts/{officer.account_id}/lock"
    await administrator.sign_in()
    assert (await administrator.post(path, reason="badge lost")).status_code == 200
    locked = await officer.try_sign_in()
    assert (locked.status_code, locked.json()["code"]) == (401, wrong.json()["code"])
    assert locked.json()["detail"] == wrong.json()["detail"]
    refused = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert (refused[-1].reason, refused[-1].actor.person_id) == (
        "the account is locked",
        officer.account_id,
    )
    assert {str(one.account_id) for one in refused} == {officer.account_id}
    assert {one.client_address for one in refused} == {"127.0.0.1"}


COMPOSED, DECOMPOSED = "f\N{LATIN SMALL LETTER I WITH DIAERESIS}ne", "fi\N{COMBINING DIAERESIS}ne"


@pytest.mark.parametrize(
    ("enrolled", "typed"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)], ids=ascii
)
async def test_a_password_typed_on_another_keyboard_is_the_same_password(
    administrator, client, clock, handed_over, enrolled, typed
):
    made = await invited(administrator)
    person = Person(client, clock, "j.rivera", password=f"{enrolled} words here")
    await person.enrol(await handed_over(made))
    person.password = f"{typed} words here"
    assert (await person.sign_in()).access


async def test_a_right_sign_in_does_not_count_against_its_address(hire, identity, monkeypatch):
    officer = await hire("o.seven", "officer")
    forgiven = []
    monkeypatch.setattr(identity.sign_in_queue, "forgive", forgiven.append)
    assert (await officer.try_sign_in(password="wrong and wrong")).status_code == 401
    assert forgiven == []
    await officer.sign_in()
    assert forgiven == ["127.0.0.1"]


@pytest.mark.clause("468.6/inactive")
async def test_an_account_unused_for_ninety_days_is_disabled(
    hire, train, administrator, clock, published
):
    officer = await hire("o.seven", "officer")
    dispatcher = await hire("d.one", "dispatcher", title="Dispatcher")
    await train(officer)
    clock.advance(days=80)
    await dispatcher.sign_in()
    await administrator.sign_in()
    clock.advance(days=11)
    assert (await officer.try_sign_in()).status_code == 401
    assert (await administrator.get(f"/v1/accounts/{officer.account_id}")).status_code == 401
    await administrator.sign_in()
    shown = (await administrator.get(f"/v1/accounts/{officer.account_id}")).json()
    assert shown["status"] == "disabled"
    disabled = [e for e in await published(AccountChanged) if e.change == "disabled"]
    assert disabled[0].details["reason"] == "not used for 90 days"

    path = f"/v1/accounts/{officer.account_id}/reinstatement"
    assert (await administrator.post(path, reason="back from leave")).status_code == 200
    await officer.sign_in()
    await dispatcher.sign_in()


@pytest.mark.clause("468.6/inactive")
async def test_the_daily_task_disables_without_a_sign_in(hire, administrator, identity, clock):
    officer, locked = [await hire(name, "officer") for name in ("o.seven", "o.eight")]
    clock.advance(days=60)
    await administrator.sign_in()
    path = f"/v1/accounts/{locked.account_id}/lock"
    assert (await administrator.post(path, reason="badge lost")).status_code == 200
    clock.advance(days=30, seconds=-61)
    assert await disable_all_inactive(identity) == 0
    clock.advance(seconds=1)  # ninety days to the second
    assert await disable_all_inactive(identity) == 1
    clock.advance(days=1)
    assert await disable_all_inactive(identity) == 0
    async with identity.begin() as unit:
        account = await unit.accounts.find_username("o.seven")
        other = await unit.accounts.find_username("o.eight")
    assert (account.status, other.status) == ("disabled", "locked")
    assert (await officer.get("/v1/me")).status_code == 401


@pytest.mark.clause("468.3.1(b)/training")
async def test_an_account_with_lapsed_training_is_not_reinstated_before_retraining(
    hire, administrator, train, identity, clock
):
    officer = await hire("o.seven", "officer")
    clock.advance(days=60)
    await administrator.sign_in()
    clock.advance(days=31)
    await disable_all_inactive(identity)
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/reinstatement"
    for again in (path, f"/v1/accounts/{officer.account_id}/invitation"):
        refused = await administrator.post(again, reason="back from leave")
        problem = (refused.status_code, refused.json()["code"])
        assert problem == (409, "account_training_not_current")


async def test_no_secret_is_logged_or_sent(hire, client, clock, waiting, caplog):
    caplog.set_level(logging.DEBUG)
    officer = await hire("o.seven", "officer")
    secrets = [PASSWORD, officer.secret, officer.access, officer.refresh]
    await officer.renew()
    await officer.try_sign_in(password="another guess at it")
    await officer.post(
        "/v1/me/password",
        current_password=PASSWORD,
        totp=officer.code(),
        password="quite another phrase",
    )
    await client.post(
        "/v1/sessions", json={"username": ["x"], "password": "shape is wrong", "totp": "1"}
    )
    secrets += [officer.access, officer.refresh]
    secrets += ["another guess at it", "quite another phrase", "shape is wrong", "$argon2"]
    bodies = await waiting()
    assert any("enrolled" in body for body in bodies)
    assert any("/v1/me/password" in body and "[hidden]" in body for body in bodies)
    for secret in secrets:
        assert secret not in caplog.text
        assert not [body for body in bodies if secret in body]


@pytest.mark.clause("468.6(a)/login")
async def test_secrets_are_kept_sealed_or_hashed(hire, identity):
    officer = await hire("o.seven", "officer")
    async with identity.begin() as unit:
        rows = await unit.connection.execute(text("SELECT * FROM credentials"))
        tokens = await unit.connection.execute(text("SELECT token_hash FROM refresh_tokens"))
        keys = await unit.connection.execute(text("SELECT sealed FROM signing_keys"))
        kept = repr([*rows, *tokens, *keys])
    for secret in (PASSWORD, officer.secret, officer.refresh, '"d":'):
        assert secret not in kept
    assert "$argon2id$" in kept


async def test_faulty_requests_name_the_field(client):
    cases = [
        ({"username": "a", "password": "b", "totp": "12345"}, "body.totp"),
        ({"username": "a", "password": "b"}, "body.totp"),
        ({"username": "a", "password": "", "totp": "123456"}, "body.password"),
        ({"username": "a", "password": "b" * 129, "totp": "123456"}, "body.password"),
        ({"username": "a" * 65, "password": "b", "totp": "123456"}, "body.username"),
        ({"username": "a", "password": "b", "totp": "123456", "admin": True}, "body.admin"),
    ]
    for body, field in cases:
        answer = await client.post("/v1/sessions", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    odd = {"username": "a\x00b", "password": "b\x00\u2028", "totp": "123456"}
    assert (await client.post("/v1/sessions", json=odd)).status_code == 401
    sent = {"Content-Type": "application/json"}
    for lone in (
        b'{"username": "\\ud800", "password": "b", "totp": "123456"}',
        b'{"username": "a", "password": "\\ud800", "totp": "123456"}',
    ):
        assert (await client.post("/v1/sessions", content=lone, headers=sent)).status_code == 422
    for broken in (b"{", b'{"username": "\xff"}', b"[" * 100_000):
        answer = await client.post("/v1/sessions", content=broken, headers=sent)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
