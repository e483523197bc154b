"""One-time and refresh tokens: random, shown once, stored as hashes."""

import hashlib
import hmac
import secrets

TOKEN_BYTES = 32


def new_token() -> str:
    """Return 256 random bits, URL-safe."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> bytes:
    """Return the hash to store of a token. Tokens are random, so plain SHA-256 resists guessing."""
    return hashlib.sha256(token.encode()).digest()


def is_token_of(stored: bytes, token: str) -> bool:
    """Return whether `stored` is the hash of a token, in the same time for every token."""
    return hmac.compare_digest(stored, token_hash(token))
