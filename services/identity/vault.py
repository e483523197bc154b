"""Secrets at rest: AES-256-GCM under the key-encryption key."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


class VaultFault(RuntimeError):
    """A sealed secret does not open: wrong key-encryption key, or a changed row."""


class Vault:
    """Seals and opens small secrets. `place` binds one to its row, so that rows cannot be swapped."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, place: str) -> bytes:
        """Return a fresh nonce (12 bytes) and the ciphertext with its tag."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Return the secret. Raises: VaultFault."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, place.encode())
        except (InvalidTag, ValueError):
            raise VaultFault(f"the sealed secret of {place} does not open") from None
