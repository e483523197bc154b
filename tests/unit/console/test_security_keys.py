"""A person's security keys at the console: what forms bring to identity, and what pages say."""

import json

import httpx
import pytest

from tests.unit.console.services import HIT, OTHER_HIT, page_of, problem

AT = "2026-06-01T11:00:00+00:00"
ISSUED = {
    "challenge": "cGx3LWtlazGqkVh0", "relying_party": "console.example.org",
    "expires_at": "2026-06-01T12:05:00+00:00",
}  # fmt: skip
OFFER = ISSUED | {
    "department": "Orland Police Department", "user_handle": "AAECAw", "username": "o.lindqvist",
    "name": "Ola Lindqvist", "algorithms": [-8, -7, -257], "known": ["c29tZQ"],
}  # fmt: skip
KEY = {"key_id": HIT, "name": "on my <ring>", "added_at": AT, "used_at": AT}
OTHER = {"key_id": OTHER_HIT, "name": "in my drawer", "added_at": AT, "used_at": None}
ANSWER = {
    "credential_id": "u9mZ", "client_data": "eyJ0", "authenticator_data": "SZYN", "signature": "MEUC",
}  # fmt: skip
MADE = {"client_data": "eyJ0", "attestation": "o2Nm"}
REMOVAL = "/account/security-keys/removal"


def only(services, keys_only):
    services.answers["GET /me"] = lambda _: httpx.Response(
        200, json=services.me() | {"keys_only": keys_only}
    )


@pytest.fixture
def person(officer, services):
    """An officer with two keys."""
    services.answers["GET /me/security-keys"] = page_of(KEY, OTHER)
    services.answers["POST /me/challenge"] = lambda _: httpx.Response(200, json=ISSUED)
    services.answers["POST /me/security-keys/offer"] = lambda _: httpx.Response(200, json=OFFER)
    services.answers["POST /sessions/challenge"] = lambda _: httpx.Response(200, json=ISSUED)
    return officer


def sent(services, path):
    """The bodies of requests to a path, which end with it."""
    return [json.loads(asked.content) for asked in services.asked("POST", path)]


async def test_keys_are_listed_with_their_last_use(person, services):
    await person.open("/account/security-keys")
    assert "on my <ring> 2026-06-01 11:00:00 UTC 2026-06-01 11:00:00 UTC" in person.said
    assert "in my drawer 2026-06-01 11:00:00 UTC not yet" in person.said
    assert "Sign in with security keys only" in person.said
    only(services, True)
    await person.open("/account/security-keys")
    assert "Let codes count again" in person.said
    services.answers["GET /me/security-keys"] = page_of()
    only(services, False)
    await person.open("/account/security-keys")
    assert "You have none" in person.said
    assert "/account/keys-only" not in person.page.text
    assert REMOVAL not in person.page.text


async def test_the_sign_in_page_gets_a_challenge_for_its_own_form_alone(person, services):
    await person.send("/sign-out")
    await person.open("/sign-in")
    assert 'data-challenge="/sign-in/challenge"' in person.page.text
    answer = await person.ask("/sign-in/challenge")
    assert answer.json() == ISSUED
    forged = await person.ask("/sign-in/challenge", token="x" * 43)
    assert forged.status_code == 403
    services.answers["POST /sessions/challenge"] = lambda _: problem(
        422, "Refused", "this system uses no security keys"
    )
    await person.open("/sign-in")
    answer = await person.ask("/sign-in/challenge")
    assert (answer.status_code, answer.json()) == (
        422,
        {"fault": "this system uses no security keys"},
    )


async def test_a_challenge_of_a_session_needs_the_session(person, services):
    await person.open("/account/password")
    assert 'data-challenge="/account/challenge"' in person.page.text
    assert (await person.ask("/account/challenge")).json() == ISSUED
    token = person.token()
    await person.send("/sign-out")
    asked = len(services.asked("POST", "/me/challenge"))
    refused = await person.ask("/account/challenge", token=token)
    assert refused.status_code == 401
    assert len(services.asked("POST", "/me/challenge")) == asked


async def test_the_answer_of_a_key_stands_for_the_code(person, services):
    await person.send("/sign-out")
    await person.open("/sign-in")
    await person.send(
        "/sign-in", username="o.lindqvist", password="right words", totp="",
        security_key=json.dumps(ANSWER),
    )  # fmt: skip
    assert sent(services, "/v1/sessions")[-1] == {
        "username": "o.lindqvist", "password": "right words", "security_key": ANSWER,
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    ["{", "[]", "{}", json.dumps(ANSWER | {"more": "x"}), json.dumps(ANSWER | {"signature": 1})],
)
async def test_what_is_no_answer_of_a_key_is_not_sent(person, services, answer):
    await person.open("/account/password")
    refused = await person.send(
        "/account/password", current_password="right words", security_key=answer,
        password="four plain words", password_again="four plain words",
    )  # fmt: skip
    assert refused.status_code == 403
    assert "not readable" in person.said
    assert sent(services, "/me/password") == []


