"""Signatures on packages and certificates: Ed25519 (RFC 8032), whose signatures are deterministic."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALGORITHM = "Ed25519"


class KeyFault(ValueError):
    """A key is not an Ed25519 key in PEM."""


def key_id(key: Ed25519PublicKey) -> str:
    """Return a key's name: the first half of the SHA-256 of its SubjectPublicKeyInfo, in hexadecimal."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return sha256(der).hexdigest()[:32]


def load_public(pem: bytes) -> Ed25519PublicKey:
    """Return a public key. Raises: KeyFault."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as exc:
        raise KeyFault("not a public key in PEM") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFault(f"not an {ALGORITHM} key")
    return key


class Signer:
    """Signs with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.key_id = key_id(key.public_key())

    @classmethod
    def load(cls, pem: bytes) -> Self:
        """Return a signer with this private key. Raises: KeyFault, which never shows the key."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            raise KeyFault("not a private key in PEM without a passphrase") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFault(f"not an {ALGORITHM} key")
        return cls(key)

    @classmethod
    def new(cls) -> Self:
        """Return a signer with a new key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def private_pem(self) -> str:
        """The private key, PKCS#8 in PEM; a secret."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @property
    def public_pem(self) -> str:
        """The public key, SubjectPublicKeyInfo in PEM."""
        return (
            self._key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def sign(self, data: bytes) -> bytes:
        """Return the signature of `data`, 64 bytes."""
        return self._key.sign(data)

    def signed(self, content: dict[str, Any]) -> dict[str, Any]:
        """Return `content` with a signature of its canonical form: sorted keys, no spaces, UTF-8."""
        signature = {
            "algorithm": ALGORITHM,
            "key_id": self.key_id,
            "value": b64encode(self.sign(canonical(content))).decode(),
        }
        return {**content, "signature": signature}


def canonical(content: dict[str, Any]) -> bytes:
    """Return JSON values as the bytes that are signed."""
    return msgspec.json.encode(content, order="deterministic")


def holds(signature: bytes, data: bytes, key: Ed25519PublicKey) -> bool:
    """Return whether this is the key's signature of `data`."""
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def document_holds(document: dict[str, Any], key: Ed25519PublicKey) -> bool:
    """Return whether a document of `Signer.signed` is unchanged and signed with this key."""
    content = {name: value for name, value in document.items() if name != "signature"}
    try:
        signature = b64decode(document["signature"]["value"], validate=True)
    except (KeyError, TypeError, ValueError):
        return False
    return holds(signature, canonical(content), key)


SUCCESSION = "succession of a signing key"
"""Kind of the statement with which one key vouches for the next."""


@dataclass(frozen=True)
class TrustedKey:
    """A public key and the time in which it signs; None if that is open."""

    key: Ed25519PublicKey
    since: datetime | None = None
    until: datetime | None = None

    def signs_at(self, at: datetime) -> bool:
        """Return whether a moment lies in the key's time."""
        is_begun = self.since is None or self.since <= at
        return is_begun and (self.until is None or at <= self.until)


def succession(old: Signer, new: Signer, at: datetime) -> dict[str, Any]:
    """Return the statement, signed with the old key, that the new one signs from `at` on."""
    return old.signed(
        {
            "statement": SUCCESSION,
            "old_key_id": old.key_id,
            "new_key_id": new.key_id,
            "new_public_pem": new.public_pem,
            "from": at.isoformat(),
        }
    )


def follow(first: Ed25519PublicKey, statements: Iterable[dict[str, Any]]) -> list[TrustedKey]:
    """Return the chain of keys that `statements` build on a first key, which was obtained separately.

    Skips statements from before that key. Raises: KeyFault for an invalid one.
    """
    trusted = [TrustedKey(first)]
    for statement in statements:
        last = trusted[-1]
        if statement.get("old_key_id") != key_id(last.key):
            if len(trusted) == 1:
                continue
            raise KeyFault("a change of the key does not begin with the key before it")
        if statement.get("statement") != SUCCESSION or not document_holds(statement, last.key):
            raise KeyFault("a change of the key is not signed with the key before it")
        at = datetime.fromisoformat(statement["from"])
        new = load_public(str(statement["new_public_pem"]).encode())
        trusted[-1:] = [replace(last, until=at), TrustedKey(new, since=at)]
    return trusted
