"""One-time and refresh tokens: random, shown once, kept as hashes."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits, URL-safe."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Return what is kept of a token. It is random, so a plain SHA-256 cannot be searched."""
    return hashlib.sha256(token.encode()).digest()
