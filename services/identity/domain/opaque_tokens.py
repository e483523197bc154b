"""One-time and refresh tokens: random, shown once, stored as hashes."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits, URL-safe."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Return the hash to store of a token. Tokens are random, so plain SHA-256 resists guessing."""
    return hashlib.sha256(token.encode()).digest()
