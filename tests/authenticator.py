"""A security key in software, for tests; it signs as one of hardware does (WebAuthn, 6)."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from secrets import token_bytes
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256, CoseKey
from fido2.webauthn import Aaguid, AttestedCredentialData, AuthenticatorData, CollectedClientData

HOST = "console.localhost"
"""Of the console's pages in tests."""

_FLAG = AuthenticatorData.FLAG


def to_base64url(value: bytes) -> str:
    """Return base64url without padding."""
    return urlsafe_b64encode(value).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Return the bytes of base64url without padding."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Authenticator:
    """One key pair, and the page that it believes to be on."""

    def __init__(self, origin: str = f"https://{HOST}") -> None:
        self.origin = origin
        self.host = HOST
        """What it signs for; a browser allows the page's own host, or one above it."""

        self.uses = 0
        """Its counter: adds one with each signature; None counts nothing, as passkeys of telephones do."""
        self.is_touched = True
        """Whether it is touched when it blinks."""

        self.is_framed = False
        """Whether the page is a frame within one of another site."""

        self.credential_id = token_bytes(20)
        self._private = ec.generate_private_key(ec.SECP256R1())

    @property
    def public_key(self) -> CoseKey:
        """Its public key."""
        return ES256.from_cryptography_key(self._private.public_key())

    def make(self, offered: Mapping[str, Any], **instead: Any) -> dict[str, str]:
        """Return what identity needs of a new key, made for an offer; `instead`: values that are other than right."""
        credential = AttestedCredentialData.create(
            Aaguid.NONE, self.credential_id, instead.get("public_key", self.public_key)
        )
        data = self._data(_FLAG.AT, bytes(credential))
        attestation = cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(data)})
        client_data = self._client_data(offered, instead.get("type", "webauthn.create"))
        return {
            "client_data": to_base64url(client_data),
            "attestation": to_base64url(instead.get("attestation", attestation)),
        }

    def answer(self, issued: Mapping[str, Any], **instead: Any) -> dict[str, str]:
        """Return the answer to a challenge; `instead`: values that are other than right."""
        data = self._data(_FLAG(0))
        client_data = self._client_data(issued, instead.get("type", "webauthn.get"))
        signed = bytes(data) + hashlib.sha256(client_data).digest()
        return {
            "credential_id": to_base64url(self.credential_id),
            "client_data": to_base64url(client_data),
            "authenticator_data": to_base64url(bytes(data)),
            "signature": to_base64url(self._private.sign(signed, ec.ECDSA(hashes.SHA256()))),
        }

    def _data(self, flags: int, credential: bytes = b"") -> AuthenticatorData:
        if self.uses is not None:
            self.uses += 1
        return AuthenticatorData.create(
            hashlib.sha256(self.host.encode()).digest(),
            _FLAG(flags | (_FLAG.UP if self.is_touched else 0)),
            self.uses or 0,
            credential,
        )

    def _client_data(self, issued: Mapping[str, Any], kind: str) -> bytes:
        challenge = from_base64url(issued["challenge"])
        return bytes(
            CollectedClientData.create(kind, challenge, self.origin, cross_origin=self.is_framed)
        )