async def test_a_key_is_made_for_the_offer_that_its_page_has(person, services):
    await person.open("/account/security-keys/new")
    await person.send("/account/security-keys/new", current_password="right words", totp="123 456")
    assert sent(services, "/me/security-keys/offer") == [
        {"current_password": "right words", "totp": "123456"}
    ]
    shown = person.page.text
    [offer] = [part.split('"')[0] for part in shown.split('data-offer="')[1:]]
    read = json.loads(offer.replace("&#34;", '"'))
    assert read == {name: OFFER[name] for name in OFFER if name != "expires_at"}
    [sealed] = [part.split('"')[0] for part in shown.split('name="offer" value="')[1:]]
    services.answers["POST /me/security-keys"] = lambda _: problem(
        422, "Refused", "too long", field="body.name"
    )
    made = {"offer": sealed, "security_key": json.dumps(MADE)}
    again = await person.send("/account/security-keys/new/key", name="on my ring", **made)
    assert again.status_code == 422
    assert 'id="name-wrong"' in again.text
    assert 'value="on my ring"' in again.text
    assert "data-offer" in again.text
    services.answers["POST /me/security-keys"] = lambda _: problem(
        422, "Refused", "begin again", code="security_key_wrong"
    )
    late = await person.send("/account/security-keys/new/key", name="on my ring", **made)
    assert "Step 1 of 2" in late.text
    services.answers["POST /me/security-keys"] = lambda _: httpx.Response(201, json=KEY)
    await person.send("/account/security-keys/new/key", name="on my ring", **made)
    assert sent(services, "/me/security-keys")[-1] == {"name": "on my ring", **MADE}
    assert person.page.url.path == "/account/security-keys"


async def test_an_offer_that_this_console_did_not_seal_is_refused(person, services):
    await person.open("/account/security-keys/new")
    answer = await person.send(
        "/account/security-keys/new/key", name="x", offer="c" * 100, security_key=json.dumps(MADE)
    )
    assert answer.status_code == 403
    assert services.asked("POST", "/me/security-keys") == []


async def test_the_chosen_key_is_removed(person, services):
    services.answers[f"POST /me/security-keys/{HIT}/removal"] = lambda _: httpx.Response(204)
    await person.open(REMOVAL)
    none = await person.send(REMOVAL, key_id="../accounts", current_password="x", totp="123456")
    assert none.status_code == 422
    assert 'id="key_id-wrong"' in none.text
    refused = problem(422, "Refused", "wrong", field="body.current_password")
    services.answers[f"POST /me/security-keys/{HIT}/removal"] = lambda _: refused
    again = await person.send(REMOVAL, key_id=HIT, current_password="x", totp="123456")
    assert f'<option value="{HIT}" selected>' in again.text
    services.answers[f"POST /me/security-keys/{HIT}/removal"] = lambda _: httpx.Response(204)
    await person.send(REMOVAL, key_id=HIT, current_password="right words", totp="123456")
    assert sent(services, "/removal")[-1] == {"current_password": "right words", "totp": "123456"}
    assert person.page.url.path == "/account/security-keys"


@pytest.mark.parametrize(("keys_only", "asked"), [(False, "yes"), (True, "no")])
async def test_codes_end_or_count_again_at_the_word_of_a_key(person, services, keys_only, asked):
    only(services, keys_only)
    services.answers["POST /me/keys-only"] = lambda _: httpx.Response(204)
    await person.open("/account/keys-only")
    assert f'name="keys_only" value="{asked}"' in person.page.text
    assert 'name="totp"' not in person.page.text
    await person.send(
        "/account/keys-only", keys_only=asked, current_password="right words",
        security_key=json.dumps(ANSWER),
    )  # fmt: skip
    assert sent(services, "/me/keys-only") == [
        {"keys_only": not keys_only, "current_password": "right words", "security_key": ANSWER}
    ]


async def test_whoever_has_one_key_is_told_to_add_a_second(person, services):
    services.answers["GET /me/security-keys"] = page_of(KEY)
    await person.open("/account/keys-only")
    assert "add a second one first" in person.said
    services.answers["POST /me/keys-only"] = lambda _: problem(409, "Conflict", "no key")
    answer = await person.send(
        "/account/keys-only", keys_only="yes", current_password="x", security_key=json.dumps(ANSWER)
    )
    assert answer.status_code == 409
    services.answers["GET /me/security-keys"] = page_of()
    await person.open("/account/keys-only")
    assert "You have no security key yet" in person.said


async def test_whoever_signed_in_by_code_is_told_which_rights_need_a_key(person, services):
    services.answers["GET /me"] = lambda _: httpx.Response(
        200, json=services.me() | {"withheld_roles": ["alpr_administrator", "officer"]}
    )
    services.answers["GET /me/training"] = services.answers["GET /me/sessions"] = page_of()
    await person.open("/account")
    assert (
        "Your rights as ALPR administrator, Officer come with a sign-in by security key"
        in person.said
    )
    await person.open("/")
    assert (
        "Your rights as ALPR administrator, Officer come with a sign-in by security key"
        in person.said
    )
    services.answers.pop("GET /me")
    await person.open("/account")
    assert "come with a sign-in by security key" not in person.said
