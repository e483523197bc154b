"""Security keys and passkeys: made for a person, asked for at sign-in and at changes, and gone with the account."""

import asyncio
import json
import random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256, ES384

from services.identity.actions import webauthn
from services.identity.actions.proof import AT_SIGN_IN
from shared.events import AccountChanged, SessionChanged
from tests.authenticator import HOST, Authenticator, from_base64url, to_base64url
from tests.integration.identity.conftest import Person

pytestmark = [pytest.mark.usefixtures("runtime"), pytest.mark.clause("468.6(a)/security-keys")]
ANOTHER_CURVE = ec.derive_private_key(7, ec.SECP384R1())
"""A right key, of an algorithm that was not offered."""

KEYS = "/v1/me/security-keys"
OFFER = f"{KEYS}/offer"


@pytest.fixture
async def officer(hire, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    return officer


@pytest.fixture
async def key(officer, clock):
    """The officer's security key."""
    key = Authenticator()
    added = await add(officer, key)
    assert added.status_code == 201, added.text
    clock.advance(minutes=1)
    return key


async def offer(person, **changes):
    proof = {"current_password": person.password, "totp": person.code()} | changes
    return await person.post(OFFER, **{name: given for name, given in proof.items() if given})


async def add(person, key, name="on my ring", **instead):
    offered = await offer(person)
    assert offered.status_code == 200, offered.text
    return await confirm(person, key, offered.json(), name, **instead)


async def confirm(person, key, offered, name="on my ring", **instead):
    return await person.post(KEYS, name=name, **key.make(offered, **instead))


async def challenge(client):
    answer = await client.post("/v1/sessions/challenge")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def sign_in(person, answer, *, password=None):
    body = {"username": person.username, "password": password or person.password}
    return await person.client.post("/v1/sessions", json={**body, "security_key": answer})


async def proof(person, key):
    issued = (await person.post("/v1/me/challenge")).json()
    return {"current_password": person.password, "security_key": key.answer(issued)}


async def key_ids(person):
    return [one["key_id"] for one in (await person.get(KEYS)).json()["items"]]


async def refusals(published):
    return [e.reason for e in await published(SessionChanged) if e.change == "refused"]


async def test_a_person_adds_a_key_and_signs_in_with_it(officer, client, clock, published):
    offered = (await offer(officer)).json()
    assert offered["relying_party"] == HOST
    assert offered["username"] == "o.seven"
    assert offered["user_handle"] != to_base64url(b"o.seven")
    assert offered["known"] == []
    key = Authenticator()
    added = await confirm(officer, key, offered, "  on my ring ")
    assert added.status_code == 201, added.text
    assert added.json()["name"] == "on my ring"
    assert added.json()["used_at"] is None
    clock.advance(minutes=1)
    issued = await challenge(client)
    opened = await sign_in(officer, key.answer(issued))
    assert opened.status_code == 201, opened.text
    officer.access = opened.json()["access_token"]
    [held] = (await officer.get(KEYS)).json()["items"]
    assert held["used_at"] is not None
    events = [e for e in await published(SessionChanged) if e.change == "opened"]
    assert [e.factor for e in events][-2:] == ["code", "security_key"]
    [changed] = [e for e in await published(AccountChanged) if e.change == "security_key_added"]
    assert changed.actor.person_id == str(changed.account_id) == officer.account_id
    assert changed.details["key"] == "on my ring"


async def test_codes_count_beside_keys_until_the_person_ends_them(officer, key, clock, published):
    assert (await officer.try_sign_in()).status_code == 201
    by_code = await officer.post(
        "/v1/me/keys-only", keys_only=True, current_password=officer.password, totp="123456"
    )
    assert (by_code.status_code, by_code.json()["field"]) == (422, "security_key")
    assert not (await officer.get("/v1/me")).json()["keys_only"]
    chosen = await officer.post("/v1/me/keys-only", keys_only=True, **await proof(officer, key))
    assert chosen.status_code == 204, chosen.text
    assert (await officer.get("/v1/me")).json()["keys_only"]
    clock.advance(minutes=1)
    assert (await officer.try_sign_in()).status_code == 401
    assert (await refusals(published))[-1] == "right, but by a code: a security key is needed"
    assert (await offer(officer)).status_code == 422, "nor does a code count in a session"
    clock.advance(minutes=1)
    allowed = await officer.post("/v1/me/keys-only", keys_only=False, **await proof(officer, key))
    assert allowed.status_code == 204, allowed.text
    clock.advance(minutes=1)
    assert (await officer.try_sign_in()).status_code == 201
    changes = [e.change for e in await published(AccountChanged)]
    assert changes[-2:] == ["codes_ended", "codes_allowed"]


async def test_the_last_key_of_a_person_without_codes_stays(officer, key, clock):
    await officer.post("/v1/me/keys-only", keys_only=True, **await proof(officer, key))
    clock.advance(minutes=1)
    [only] = await key_ids(officer)
    refused = await officer.post(f"{KEYS}/{only}/removal", **await proof(officer, key))
    assert (refused.status_code, refused.json()["code"]) == (409, "security_key_needed")
    other = Authenticator()
    offered = await officer.post(OFFER, **await proof(officer, key))
    assert (await confirm(officer, other, offered.json(), "in my drawer")).status_code == 201
    clock.advance(minutes=1)
    removed = await officer.post(f"{KEYS}/{only}/removal", **await proof(officer, key))
    assert removed.status_code == 204, removed.text


async def test_a_person_without_a_key_keeps_codes(officer, key, clock, identity):
    """Whatever happens between the proof and the change."""
    given = await proof(officer, key)
    async with identity.begin() as unit:
        for held in await unit.security_keys.of(officer.account_id):
            await unit.security_keys.remove(held.key_id)
    refused = await officer.post("/v1/me/keys-only", keys_only=True, **given)
    assert refused.status_code == 422
    clock.advance(minutes=1)
    assert (await officer.try_sign_in()).status_code == 201


async def test_a_removed_key_signs_nobody_in_and_other_sessions_end(
    officer, key, client, clock, published
):
    other = Person(client, clock, "o.seven", secret=officer.secret)
    await other.sign_in()
    clock.advance(minutes=1)
    [only] = await key_ids(officer)
    assert (await officer.renew()).status_code == 200
    wrong = {"current_password": officer.password, "totp": "000000"}
    refused = await officer.post(f"{KEYS}/{only}/removal", **wrong)
    assert (refused.status_code, refused.json()["code"]) == (422, "password_proof_wrong")
    assert await key_ids(officer) == [only]
    removed = await officer.post(f"{KEYS}/{only}/removal", **await proof(officer, key))
    assert removed.status_code == 204, removed.text
    assert (await other.renew()).status_code == 401
    assert (await officer.renew()).status_code == 200
    assert await key_ids(officer) == []
    clock.advance(minutes=1)
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 401
    [changed] = [e for e in await published(AccountChanged) if e.change == "security_key_removed"]
    assert changed.details["key"] == "on my ring"


async def test_keys_of_others_are_out_of_reach(officer, key, hire, client, clock):
    other = await hire("o.eight", "officer")
    clock.advance(minutes=1)
    assert await key_ids(other) == []
    [only] = await key_ids(officer)
    answer = await other.post(
        f"{KEYS}/{only}/removal", current_password=other.password, totp=other.code()
    )
    assert answer.status_code == 404
    clock.advance(minutes=1)
    assert (await sign_in(other, key.answer(await challenge(client)))).status_code == 401
    taken = await add(other, key)
    assert (taken.status_code, taken.json()["code"]) == (409, "security_key_known")
    clock.advance(minutes=1)
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 201


async def test_a_key_without_the_password_signs_nobody_in(officer, key, client, published):
    issued = await challenge(client)
    answer = key.answer(issued)
    refused = await sign_in(officer, answer, password="other plain words here")
    assert refused.status_code == 401
    assert (await refusals(published))[-1] == "wrong password or second factor"
    assert (await sign_in(officer, answer)).status_code == 201, "the answer was not used up"


async def test_failures_with_keys_lock_sign_in_like_those_with_codes(officer, key, client, clock):
    for _ in range(5):
        clock.advance(seconds=30)
        answer = Authenticator().answer(await challenge(client))
        assert (await sign_in(officer, answer)).status_code == 401
    assert (await officer.get("/v1/me")).json()["sign_in_locked_at"] is not None
    clock.advance(seconds=30)
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 401


async def test_an_answer_signs_in_once(officer, key, client, clock, published):
    answer = key.answer(await challenge(client))
    outcomes = await asyncio.gather(*(sign_in(officer, answer) for _ in range(3)))
    assert sorted(one.status_code for one in outcomes) == [201, 401, 401]
    assert (await refusals(published))[-1] == "this answer of a security key was used already"
    assert (await officer.get("/v1/me")).json()["sign_in_locked_at"] is None
    for _ in range(6):
        assert (await sign_in(officer, answer)).status_code == 401
    assert (await officer.get("/v1/me")).json()["sign_in_locked_at"] is None, "nobody guesses"


async def test_an_answer_to_an_older_challenge_than_the_last_is_used_already(
    officer, client, clock, published
):
    passkey = Authenticator()
    passkey.uses = None
    assert (await add(officer, passkey)).status_code == 201
    clock.advance(minutes=1)
    older = passkey.answer(await challenge(client))
    clock.advance(seconds=10)
    assert (await sign_in(officer, passkey.answer(await challenge(client)))).status_code == 201
    assert (await sign_in(officer, older)).status_code == 401
    assert (await refusals(published))[-1] == "this answer of a security key was used already"


async def test_a_repeated_answer_in_a_session_says_so(officer, key):
    given = await proof(officer, key)
    assert (await officer.post(OFFER, **given)).status_code == 200
    again = await officer.post(OFFER, **given)
    assert (again.status_code, again.json()["code"]) == (422, "answer_used")
    assert again.json()["field"] == "security_key"


async def test_a_challenge_is_answered_within_five_minutes(officer, key, client, clock):
    issued = await challenge(client)
    clock.advance(minutes=5)
    assert (await sign_in(officer, key.answer(issued))).status_code == 401
    issued = await challenge(client)
    clock.advance(minutes=4, seconds=59)
    assert (await sign_in(officer, key.answer(issued))).status_code == 201


async def test_a_challenge_of_another_clock_is_not_answered_before_its_time(
    officer, key, client, clock
):
    issued = await challenge(client)
    clock.advance(seconds=-1)
    assert (await sign_in(officer, key.answer(issued))).status_code == 401


async def test_a_challenge_is_good_at_its_own_place_only(officer, key, hire, client, clock):
    own = (await officer.post("/v1/me/challenge")).json()
    assert (await sign_in(officer, key.answer(own))).status_code == 401
    other = await hire("o.eight", "officer")
    for issued in (await challenge(client), (await other.post("/v1/me/challenge")).json()):
        given = {"current_password": officer.password, "security_key": key.answer(issued)}
        assert (await officer.post(OFFER, **given)).status_code == 422
    clock.advance(minutes=1)
    for issued in (await challenge(client), (await officer.post("/v1/me/challenge")).json()):
        made = await confirm(officer, Authenticator(), issued)
        assert (made.status_code, made.json()["code"]) == (422, "security_key_wrong")
    offered = (await offer(other)).json()
    assert (await confirm(officer, Authenticator(), offered)).status_code == 422
    assert len(await key_ids(officer)) == 1


async def test_a_challenge_that_nobody_issued_is_not_answered(officer, key, client):
    issued = await challenge(client)
    forged = bytearray(from_base64url(issued["challenge"]))
    forged[-1] ^= 1
    for value in (bytes(forged), bytes(32), b"plw-kek1" + bytes(80), b""):
        answer = key.answer({"challenge": to_base64url(value)})
        assert (await sign_in(officer, answer)).status_code == 401
        assert (await refusals_cleared(officer, client)) is None


async def refusals_cleared(officer, client):
    """Sign in rightly from an unknown browser, which clears the failures of such."""
    officer.clock.advance(seconds=30)
    assert (await officer.try_sign_in()).status_code == 201


@pytest.mark.parametrize(
    "origin",
    [
        "https://console.localhost.example.org",
        "https://example.org",
        "https://localhost",
        "https://a.console.localhost",
        "http://console.localhost",
        "android:apk-key-hash:abc",
        "null",
        "",
    ],
)
async def test_an_answer_on_another_page_signs_nobody_in(officer, key, client, origin):
    key.origin = origin
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 401
    refused = await add(officer, Authenticator(origin))
    assert (refused.status_code, refused.json()["code"]) == (422, "security_key_wrong")


async def test_the_port_of_the_page_does_not_matter(officer, key, client):
    key.origin = f"https://{HOST}:8443"
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 201


@pytest.mark.parametrize("plain", [True, False])
async def test_plain_http_is_for_this_machine_alone(identity, officer, client, clock, plain):
    settings = identity.settings.model_copy(update={"identity_console_host": "localhost"})
    object.__setattr__(identity, "settings", settings)
    key = Authenticator(f"{'http' if plain else 'https'}://localhost:8080")
    key.host = "localhost"
    assert (await add(officer, key)).status_code == 201
    clock.advance(minutes=1)
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "example.org"},
        {"is_touched": False},
        {"is_framed": True},
        {"type": "webauthn.create"},
        {"signature": to_base64url(b"0" * 70)},
        {"authenticator_data": to_base64url(b"0" * 37)},
        {"authenticator_data": to_base64url(b"0")},
        {"client_data": to_base64url(b"[]")},
        {"client_data": to_base64url(b"{}")},
        {"client_data": to_base64url(b"\xff")},
        {"credential_id": to_base64url(b"0" * 20)},
    ],
    ids=str,
)
async def test_a_wrong_answer_signs_nobody_in(officer, key, client, wrong):
    instead = {name: wrong[name] for name in wrong.keys() & {"type"}}
    for name in wrong.keys() & {"host", "is_touched", "is_framed"}:
        setattr(key, name, wrong[name])
    answer = key.answer(await challenge(client), **instead)
    answer |= {name: wrong[name] for name in wrong.keys() & answer.keys()}
    assert (await sign_in(officer, answer)).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "example.org"},
        {"is_touched": False},
        {"is_framed": True},
        {"type": "webauthn.get"},
        {"attestation": b"\xa0"},
        {"attestation": b"\x81" * 4000},
        {"attestation": cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(37)})},
        {"public_key": ES256({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})},
        {"public_key": ES256({1: 2, 3: -7})},
        {"public_key": ES256({1: 2, 3: -99, -1: 1})},
        {"public_key": ES384.from_cryptography_key(ANOTHER_CURVE.public_key())},
    ],
    ids=lambda wrong: str(wrong)[:60],
)
async def test_a_key_that_no_answer_could_be_checked_with_is_not_stored(officer, wrong):
    key = Authenticator()
    for name in wrong.keys() & {"host", "is_touched", "is_framed"}:
        setattr(key, name, wrong[name])
    instead = {name: wrong[name] for name in wrong.keys() & {"type", "attestation", "public_key"}}
    refused = await add(officer, key, **instead)
    assert (refused.status_code, refused.json()["code"]) == (422, "security_key_wrong")
    assert await key_ids(officer) == []


