"""Device credentials: `<device id>.<secret>`, the secret 256 random bits, kept as its SHA-256 only.

A slow hash is for secrets that people choose; nobody guesses 256 bits, and cameras send theirs with
every frame (NIST SP 800-63B 5.1.1.2 asks for a slow hash of memorised secrets only).
"""

import binascii
import hmac
import secrets
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from shared.core.errors import NotAuthenticated

SECRET_BYTES = 32
MAX_HEADER_CHARACTERS = 400


@dataclass(frozen=True)
class Credential:
    """What is kept of one credential."""

    secret_sha256: bytes
    issued_at: datetime
    ends_at: datetime | None = None
    """When it stops, once another has been issued; None while it is the current one."""

    def holds(self, secret_sha256: bytes, now: datetime) -> bool:
        """Tell whether a secret with this digest is accepted at `now`."""
        same = hmac.compare_digest(self.secret_sha256, secret_sha256)
        return same and (self.ends_at is None or now < self.ends_at)


def new_secret() -> str:
    """Return a fresh secret, safe in a header and in a camera's password field."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Return what is kept of `secret`."""
    return sha256(secret.encode()).digest()


def presented(authorization: str | None) -> tuple[UUID, bytes]:
    """Return device id and secret digest of an Authorization header, Bearer or Basic.

    Raises: NotAuthenticated when there is none or it is not of that form; never quotes it.
    """
    if not authorization:
        raise NotAuthenticated(
            "a device credential is required (Authorization: Bearer <device id>.<secret>, or Basic)"
        )
    if len(authorization) > MAX_HEADER_CHARACTERS:
        raise NotAuthenticated("this is no device credential")
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        device, dot, secret = rest.strip().partition(".")
    elif scheme.lower() == "basic":
        device, dot, secret = _basic(rest.strip()).partition(":")
    else:
        raise NotAuthenticated("a device credential is sent as Bearer or Basic")
    try:
        if dot and secret and len(device) == 36:
            return UUID(device), digest(secret)
    except ValueError:
        pass
    raise NotAuthenticated("this is no device credential")


def _basic(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise NotAuthenticated("this is no device credential") from None
