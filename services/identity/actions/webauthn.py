"""The second factor by a security key or passkey: its signature over a challenge of ours (WebAuthn, Level 3).

The signature covers the host name of the page that asked for it, so it is of no use to a page that imitates ours. A
challenge is sealed: it carries the time of its issue, and opens only at the place that it was issued for.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2.server import Fido2Server
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorData,
    CollectedClientData,
    PublicKeyCredentialRpEntity,
    RegistrationResponse,
)

from shared.core.vault import Vault, VaultFault

VALID: Final = timedelta(minutes=5)
"""How long a challenge may be answered: people look for a key, and type its PIN."""

ALGORITHMS: Final = (-8, -7, -257)
"""EdDSA, ES256 and RS256, by their COSE numbers, the best first."""

_ALGORITHM = 3
"""The label of the algorithm in a COSE key (RFC 9052, 7.1)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISSUED = struct.Struct(">Q")
_MICROSECOND = timedelta(microseconds=1)
_LOCAL = "localhost"
"""The only host whose pages browsers let use keys over plain HTTP."""


@dataclass(frozen=True)
class Challenge:
    """What an authenticator is to sign."""

    value: bytes
    expires_at: datetime


@dataclass(frozen=True)
class Answer:
    """An authenticator's signature over a challenge, with what else it covers, as the browser hands it over."""

    credential_id: bytes
    client_data: bytes
    """JSON of the browser: the challenge, and the origin of the page."""

    authenticator_data: bytes
    signature: bytes


@dataclass(frozen=True)
class NewKey:
    """A key that an authenticator made for a challenge."""

    client_data: bytes
    attestation: bytes
    """CBOR of the authenticator, with the public key. Who made the authenticator is not asked for."""


@dataclass(frozen=True)
class Made:
    """A key whose making was checked."""

    credential_id: bytes
    credential: bytes
    """Attested credential data (WebAuthn, 6.5.2)."""

    sign_count: int


@dataclass(frozen=True)
class Answered:
    """A right answer."""

    issued_at: datetime
    """When its challenge was issued."""

    sign_count: int


def new_challenge(vault: Vault, place: str, now: datetime) -> Challenge:
    """Issue a challenge that opens at `place` only."""
    issued = _ISSUED.pack((now - _EPOCH) // _MICROSECOND)
    return Challenge(vault.seal(issued + token_bytes(16), place), now + VALID)


def answered(
    vault: Vault, host: str, place: str, credential: bytes, answer: Answer, now: datetime
) -> Answered | None:
    """Check an answer against the key's `credential`; None for a wrong one, or one to no challenge of ours.

    Args:
        host: of the pages on which keys are used.
        place: that the challenge was issued for.
    """
    with _unreadable():
        client_data = CollectedClientData(answer.client_data)
        issued_at = _issued_at(vault, place, client_data.challenge, now)
        if issued_at is None or client_data.cross_origin:
            return None
        given = AuthenticatorData(answer.authenticator_data)
        response = AuthenticationResponse(
            raw_id=answer.credential_id,
            response=AuthenticatorAssertionResponse(
                client_data=client_data, authenticator_data=given, signature=answer.signature
            ),
        )
        known = AttestedCredentialData(credential)
        server, state = _server(host), _state(client_data)
        server.authenticate_complete(state, [known], response)
        return Answered(issued_at, given.counter)
    return None


def made(vault: Vault, host: str, place: str, new: NewKey, now: datetime) -> Made | None:
    """Check a new key; None for one that answers no challenge of ours, or that no later answer could be checked with.

    Args: as `answered`.
    """
    with _unreadable():
        client_data = CollectedClientData(new.client_data)
        issued_at = _issued_at(vault, place, client_data.challenge, now)
        if issued_at is None or client_data.cross_origin:
            return None
        attestation = AttestationObject(new.attestation)
        credential = attestation.auth_data.credential_data
        if credential is None or not _is_usable(credential):
            return None
        response = RegistrationResponse(
            raw_id=credential.credential_id,
            response=AuthenticatorAttestationResponse(
                client_data=client_data, attestation_object=attestation
            ),
        )
        given = _server(host).register_complete(_state(client_data), response)
        return Made(credential.credential_id, bytes(credential), given.counter)
    return None


@contextmanager
def _unreadable() -> Iterator[None]:
    """Take what the library cannot read, or finds wrong, for a wrong answer."""
    try:
        yield
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        struct.error,
        UnsupportedAlgorithm,
    ):
        return


def _server(host: str) -> Fido2Server:
    """Return the checker of answers that were given on pages of `host`, over TLS on whichever port."""

    def is_ours(origin: str) -> bool:
        page = urlsplit(origin)
        secure = page.scheme == "https" or (page.scheme == "http" and host == _LOCAL)
        return secure and page.hostname == host

    relying_party = PublicKeyCredentialRpEntity(id=host, name=host)
    return Fido2Server(relying_party, verify_origin=is_ours)


def _state(client_data: CollectedClientData) -> dict[str, object]:
    """Return the library's state: the answer's own challenge, after it was seen to be ours."""
    return {"challenge": websafe_encode(client_data.challenge), "user_verification": None}


def _issued_at(vault: Vault, place: str, challenge: bytes, now: datetime) -> datetime | None:
    """Return when a challenge was issued; None for one of another place, or a late one."""
    try:
        opened = vault.open(challenge, place)
    except VaultFault:
        return None
    issued_at = _EPOCH + _ISSUED.unpack_from(opened)[0] * _MICROSECOND
    return issued_at if issued_at <= now < issued_at + VALID else None


def _is_usable(credential: AttestedCredentialData) -> bool:
    """Whether answers of a key can be checked: its algorithm is one of ours, and its numbers make a key."""
    if credential.public_key.get(_ALGORITHM) not in ALGORITHMS:
        return False
    try:
        credential.public_key.verify(b"", b"")
    except InvalidSignature:
        return True
    return False
