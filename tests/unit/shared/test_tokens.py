"""Tokens: forms that python-jose accepts by default, and that are refused here."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from shared.accounts.tokens import LEEWAY_S, MAX_TOKEN_CHARACTERS, KeyRing, sign, verify
from shared.core.errors import NotAuthenticated
from shared.testing import FakeClock, TestAuthority


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def authority(clock):
    return TestAuthority(clock)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_header(token: str, **changes: object) -> str:
    head, body, signature = token.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    header.update(changes)
    return f"{b64(json.dumps(header).encode())}.{body}.{signature}"


def holds(authority, clock, token, kind="access"):
    return verify(token, authority.people.keys, kind, clock.now())


def test_a_token_is_valid_until_it_expires(authority, clock):
    token = authority.access_token()
    assert holds(authority, clock, token)["name"] == "Officer Seven"
    clock.advance(minutes=9, seconds=59)
    holds(authority, clock, token)
    clock.advance(seconds=1)
    with pytest.raises(NotAuthenticated, match="expired"):
        holds(authority, clock, token)


def test_a_token_from_the_future_is_refused(authority, clock):
    for ahead, is_right in ((timedelta(seconds=5), True), (timedelta(seconds=6), False)):
        token = authority.access_token(iat=(clock.now() + ahead).timestamp())
        if is_right:  # clocks of hosts differ a little
            assert holds(authority, clock, token)
            continue
        with pytest.raises(NotAuthenticated):
            holds(authority, clock, token)


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS256", "ES384", "", None])
def test_a_token_with_another_algorithm_is_refused(authority, clock, algorithm):
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, with_header(authority.access_token(), alg=algorithm))


def test_a_token_signed_with_the_public_key_as_an_hmac_secret_is_refused(authority, clock):
    """The classic confusion: sign with HS256 and the public key as the secret."""
    _, body, _ = authority.access_token().split(".")
    jwk = authority.people.keys.find(authority.kid, clock.now())
    head = b64(json.dumps({"alg": "HS256", "kid": authority.kid, "typ": "JWT"}).encode())
    signature = hmac.new(json.dumps(jwk).encode(), f"{head}.{body}".encode(), hashlib.sha256)
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, f"{head}.{body}.{b64(signature.digest())}")


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "https://example.org/keys"},
        {"x5u": "https://example.org/cert"},
        {"x5c": ["AAAA"]},
        {"b64": False},
    ],
)
def test_a_token_header_with_extra_fields_is_refused(authority, clock, extra):
    with pytest.raises(NotAuthenticated, match="header"):
        holds(authority, clock, with_header(authority.access_token(), **extra))


def test_a_changed_claim_breaks_the_signature(authority, clock):
    head, body, signature = authority.access_token([]).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["permissions"] = ["record:search"]
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, f"{head}.{b64(json.dumps(claims).encode())}.{signature}")


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "somebody-else"},
        {"aud": "another-system"},
        {"aud": ["another-system"]},
        {"typ": "purpose"},
        {"typ": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": None},
        {"iat": None},
        {"iat": True},
        {"jti": None},
        {"sub": None},
        {"sub": 7},
        {"name": "x" * MAX_TOKEN_CHARACTERS},
    ],
)
def test_a_claim_that_is_wrong_or_missing_is_refused(authority, clock, claims):
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, authority.access_token(**claims))


@pytest.mark.parametrize("missing", ["iss", "aud", "typ", "sub", "jti", "iat", "exp"])
def test_a_token_that_lacks_a_claim_is_refused(authority, clock, missing):
    claims = holds(authority, clock, authority.access_token())
    del claims[missing]
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, sign(claims, jwk=authority._jwk, kid=authority.kid))


@pytest.mark.parametrize(("beyond", "holds_still"), [(LEEWAY_S, True), (LEEWAY_S + 1, False)])
def test_a_token_may_last_as_long_as_the_policy_says_and_the_leeway_of_clocks(
    authority, clock, beyond, holds_still
):
    issued = clock.now().timestamp()
    longest = authority.people.keys.longest["access"].total_seconds()
    token = authority.access_token(iat=issued, exp=issued + longest + beyond)
    if holds_still:
        assert holds(authority, clock, token)
        return
    with pytest.raises(NotAuthenticated, match="longer"):
        holds(authority, clock, token)


def test_a_purpose_token_is_no_access_token(authority, clock):
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, authority.purpose_token())
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, authority.access_token(), "purpose")


def test_a_key_of_another_department_is_refused(clock):
    ours, theirs = TestAuthority(clock), TestAuthority(clock)
    with pytest.raises(NotAuthenticated):
        holds(ours, clock, theirs.access_token())


def test_a_retired_key_no_longer_counts(authority, clock):
    token = authority.access_token()
    authority.people.keys.add(
        authority.kid, authority.people.keys.find(authority.kid, clock.now()), clock.now()
    )
    with pytest.raises(NotAuthenticated, match="key"):
        holds(authority, clock, token)


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "a.b", "a.b.c.d", "é.b.c", "e30.e30.", "x" * 9000, "bnVsbA.e30.c", "W10.e30.c"],
)
def test_malformed_tokens_are_refused(authority, clock, junk):
    with pytest.raises(NotAuthenticated):
        holds(authority, clock, junk)


@pytest.mark.parametrize(
    "jwk",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "AAAA", "e": "AQAB"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        {"kty": "EC", "crv": "P-256", "x": "AA"},
    ],
)
def test_only_p256_keys_are_accepted(clock, jwk):
    with pytest.raises(ValueError, match="P-256"):
        KeyRing("plateward", {}).add("k", jwk, clock.now())


def test_a_revoked_account_and_a_revoked_token_are_refused(authority, clock):
    token = authority.access_token()
    claims = holds(authority, clock, token)

    def change(status, valid_from):
        return authority.account(claims["sub"], status, valid_from)

    authority.people.learn(change("active", clock.now()))
    authority.people.check(claims)
    authority.people.learn(change("active", clock.now() + timedelta(milliseconds=1)))
    with pytest.raises(NotAuthenticated, match="revoked"):
        authority.people.check(claims)
    authority.people.learn(change("separated", clock.now() - timedelta(days=1)))
    with pytest.raises(NotAuthenticated, match="separated"):
        authority.people.check(claims)