def spoilt(parts, drawn):
    """Return parts of which some have other bytes, or end early."""
    changed = {}
    for name, value in parts.items():
        text = bytearray(value)
        for _ in range(drawn.choice([0, 1, 1, 3, 20])):
            text[drawn.randrange(len(text))] = drawn.randrange(256)
        changed[name] = bytes(text[: drawn.choice([len(text)] * 3 + [drawn.randrange(len(text))])])
    return changed


async def test_what_cannot_be_read_is_a_wrong_answer_and_no_fault(officer, identity, clock):
    """A thousand new keys, and as many answers, of which some bytes are others: the checks raise nothing."""
    drawn = random.Random(7)
    [session] = [s for s in (await officer.get("/v1/me/sessions")).json()["items"] if s["current"]]
    place = f"new security key {officer.account_id} {session['session_id']}"
    vault, now = identity.vault, clock.now()
    key = Authenticator()
    made = {n: from_base64url(v) for n, v in key.make((await offer(officer)).json()).items()}
    whole = webauthn.made(vault, HOST, place, webauthn.NewKey(**made), now)
    assert whole.credential_id == key.credential_id
    issued = {"challenge": to_base64url(webauthn.new_challenge(vault, AT_SIGN_IN, now).value)}
    answer = {name: from_base64url(value) for name, value in key.answer(issued).items()}
    right = 0
    for _ in range(1000):
        new = made | spoilt({"attestation": made["attestation"]}, drawn)
        webauthn.made(vault, HOST, place, webauthn.NewKey(**new), now)
        which = drawn.choice(list(answer))
        changed = answer | spoilt({which: answer[which]}, drawn)
        given = webauthn.Answer(**changed)
        found = webauthn.answered(vault, HOST, AT_SIGN_IN, whole.credential, given, now)
        assert found is None or changed == answer
        right += found is not None
    assert right


