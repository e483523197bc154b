"""A person's own account: training, sign-ins, other sessions, and a new second factor."""

import asyncio
from datetime import datetime, timedelta

import pyotp
import pytest

from shared.events import AccountChanged, SessionChanged
from tests.integration.identity.conftest import Person

pytestmark = pytest.mark.usefixtures("runtime")
FACTOR = "/v1/me/second-factor"


@pytest.fixture
async def officer(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    return officer


@pytest.fixture
async def elsewhere(officer, client, clock):
    """The same person, signed in a second time."""
    other = Person(client, clock, "o.seven", secret=officer.secret)
    await other.sign_in()
    clock.advance(minutes=1)
    return other


async def offer(person, **changes):
    proof = {"current_password": person.password, "totp": person.code()} | changes
    return await person.post(FACTOR, **proof)


def code_of(secret, clock, later_s=0):
    return pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=later_s))


async def confirm(person, offered, clock, **changes):
    body = {
        "change_token": offered["change_token"], "totp": code_of(offered["totp_secret"], clock),
    }  # fmt: skip
    return await person.post(f"{FACTOR}/confirmation", **body | changes)


async def test_a_person_sees_their_own_training_and_that_of_no_other(officer, train, hire):
    other = await hire("o.eight", "officer")
    await train(officer, other)
    [record] = (await officer.get("/v1/me/training")).json()["items"]
    assert record["account_id"] == officer.account_id
    assert record["course"] == "ALPR operator"


async def test_sign_ins_are_listed_newest_first_with_those_that_ended(officer, elsewhere, client):
    found = (await elsewhere.get("/v1/me/sessions")).json()["items"]
    assert [one["current"] for one in found] == [True, False]
    assert {one["closed_at"] for one in found} == {None}
    assert found[0]["client_address"] == "127.0.0.1"
    assert (await officer.renew()).status_code == 200
    assert (await client.delete("/v1/sessions/current", headers=officer.headers)).status_code == 204
    await elsewhere.renew()
    found = (await elsewhere.get("/v1/me/sessions")).json()["items"]
    assert [one["closed_reason"] for one in found] == [None, "signed out"]
    first = (await elsewhere.get("/v1/me/sessions?limit=1")).json()
    rest = (await elsewhere.get(f"/v1/me/sessions?limit=1&after={first['next']}")).json()
    assert first["items"] + rest["items"] == found


async def test_sign_ins_of_another_person_are_no_place_to_go_on_from(officer, hire):
    other = await hire("o.eight", "officer")
    await other.sign_in()
    of_other = (await other.get("/v1/me/sessions?limit=1")).json()
    answer = await officer.get(f"/v1/me/sessions?after={of_other['next']}")
    assert answer.json()["items"] == []


async def test_other_sessions_end_and_this_one_goes_on(officer, elsewhere, published):
    assert (await officer.renew()).status_code == 200
    assert (await officer.post("/v1/me/sessions/closure")).status_code == 204
    assert (await elsewhere.get("/v1/me")).status_code == 401
    assert (await elsewhere.renew()).status_code == 401
    assert (await officer.renew()).status_code == 200
    assert (await officer.get("/v1/me")).status_code == 200
    [closed] = [e for e in await published(SessionChanged) if e.change == "closed"]
    assert closed.reason == "signed out from another session"
    assert closed.actor.person_id == officer.account_id
    assert (await officer.post("/v1/me/sessions/closure")).status_code == 204, "there is no other"
    assert (await officer.get("/v1/me")).status_code == 200, "so no token ended"


