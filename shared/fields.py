"""What text and keys must be like, wherever they come in."""

from base64 import b64decode
from typing import Annotated

from pydantic import AfterValidator, SecretStr

KEY_BYTES = 32


def storable(text: str) -> str:
    """Return `text` if Postgres can keep it. Raises: ValueError for NUL and lone surrogates."""
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair") from None
    return text


def _a_key(value: SecretStr) -> SecretStr:
    try:
        size_bytes = len(b64decode(value.get_secret_value(), validate=True))
    except ValueError:
        size_bytes = 0
    if size_bytes != KEY_BYTES:
        raise ValueError(f"is not base64 of {KEY_BYTES} bytes")
    return value


SecretKey = Annotated[SecretStr, AfterValidator(_a_key)]
"""A key of 32 random bytes, in base64 (`openssl rand -base64 32`)."""


def key_bytes(key: SecretStr) -> bytes:
    """Return the 32 bytes of a `SecretKey`."""
    return b64decode(key.get_secret_value())
