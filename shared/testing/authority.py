"""Makes tokens for tests, with a key of its own, as identity would."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk as jose_jwk

from shared.clock import Clock
from shared.people import People
from shared.permissions import Permission
from shared.tokens import AUDIENCE, sign

ISSUER = "plateward"


class TestAuthority:
    """Signs access and purpose tokens that `people` accepts."""

    __test__ = False

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.kid = "test-key"
        key = ec.generate_private_key(ec.SECP256R1())
        self._jwk: dict[str, str] = jose_jwk.construct(_pem(key), "ES256").to_dict()
        self.people = People(ISSUER)
        self.people.keys.add(self.kid, self._jwk, clock.now() + timedelta(days=3650))

    def access_token(
        self,
        permissions: Iterable[Permission] = tuple(Permission),
        *,
        account_id: str | None = None,
        trained_until: datetime | str | None = "current",
        **claims: Any,
    ) -> str:
        """Return an access token; a trained officer of the department unless told otherwise."""
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
        self, *permissions: Permission, purpose: bool = True, **claims: Any
    ) -> dict[str, str]:
        """Return request headers of a person with these permissions (all of them if none is named)."""
        account_id = claims.get("account_id")
        token = self.access_token(permissions or tuple(Permission), **claims)
        headers = {"Authorization": f"Bearer {token}"}
        if purpose:
            headers["X-ALPR-Purpose"] = self.purpose_token(account_id=account_id)
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