@pytest.mark.clause("468.6(a)/change-of-second-factor")
async def test_a_new_second_factor_is_in_force_once_a_code_proves_it(
    officer, elsewhere, clock, published
):
    await officer.renew()
    answer = await offer(officer)
    assert answer.status_code == 200, answer.text
    offered = answer.json()
    assert offered["totp_secret"] != officer.secret
    assert datetime.fromisoformat(offered["expires_at"]) == clock.now() + timedelta(minutes=10)
    assert offered["username"] == "o.seven"
    assert offered["totp_secret"] in offered["provisioning_uri"]
    wrong = await confirm(officer, offered, clock, totp=officer.code())
    assert (wrong.status_code, wrong.json()["field"]) == (422, "totp")
    clock.advance(minutes=1)
    still = await officer.try_sign_in()
    assert still.status_code == 201, "the present one is valid until then"
    assert (await confirm(officer, offered, clock)).status_code == 204
    for person in (officer, elsewhere):
        assert (await person.get("/v1/me")).status_code == 401
        assert (await person.renew()).status_code == 401
    again = await confirm(officer, offered, clock)
    assert again.status_code == 401
    used = await officer.try_sign_in(code=code_of(offered["totp_secret"], clock))
    assert used.status_code == 401, "its first code is used up"
    clock.advance(minutes=1)
    assert (await officer.try_sign_in()).status_code == 401
    clock.advance(minutes=1)
    officer.secret = offered["totp_secret"]
    await officer.sign_in()
    [changed] = [e for e in await published(AccountChanged) if e.change == "second_factor_changed"]
    assert changed.actor.person_id == str(changed.account_id) == officer.account_id
    assert offered["totp_secret"] not in str(changed)


@pytest.mark.clause("468.6(a)/change-of-second-factor")
async def test_a_new_second_factor_is_offered_to_a_person_with_both_factors_alone(
    officer, clock, published
):
    for changes in ({"current_password": "not this one"}, {"totp": "000000"}):
        refused = await offer(officer, **changes)
        assert (refused.status_code, refused.json()["field"]) == (422, "current_password")
    for _ in range(3):
        refused = await offer(officer, current_password="a guess, again")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_closed_by_failures")
    assert (await officer.renew()).status_code == 401
    assert (await officer.try_sign_in()).status_code == 401, "sign-in is locked"
    own, why = officer.account_id, "wrong password or second factor at a change of second factor"
    told = [
        (str(e.account_id), e.actor.person_id, e.client_address, e.session_id is not None)
        for e in await published(SessionChanged)
        if (e.change, e.reason) == ("refused", why)
    ]
    assert told == [(own, own, "127.0.0.1", True)] * 5


@pytest.mark.clause("468.6(a)/change-of-second-factor")
async def test_a_code_opens_one_offer_and_a_second_try_with_it_is_told_so(officer, published):
    code = officer.code()
    assert (await offer(officer, totp=code)).status_code == 200
    for changes, told in (
        ({}, ("code_used", "totp")),
        ({"current_password": "not this one"}, ("password_proof_wrong", "current_password")),
        ({"totp": "000000"}, ("password_proof_wrong", "current_password")),
    ):
        refused = await offer(officer, **{"totp": code} | changes)
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            422,
            *told,
        )
    reasons = [e.reason for e in await published(SessionChanged) if e.change == "refused"]
    wrong = "wrong password or second factor at a change of second factor"
    assert reasons == ["this code was used already at a change of second factor", wrong, wrong]


@pytest.mark.clause("468.6(a)/change-of-second-factor")
async def test_an_offered_key_is_for_its_session_and_for_some_minutes(officer, elsewhere, clock):
    await officer.renew()
    offered = (await offer(officer)).json()
    await elsewhere.renew()
    for person, changes in (
        (elsewhere, {}),
        (officer, {"change_token": "cGx3LWtlazE" * 12}),
        (officer, {"change_token": "A" * 41}),
    ):
        refused = await confirm(person, offered, clock, **changes)
        assert refused.json()["code"] == "second_factor_not_offered"
    clock.advance(minutes=9)
    await officer.renew()
    clock.advance(minutes=1)
    late = await confirm(officer, offered, clock)
    assert (late.status_code, late.json()["field"]) == (422, "change_token")


@pytest.mark.clause("468.6(a)/change-of-second-factor")
async def test_of_two_offers_confirmed_at_once_one_counts(officer, clock, client):
    first = (await offer(officer)).json()
    clock.advance(minutes=1)
    second = (await offer(officer)).json()
    answers = await asyncio.gather(*(confirm(officer, one, clock) for one in (first, second)))
    assert sorted(answer.status_code for answer in answers) == [204, 401]
    [kept] = [
        one for one, answer in zip((first, second), answers, strict=True) if answer.is_success
    ]
    clock.advance(minutes=1)
    officer.secret = kept["totp_secret"]
    await officer.sign_in()
