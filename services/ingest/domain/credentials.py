"""Device credentials: `<device id>.<secret>`, with a secret as `machine_secrets` makes them."""

import binascii
import hmac
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.ingest.domain.problem_codes import Code
from shared.core.errors import NotAuthenticated
from shared.core.machine_secrets import digest

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
