"""A person's own account at the console: rights, training, sign-ins."""

import httpx
import pytest

from services.console.domain.rights import rights_in_words
from tests.unit.console.services import HIT, OTHER_HIT, READ, page_of, problem

AT = "2026-06-01T11:00:00+00:00"
HOSTILE = "<script>alert(1)</script>"


def a_sign_in(**changes):
    return {
        "session_id": HIT, "opened_at": AT, "used_at": AT, "client_address": "192.0.2.7",
        "closed_at": None, "closed_reason": None, "current": False, **changes,
    }  # fmt: skip


COURSE = {
    "training_id": HIT, "account_id": READ, "course": "ALPR operator", "completed_on": AT,
    "valid_until": "2027-06-01T00:00:00Z", "recorded_by": OTHER_HIT, "recorded_at": AT,
}  # fmt: skip
OFFER = {
    "username": "o.lindqvist", "totp_secret": "GEZDGNBVGY3TQOJQ",
    "provisioning_uri": "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ", "change_token": "c" * 120,
    "expires_at": "2026-06-01T12:10:00Z",
}  # fmt: skip


@pytest.fixture
async def person(officer, services):
    """An officer with one course and three sign-ins."""
    services.answers["GET /me/training"] = page_of(COURSE)
    services.answers["GET /me/sessions"] = page_of(
        a_sign_in(current=True), a_sign_in(client_address=None),
        a_sign_in(closed_at=AT, closed_reason=HOSTILE), after="NDE=",
    )  # fmt: skip
    return officer


def test_rights_are_listed_in_order_with_those_that_wait_for_training(clock):
    held = ["hit:read", "account:self", "later:permission"]
    found = rights_in_words(held, None, clock.now())
    assert found == [("use an account", True), ("see hits", False)]
    assert all(can for _, can in rights_in_words(held, clock.now().replace(2027), clock.now()))


async def test_the_account_shows_rights_training_and_sign_ins(person):
    assert '<a href="/account"' in person.page.text
    await person.open("/account")
    assert "Officer receives alerts, verifies hits, searches records" in person.said
    assert "search the records" in person.said
    assert "ALPR operator 2026-06-01 2027-06-01" in person.said
    assert "192.0.2.7" in person.said
    assert "this session" in person.said
    assert "still open" in person.said
    assert HOSTILE not in person.page.text
    assert "/account?after=NDE%3D" in person.page.text
    await person.open("/account?after=NDE%3D")
    assert "Sign out everywhere else" not in person.said


async def test_who_is_not_trained_reads_which_rights_wait_for_it(person, services):
    services.trained_until = None
    services.answers["GET /me/training"] = page_of()
    await person.open("/account")
    assert "No department-approved training of yours is on record" in person.said
    assert "search the records not without current training" in person.said
    assert "use an account not without" not in person.said


async def test_a_refresher_that_is_due_is_said(person, services):
    services.answers["GET /me"] = lambda _: httpx.Response(
        200, json=services.me() | {"refresher_due": True}
    )
    await person.open("/account")
    assert "The refresher is due" in person.said


async def test_a_second_factor_that_was_offered_too_long_ago_is_begun_again(person, services):
    services.answers["POST /me/second-factor"] = lambda _: httpx.Response(200, json=OFFER)
    services.answers["POST /me/second-factor/confirmation"] = lambda _: problem(
        422, "Refused", "begin again", field="change_token", code="second_factor_not_offered"
    )
    await person.open("/account/second-factor")
    answer = await person.send(
        "/account/second-factor", current_password="right words", totp="123 456"
    )
    assert "GEZD GNBV" in person.said
    assert OFFER["change_token"] not in answer.text, "it is sealed"
    [sealed] = [part.split('"')[0] for part in answer.text.split('name="factor" value="')[1:]]
    answer = await person.send("/account/second-factor/code", factor=sealed, totp="111111")
    assert answer.status_code == 422
    assert 'action="/account/second-factor"' in answer.text
    assert "GEZD" not in answer.text


async def test_a_second_factor_that_this_console_did_not_seal_is_refused(person, services):
    await person.open("/account/second-factor")
    answer = await person.send("/account/second-factor/code", factor="c" * 100, totp="111111")
    assert answer.status_code == 403
    assert services.asked("POST", "/confirmation") == []


async def test_two_different_passwords_are_not_sent(person, services):
    await person.open("/account/password")
    answer = await person.send(
        "/account/password", current_password="right words", totp="123456",
        password="four plain words", password_again="four plain wards",
    )  # fmt: skip
    assert answer.status_code == 422
    assert 'id="password_again-wrong"' in answer.text
    assert "four plain w" not in answer.text
    assert services.asked("POST", "/me/password") == []


async def test_a_locked_sign_in_is_said_before_a_change_that_ends_this_session(person, services):
    services.answers["GET /me"] = lambda _: httpx.Response(
        200, json=services.me() | {"sign_in_locked_at": AT}
    )
    await person.open("/account")
    assert "an ALPR administrator has to unlock your sign-in first" in person.said
