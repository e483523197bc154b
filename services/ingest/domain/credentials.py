"""Device credentials: `<device id>.<secret>`, a secret of 256 random bits, stored as its SHA-256 only.

A slow hash protects secrets that people choose. 256 random bits cannot be guessed, and cameras send theirs with
every frame (NIST SP 800-63B 5.1.1.2 requires a slow hash of memorised secrets only).
"""

import binascii
import hmac
import secrets
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from services.ingest.domain.problem_codes import Code
from shared.core.errors import NotAuthenticated

SECRET_BYTES = 32
MAX_HEADER_CHARACTERS = 400


@dataclass(frozen=True)
class Credential:
    """The stored part of one credential."""

    secret_sha256: bytes
    issued_at: datetime
    ends_at: datetime | None = None
    """When it ends, once another has been issued; None for the current one."""

    def holds(self, secret_sha256: bytes, now: datetime) -> bool:
        """Whether a secret with this digest is accepted at `now`."""
        same = hmac.compare_digest(self.secret_sha256, secret_sha256)
        return same and (self.ends_at is None or now < self.ends_at)


def new_secret() -> str:
    """Return a new secret that is safe in a header and in a camera's password field."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Return the digest that is stored for `secret`."""
    return sha256(secret.encode()).digest()


def presented(authorization: str | None) -> tuple[UUID, bytes]:
    """Parse device id and secret digest from an Authorization header, Bearer or Basic.

    Raises: NotAuthenticated if it is missing or malformed; the error never quotes it.
    """
    if not authorization:
        raise NotAuthenticated(Code.DEVICE_CREDENTIAL_MISSING)
    if len(authorization) > MAX_HEADER_CHARACTERS:
        raise NotAuthenticated(Code.DEVICE_CREDENTIAL_MALFORMED)
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        device, dot, secret = rest.strip().partition(".")
    elif scheme.lower() == "basic":
        device, dot, secret = _basic(rest.strip()).partition(":")
    else:
        raise NotAuthenticated(Code.DEVICE_CREDENTIAL_SCHEME)
    try:
        if dot and secret and len(device) == 36:
            return UUID(device), digest(secret)
    except ValueError:
        pass
    raise NotAuthenticated(Code.DEVICE_CREDENTIAL_MALFORMED)


def _basic(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise NotAuthenticated(Code.DEVICE_CREDENTIAL_MALFORMED) from None
