"""An administrator releases a person, for one case, from the limit of records a day; on record."""

from datetime import timedelta

import pytest

from shared.accounts.tokens import verify
from shared.events import AccessAttempted, LimitLifted
from tests.integration.identity.declaring import a_purpose, officer

__all__ = ["officer"]

pytestmark = pytest.mark.clause("468.4(a)/disclosed-limit")

CASE = {"case_number": "26-001234", "reason": "Canvass of two weeks around a homicide"}


def lifts(person):
    return f"/v1/accounts/{person.account_id}/limit-lifts"


@pytest.fixture
def until(people, clock):
    """Declare a purpose; return until when its token lifts the limit."""

    async def declare(person, **changes):
        answer = await person.post("/v1/purposes", **a_purpose(**changes))
        assert answer.status_code == 201, answer.text
        claims = verify(answer.json()["purpose_token"], people.keys, "purpose", clock.now())
        return claims.get("limit_lifted_until")

    return declare


async def test_a_limit_lift_applies_to_purposes_of_its_case_only(
    administrator, officer, hire, train, until, clock, published
):
    assert await until(officer) is None
    await administrator.sign_in()
    answer = await administrator.post(lifts(officer), **CASE)
    assert answer.status_code == 201, answer.text
    end = clock.now() + timedelta(hours=24)
    [event] = await published(LimitLifted)
    assert (str(event.account_id), event.case_number) == (officer.account_id, "26-001234")
    assert (event.actor.person_id, event.reason) == (administrator.account_id, CASE["reason"])
    assert event.until == end
    await officer.renew()
    assert await until(officer, case_number="26-001234") == end.timestamp()
    assert await until(officer, case_number="26-009999") is None
    assert await until(officer, case_number=None, call_number="26-001234") is None
    other = await hire("o.eight", "officer")
    await train(other)
    assert await until(other) is None
    await administrator.sign_in()
    [listed] = (await administrator.get(lifts(officer))).json()["items"]
    assert (listed["case_number"], listed["lifted_by"]) == ("26-001234", administrator.account_id)
    assert (await administrator.get(lifts(other))).json()["items"] == []


async def test_a_lift_applies_to_its_case_in_capitals_or_small_letters(
    administrator, officer, until, clock
):
    await administrator.sign_in()
    case = {**CASE, "case_number": "tcs-26-0417"}
    assert (await administrator.post(lifts(officer), **case)).status_code == 201
    end = (clock.now() + timedelta(hours=24)).timestamp()
    await officer.sign_in()
    assert await until(officer, case_number="TCS-26-0417") == end


async def test_a_limit_lift_expires(administrator, officer, until, clock):
    await administrator.sign_in()
    assert (await administrator.post(lifts(officer), **CASE)).status_code == 201
    clock.advance(hours=24)
    await officer.sign_in()
    assert await until(officer) is None


async def test_the_longest_of_several_lifts_of_a_case_applies(administrator, officer, until, clock):
    for _ in range(2):
        clock.advance(hours=1)
        await administrator.sign_in()
        assert (await administrator.post(lifts(officer), **CASE)).status_code == 201
    await officer.sign_in()
    given_at = clock.now() - timedelta(seconds=30)
    assert await until(officer) == (given_at + timedelta(hours=24)).timestamp()


@pytest.mark.clause("468.3.1(d)/refusals")
async def test_an_account_cannot_lift_its_own_limit_or_any_limit_without_the_permission(
    administrator, officer, published
):
    await administrator.sign_in()
    own = await administrator.post(lifts(administrator), **CASE)
    assert (own.status_code, own.json()["code"]) == (403, "own_account")
    refused = (await published(AccessAttempted))[-1]
    assert (refused.allowed, refused.request_id) == (False, own.headers["x-request-id"])
    assert "own account" in refused.reason
    await officer.renew()
    assert (await officer.post(lifts(administrator), **CASE)).status_code == 403
    assert (await officer.post(lifts(officer), **CASE)).status_code == 403


async def test_a_limit_lift_needs_a_case_and_an_active_account(administrator, officer):
    await administrator.sign_in()
    vague = await administrator.post(lifts(officer), **CASE | {"case_number": "the case"})
    assert (vague.status_code, vague.json()["field"]) == (422, "case_number")
    locked = await administrator.post(
        f"/v1/accounts/{officer.account_id}/lock", reason="on leave for a month"
    )
    assert locked.status_code == 200
    assert (await administrator.post(lifts(officer), **CASE)).status_code == 409
