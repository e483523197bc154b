"""Signed tokens with which a browser proves that it signed in to an account before; identity stores none.

They grant no access: sign-in still requires a password and a code (ADR-0033).
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from uuid import UUID

_ID_BYTES = 16
_TOKEN_CHARACTERS = 64
_PURPOSE = b"plateward known browser"


class BrowserTokens:
    """HMAC-SHA256 over the id of a known browser, under keys derived from the key-encryption keys."""

    def __init__(self, key: bytes, others: Sequence[bytes] = ()) -> None:
        """Sign with `key`; accept tokens that it or one of `others` signed."""
        self._keys = [hmac.digest(one, _PURPOSE, "sha256") for one in (key, *others)]

    def token_of(self, browser_id: UUID) -> str:
        """Return the token of a browser, 64 URL-safe characters."""
        signature = hmac.digest(self._keys[0], browser_id.bytes, "sha256")
        return urlsafe_b64encode(browser_id.bytes + signature).decode()

    def browser_of(self, token: str | None) -> UUID | None:
        """Return the id in a token; None unless one of our keys signed it."""
        if token is None or len(token) != _TOKEN_CHARACTERS or not token.isascii():
            return None
        try:
            raw = urlsafe_b64decode(token)
        except (binascii.Error, ValueError):
            return None
        browser_id, signature = raw[:_ID_BYTES], raw[_ID_BYTES:]
        right = [
            hmac.compare_digest(hmac.digest(k, browser_id, "sha256"), signature) for k in self._keys
        ]
        return UUID(bytes=browser_id) if any(right) else None
