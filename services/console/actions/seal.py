"""Encrypts the console's data in the browser, which can neither read nor change it."""

import hmac
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_bytes
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_PLAIN_BYTES = 2048
"""The most of a value that is sealed as it is; a cookie of 4096 bytes has no room for much more."""

_Sealed = TypeVar("_Sealed", bound=msgspec.Struct)


class Seal:
    """AES-256-GCM over JSON, bound to the type of the value; also makes the tokens of forms."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(_derived(key, b"plateward console session"))
        self._form_key = _derived(key, b"plateward console forms")

    def seal(self, value: msgspec.Struct) -> str:
        """Encrypt `value` for a cookie or a hidden field."""
        nonce = token_bytes(_NONCE_BYTES)
        kind = type(value).__name__.encode()
        plain = msgspec.json.encode(value)
        if len(plain) > _PLAIN_BYTES:
            # Letters beyond ASCII take eight bytes of a token each, and fold well.
            plain = zlib.compress(plain, 9)
        sealed = self._cipher.encrypt(nonce, plain, kind)
        return urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def open(self, kind: type[_Sealed], text: str) -> _Sealed | None:
        """Decrypt a `kind`; returns None for anything that this key did not seal as one."""
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
            sealed, nonce = raw[_NONCE_BYTES:], raw[:_NONCE_BYTES]
            plain = self._cipher.decrypt(nonce, sealed, kind.__name__.encode())
            if not plain.startswith(b"{"):
                plain = zlib.decompress(plain)
            return msgspec.json.decode(plain, type=kind)
        except (ValueError, InvalidTag, zlib.error, msgspec.ValidationError):
            return None

    def form_token(self, browser: str, session_id: str) -> str:
        """Return a token that shows that a form is ours, bound to the browser and the session."""
        content = f"{browser}|{session_id}".encode()
        return hmac.digest(self._form_key, content, "sha256").hex()


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key)
