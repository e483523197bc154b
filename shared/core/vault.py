"""Secrets at rest: AES-256-GCM under a key-encryption key, whose id precedes the sealed bytes (ADR-0017)."""

import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
MARK = b"plw-kek1"
"""Prefix of secrets sealed since keys have ids; an older secret's nonce begins with it once in 2**64."""

ID_BYTES = 8


class VaultFault(RuntimeError):
    """A sealed secret cannot be opened: its key-encryption key is missing, or its row was changed."""


def key_id(key: bytes) -> str:
    """Return a key-encryption key's id, 16 hexadecimal digits; it reveals nothing of the key."""
    return hmac.digest(key, b"plateward key-encryption key", "sha256")[:ID_BYTES].hex()


class Vault:
    """Seals and opens small secrets. `place` binds one to its row, so that rows cannot be swapped."""

    def __init__(self, key: bytes, others: Sequence[bytes] = ()) -> None:
        """Seal with `key`; open secrets sealed by it or by one of `others`."""
        self.current = key_id(key)
        self._ciphers = {key_id(one): AESGCM(one) for one in (key, *others)}

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of the available keys, the sealing one first."""
        return tuple(self._ciphers)

    def seal(self, secret: bytes, place: str) -> bytes:
        """Return mark and id of the key (16 bytes), a fresh nonce (12), the ciphertext with its tag."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[self.current].encrypt(nonce, secret, place.encode())
        return MARK + bytes.fromhex(self.current) + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the secret. Raises: VaultFault."""
        return self._opened(sealed, place)[1]

    def opens_with(self, sealed: bytes, place: str) -> str:
        """Return the id of the key that sealed a secret. Raises: VaultFault."""
        return self._opened(sealed, place)[0]

    def _opened(self, sealed: bytes, place: str) -> tuple[str, bytes]:
        named = _named(sealed)
        if named is not None and named not in self._ciphers:
            raise VaultFault(
                f"the sealed secret of {place} needs the key-encryption key {named}, which is not set"
            )
        for name in (named,) if named is not None else self.key_ids:
            body = sealed[len(MARK) + ID_BYTES :] if named is not None else sealed
            nonce, ciphertext = body[:NONCE_BYTES], body[NONCE_BYTES:]
            try:
                return name, self._ciphers[name].decrypt(nonce, ciphertext, place.encode())
            except (InvalidTag, ValueError):
                continue
        raise VaultFault(f"the sealed secret of {place} does not open")


def _named(sealed: bytes) -> str | None:
    """Return the id of the key that a sealed secret names; None for secrets from before keys had ids."""
    if not sealed.startswith(MARK):
        return None
    return sealed[len(MARK) : len(MARK) + ID_BYTES].hex()