async def test_a_key_whose_counter_goes_back_may_be_a_copy(officer, key, client, clock, published):
    key.uses = 100
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 201
    clock.advance(seconds=30)
    key.uses = 100  # so it signs with 101 again
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 401
    assert "may be a copy" in (await refusals(published))[-1]
    clock.advance(seconds=30)
    key.uses = None
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 401
    clock.advance(seconds=30)
    key.uses = 101
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 201


async def test_a_key_that_counts_nothing_signs_in_again(officer, client, clock):
    passkey = Authenticator()
    passkey.uses = None
    assert (await add(officer, passkey)).status_code == 201
    for _ in range(2):
        clock.advance(minutes=1)
        answer = passkey.answer(await challenge(client))
        assert (await sign_in(officer, answer)).status_code == 201


@pytest.mark.parametrize("which", ["current_password", "totp"])
async def test_a_key_is_offered_to_a_person_with_both_factors_alone(officer, published, which):
    wrong = {"current_password": "other plain words here", "totp": "000000"}[which]
    refused = await offer(officer, **{which: wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, "password_proof_wrong")
    assert "security keys" in (await refusals(published))[-1]


async def test_a_challenge_to_make_a_key_ends_with_its_session(officer, client):
    offered = (await offer(officer)).json()
    await client.delete("/v1/sessions/current", headers=officer.headers)
    await officer.sign_in()
    refused = await confirm(officer, Authenticator(), offered)
    assert (refused.status_code, refused.json()["code"]) == (422, "security_key_wrong")


async def test_a_challenge_to_make_a_key_is_good_for_five_minutes(officer, clock):
    offered = (await offer(officer)).json()
    clock.advance(minutes=5)
    assert (await confirm(officer, Authenticator(), offered)).status_code == 422
    await officer.renew()
    offered = (await offer(officer)).json()
    clock.advance(minutes=4)
    assert (await confirm(officer, Authenticator(), offered)).status_code == 201


async def test_one_authenticator_is_added_once(officer, key):
    offered = (await offer(officer)).json()
    assert offered["known"] == [to_base64url(key.credential_id)]
    again = await confirm(officer, key, offered)
    assert (again.status_code, again.json()["code"]) == (409, "security_key_known")


async def test_there_are_ten_keys_at_most(officer, clock):
    for number in range(9):
        assert (await add(officer, Authenticator(), str(number))).status_code == 201
        clock.advance(minutes=1)
        await officer.renew()
    offered = (await offer(officer)).json()
    assert (await confirm(officer, Authenticator(), offered)).status_code == 201
    clock.advance(seconds=30)
    late = await confirm(officer, Authenticator(), offered)
    assert (late.status_code, late.json()["code"]) == (409, "security_keys_full")
    clock.advance(minutes=1)
    full = await offer(officer)
    assert (full.status_code, full.json()["code"]) == (409, "security_keys_full")
    assert len(await key_ids(officer)) == 10


async def test_a_person_who_enrols_anew_or_leaves_has_no_keys(
    officer, key, administrator, client, clock, handed_over
):
    await officer.post("/v1/me/keys-only", keys_only=True, **await proof(officer, key))
    path = f"/v1/accounts/{officer.account_id}"
    await administrator.sign_in()
    assert (await administrator.get(path)).json()["keys_only"]
    again = await administrator.post(f"{path}/invitation", reason="lost the only key")
    await officer.enrol(await handed_over(again))
    await officer.sign_in()
    assert not (await officer.get("/v1/me")).json()["keys_only"]
    assert await key_ids(officer) == []
    clock.advance(minutes=1)
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 401
    assert (await add(officer, key)).status_code == 201, "the key itself is free again"
    clock.advance(minutes=1)
    await officer.post("/v1/me/keys-only", keys_only=True, **await proof(officer, key))
    assert (await officer.get("/v1/me")).json()["keys_only"]
    await administrator.sign_in()
    gone = await administrator.post(f"{path}/separation", reason="left the department")
    assert gone.status_code == 200, gone.text
    assert not (await administrator.get(path)).json()["keys_only"]


async def test_password_and_authenticator_change_at_the_word_of_a_key(officer, key, clock, client):
    offered = await officer.post("/v1/me/second-factor", **await proof(officer, key))
    assert offered.status_code == 200, offered.text
    clock.advance(minutes=1)
    new = "five other plain words here"
    changed = await officer.post("/v1/me/password", password=new, **await proof(officer, key))
    assert changed.status_code == 204, changed.text
    officer.password = new
    clock.advance(minutes=1)
    assert (await sign_in(officer, key.answer(await challenge(client)))).status_code == 201


async def test_exactly_one_second_factor_is_given(officer, key, client):
    answer = key.answer(await challenge(client))
    for factors in ({}, {"totp": officer.code(), "security_key": answer}):
        body = {"username": "o.seven", "password": officer.password, **factors}
        refused = await client.post("/v1/sessions", json=body)
        assert refused.status_code == 422
        assert refused.json()["code"] == "one_second_factor"
        assert refused.json()["field"] == "body.totp"
    broken = {**answer, "signature": "a"}
    refused = await sign_in(officer, broken)
    assert (refused.status_code, refused.json()["code"]) == (422, "not_base64url")


async def test_a_system_without_a_console_host_uses_no_keys(officer, key, identity, client, clock):
    answer = key.answer(await challenge(client))
    offered = (await offer(officer)).json()
    settings = identity.settings.model_copy(update={"identity_console_host": ""})
    object.__setattr__(identity, "settings", settings)
    assert (await client.post("/v1/sessions/challenge")).json()[
        "code"
    ] == "security_keys_not_set_up"
    clock.advance(minutes=1)
    assert (await offer(officer)).json()["code"] == "security_keys_not_set_up"
    refused = await confirm(officer, Authenticator(), offered)
    assert refused.json()["code"] == "security_keys_not_set_up"
    assert (await sign_in(officer, answer)).status_code == 401


@pytest.mark.parametrize(
    ("host", "is_right"),
    [
        ("console.example.org", True),
        ("localhost", True),
        ("", True),
        ("https://console.example.org", False),
        ("console.example.org:8443", False),
        ("127.0.0.1", False),
        ("console", False),
    ],
)
def test_a_console_host_is_a_name(identity_settings, host, is_right):
    values = identity_settings.model_dump() | {"identity_console_host": host}
    if is_right:
        assert type(identity_settings)(**values).identity_console_host == host
        return
    with pytest.raises(ValueError, match="identity_console_host"):
        type(identity_settings)(**values)


@pytest.fixture
def key_for_officers(runtime, monkeypatch):
    """A policy by which officers have their rights with a security key alone."""
    accounts = msgspec.structs.replace(
        runtime.policy.accounts, security_key_for=frozenset({"officer"})
    )
    policy = msgspec.structs.replace(runtime.policy, accounts=accounts)
    monkeypatch.setattr(runtime, "policy", policy)


def rights_of(opened):
    return set(opened["permissions"]), opened["withheld_roles"]


def claims_of(token):
    return json.loads(from_base64url(token.split(".")[1]))


@pytest.mark.clause("468.6(a)/keys-of-roles")
async def test_rights_of_a_role_come_with_a_key_alone_where_the_policy_says_so(
    officer, client, clock, train, key_for_officers
):
    await train(officer)
    await officer.sign_in()
    by_code = (await officer.get("/v1/me")).json()
    assert rights_of(by_code) == ({"account:self"}, ["officer"])
    assert by_code["roles"] == ["officer"]
    assert claims_of(officer.access)["permissions"] == ["account:self"]
    purpose = {"kind": "stolen_or_wanted_vehicle", "offence_type": "vehicle theft"}
    assert (await officer.post("/v1/purposes", **purpose)).status_code == 403
    renewed = (await officer.renew()).json()
    assert rights_of(renewed) == ({"account:self"}, ["officer"]), "a renewal adds none"

    clock.advance(minutes=1)
    key = Authenticator()
    assert (await add(officer, key)).status_code == 201, "the first key is added by code"
    clock.advance(minutes=1)
    opened = (await sign_in(officer, key.answer(await challenge(client)))).json()
    officer.access, officer.refresh = opened["access_token"], opened["refresh_token"]
    permissions, withheld = rights_of(opened)
    assert (permissions >= {"account:self", "record:search"}, withheld) == (True, [])
    assert set(claims_of(officer.access)["permissions"]) == permissions
    assert rights_of((await officer.get("/v1/me")).json()) == (permissions, [])
    assert rights_of((await officer.renew()).json()) == (permissions, []), "nor takes any"


@pytest.mark.clause("468.6(a)/keys-of-roles")
async def test_codes_add_no_second_key_where_the_policy_ties_the_role_to_keys(
    officer, key, client, clock, key_for_officers, published
):
    """Else a page that got two codes could add a key of its own."""
    assert (await officer.try_sign_in()).status_code == 401
    assert (await refusals(published))[-1] == "right, but by a code: a security key is needed"
    refused = await offer(officer)
    assert (refused.status_code, refused.json()["code"]) == (422, "password_proof_wrong")
    offered = await officer.post(OFFER, **await proof(officer, key))
    assert (await confirm(officer, Authenticator(), offered.json())).status_code == 201


@pytest.mark.clause("468.6(a)/keys-of-roles")
async def test_codes_count_for_people_of_other_roles(hire, client, clock, key_for_officers):
    other = await hire("d.ten", "dispatcher", title="Dispatcher")
    clock.advance(minutes=1)
    assert (await add(other, Authenticator())).status_code == 201
    clock.advance(minutes=1)
    assert (await other.try_sign_in()).status_code == 201


@pytest.mark.clause("468.6(a)/keys-of-roles")
async def test_rights_of_other_roles_come_with_a_code_too(
    hire, client, administrator, key_for_officers
):
    both = await hire("o.nine", "officer", "dispatcher", title="Dispatcher")
    permissions, withheld = rights_of((await both.get("/v1/me")).json())
    assert withheld == ["officer"]
    assert "alert:receive" in permissions
    assert "record:search" not in permissions
    of_others = (await administrator.get(f"/v1/accounts/{both.account_id}")).json()
    assert "record:search" in of_others["permissions"], "what an administrator gave"
