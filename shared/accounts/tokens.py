"""Access and purpose tokens: ES256 JWTs. The only importer of jose (ADR-0002).

python-jose's defaults are loose. This module fixes algorithm, issuer, audience and type, finds keys (JWKs)
by key id only, and refuses a header that names another key or a critical extension.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from jose import jwt
from jose.exceptions import JOSEError

from shared.core.errors import CredentialEnded, NotAuthenticated
from shared.core.policy import Policy
from shared.core.problem_codes import Common

ALGORITHM = "ES256"
AUDIENCE = "plateward"
LEEWAY_S = 5
MAX_TOKEN_CHARACTERS = 8192
_HEADER_FIELDS = frozenset({"alg", "kid", "typ"})

TokenType = Literal["access", "purpose"]


class KeyRing:
    """Public keys by key id, as identity published them."""

    def __init__(self, issuer: str, longest: Mapping[TokenType, timedelta]) -> None:
        """`longest` is the policy's longest lifetime of each type of token."""
        self.issuer = issuer
        self.longest = longest
        self._keys: dict[str, tuple[dict[str, str], datetime]] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, kid: str, jwk: Mapping[str, str], not_after: datetime) -> None:
        """Trust a public P-256 key until `not_after`. Raises: ValueError for any other key."""
        public = {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}
        if public.get("kty") != "EC" or public.get("crv") != "P-256" or len(public) != 4:
            raise ValueError("a signing key is an EC key on P-256")
        known = self._keys.get(kid)
        if known is not None:
            not_after = min(not_after, known[1])  # the end of a key only moves earlier
        self._keys[kid] = ({**public, "alg": ALGORITHM, "use": "sig"}, not_after)

    def drop(self, kid: str) -> None:
        """Stop trusting a key."""
        self._keys.pop(kid, None)

    def find(self, kid: str, now: datetime) -> dict[str, str] | None:
        """Return the key with this id if it is valid at `now`, or None."""
        jwk, not_after = self._keys.get(kid, (None, now))
        return jwk if jwk is not None and now < not_after else None


def sign(claims: Mapping[str, Any], *, jwk: Mapping[str, str], kid: str) -> str:
    """Return `claims` signed with a private P-256 JWK."""
    headers = {"kid": kid}
    return str(jwt.encode(dict(claims), dict(jwk), algorithm=ALGORITHM, headers=headers))


def verify(token: str, keys: KeyRing, kind: TokenType, now: datetime) -> dict[str, Any]:
    """Verify `token` and return its claims.

    Raises: CredentialEnded if it has expired; NotAuthenticated if its key, signature, kind, lifetime or form
    is wrong.
    """
    header = _header(token)
    jwk = keys.find(str(header.get("kid", "")), now)
    if jwk is None:
        raise NotAuthenticated(Common.TOKEN_KEY_UNKNOWN)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            jwk,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=keys.issuer,
            options={
                "require_sub": True,
                "require_aud": True,
                "require_iss": True,
                "require_jti": True,
                # _holds_at checks exp and iat against the injected clock; "require_exp" here would
                # switch on jose's own check against the machine's clock.
                "verify_exp": False,
                "leeway": LEEWAY_S,
            },
        )
    except (JOSEError, ValueError, TypeError, KeyError) as exc:
        raise NotAuthenticated(Common.TOKEN_INVALID) from exc
    if claims.get("typ") != kind:
        raise NotAuthenticated(Common.TOKEN_OF_ANOTHER_KIND, kind=kind)
    if not _holds_at(claims, now.timestamp()):
        raise CredentialEnded(Common.TOKEN_EXPIRED)
    if not _is_short(claims, keys.longest[kind]):
        raise NotAuthenticated(Common.TOKEN_LASTS_TOO_LONG)
    return claims


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the thumbprint of a public EC key (RFC 7638), which is its key id. Raises: KeyError."""
    canonical = json.dumps(
        {name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":")
    )
    return urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def longest_tokens(policy: Policy) -> dict[TokenType, timedelta]:
    """Return the policy's longest lifetime of each type of token."""
    return {
        "access": timedelta(minutes=policy.accounts.access_token_minutes),
        "purpose": timedelta(minutes=policy.purposes.token_minutes),
    }


def _is_short(claims: Mapping[str, Any], longest: timedelta) -> bool:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    if expires is None or issued is None:
        return False
    return expires - issued <= longest.total_seconds() + LEEWAY_S


def _holds_at(claims: Mapping[str, Any], now_s: float) -> bool:
    expires, issued = _seconds(claims, "exp"), _seconds(claims, "iat")
    return expires is not None and issued is not None and issued - LEEWAY_S <= now_s < expires


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _header(token: str) -> dict[str, Any]:
    """Return the header of a compact JWS; refuses all but alg, kid and typ (no crit, jwk, jku, x5u)."""
    if len(token) > MAX_TOKEN_CHARACTERS or token.count(".") != 2 or not token.isascii():
        raise NotAuthenticated(Common.TOKEN_UNSIGNED)
    part = token.split(".", 1)[0]
    try:
        header = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, Base64Error, RecursionError) as exc:
        raise NotAuthenticated(Common.TOKEN_UNSIGNED) from exc
    if not isinstance(header, dict) or not header.keys() <= _HEADER_FIELDS:
        raise NotAuthenticated(Common.TOKEN_HEADER_UNKNOWN)
    if header.get("alg") != ALGORITHM:
        raise NotAuthenticated(Common.TOKEN_ALGORITHM_UNKNOWN, algorithm=ALGORITHM)
    return header
