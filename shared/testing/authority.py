"""Makes tokens and account events for tests, with its own key, as identity would."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk as jose_jwk

from shared.accounts.known_accounts import People
from shared.accounts.tokens import AUDIENCE, sign, thumbprint
from shared.core.certificates import Signer, Trust
from shared.core.clock import Clock
from shared.core.permissions import Permission
from shared.core.policy import Policy, load_policy
from shared.core.types import Ori
from shared.events import AccountChanged, Actor, IdentityTicked, KeyPublished
from shared.events.signed_events import sign_event
from shared.testing.root import TestRoot

ISSUER = "plateward"


def some_people(clock: Clock) -> People:
    """Return an empty `People` with the department's policy and trust in the tests' root."""
    return People(ISSUER, Trust(TestRoot().roots), committed_policy(), clock)


@cache
def committed_policy() -> Policy:
    """Return the department's policy as committed; read once, since it cannot be changed."""
    return load_policy(Path(__file__).parents[2] / "policy.toml")


class TestAuthority:
    """Signs access and purpose tokens that `people` accepts."""

    __test__ = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.kid = "test-key"
        key = ec.generate_private_key(ec.SECP256R1())
        self._jwk: dict[str, str] = jose_jwk.construct(_pem(key), "ES256").to_dict()
        self.people = some_people(clock)
        self.people.assume_current()
        self._numbers: dict[str, int] = {}
        self._keys_published = 0
        self.people.keys.add(self.kid, self._jwk, clock.now() + timedelta(days=3650))

    def account(
        self,
        account_id: UUID | str,
        status: Any,
        valid_from: datetime,
        *,
        provisioned_by: Iterable[str] | None = None,
    ) -> AccountChanged:
        """Return the next change of an account, numbered and signed as by identity.

        `provisioned_by` are all its provisioners; None if unknown, as for an account older than their record.
        """
        account = str(account_id)
        self._numbers[account] = self._numbers.get(account, 0) + 1
        event = AccountChanged(
            occurred_at=self.clock.now(),
            actor=Actor(person_id="a", name="A", title="T", agency_ori=Ori("CA0520100")),
            account_id=UUID(account),
            status=status,
            tokens_valid_from=valid_from,
            change="changed",
            details={}
            if provisioned_by is None
            else {"provisioned": {"by": sorted(provisioned_by), "known": True}},
            account_number=self._numbers[account],
            number=sum(self._numbers.values()),
        )
        return sign_event(self.issuer, event)

    def publish_key(self) -> KeyPublished:
        """Return the event that makes services accept this authority's tokens; sets `kid` to the key's thumbprint."""
        public = {name: self._jwk[name] for name in ("kty", "crv", "x", "y")}
        self.kid = thumbprint(public)
        self._keys_published += 1
        now = self.clock.now()
        event = KeyPublished(
            occurred_at=now,
            kid=self.kid,
            key_number=1,
            number=self._keys_published,
            issuer=ISSUER,
            jwk=public,
            not_after=now + timedelta(days=1),
        )
        return sign_event(self.issuer, event)

    def tick(self) -> IdentityTicked:
        """Return identity's tick with the numbers of this authority's account and key events."""
        event = IdentityTicked(
            occurred_at=self.clock.now(),
            account_number=sum(self._numbers.values()),
            key_number=self._keys_published,
        )
        return sign_event(self.issuer, event)

    @property
    def issuer(self) -> Signer:
        """A certified issuer key."""
        return TestRoot().signer(now=self.clock.now())

    def access_token(
        self,
        permissions: Iterable[Permission] = tuple(Permission),
        *,
        account_id: str | None = None,
        trained_until: datetime | str | None = "current",
        **claims: Any,
    ) -> str:
        """Return an access token, by default of a trained officer of the department."""
        now = self.clock.now()
        if trained_until == "current":
            trained_until = now + timedelta(days=100)
        body = {
            "sub": account_id or "00000000-0000-4000-8000-000000000007",
            "sid": str(uuid4()),
            "name": "Officer Seven",
            "title": "Police Officer",
            "ori": "CA0520100",
            "permissions": sorted(p.value for p in permissions),
            "trained_until": trained_until.timestamp()
            if isinstance(trained_until, datetime)
            else None,
            "sources": ["department", "state", "federal"],
            **claims,
        }
        return self._sign("access", body, timedelta(minutes=10))

    def purpose_token(
        self, *, account_id: str | None = None, kind: str = "criminal_investigation", **claims: Any
    ) -> str:
        """Return a purpose token of the same person."""
        body = {
            "sub": account_id or "00000000-0000-4000-8000-000000000007",
            "kind": kind,
            "offence_type": "vehicle theft",
            "case_number": "26-001234",
            **claims,
        }
        return self._sign("purpose", body, timedelta(minutes=60))

    def headers(
        self, *permissions: Permission, purpose: bool | str = True, **claims: Any
    ) -> dict[str, str]:
        """Return request headers of a person with these permissions (all of them if none is named).

        `purpose` may name the kind of a purpose.
        """
        account_id = claims.get("account_id")
        token = self.access_token(permissions or tuple(Permission), **claims)
        headers = {"Authorization": f"Bearer {token}"}
        if purpose:
            kind = {"kind": purpose} if isinstance(purpose, str) else {}
            headers["X-ALPR-Purpose"] = self.purpose_token(account_id=account_id, **kind)
        return headers

    def _sign(self, kind: str, claims: dict[str, Any], life: timedelta) -> str:
        now = self.clock.now()
        body = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "jti": str(uuid4()),
            "typ": kind,
            "iat": now.timestamp(),
            "exp": (now + life).timestamp(),
            **claims,
        }
        return sign(body, jwk=self._jwk, kid=self.kid)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization as s

    return key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
