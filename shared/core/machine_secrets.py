"""Secrets of machines that sign in without a person: 256 random bits, of which the SHA-256 alone is stored.

A slow hash protects secrets that people choose. 256 random bits cannot be guessed, and cameras send theirs with
every frame (NIST SP 800-63B 5.1.1.2 requires a slow hash of memorised secrets only).
"""

import secrets
from hashlib import sha256

SECRET_BYTES = 32


def new_secret() -> str:
    """Return a new secret that is safe in a header and in a camera's password field."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> bytes:
    """Return the digest that is stored for `secret`."""
    return sha256(secret.encode()).digest()
