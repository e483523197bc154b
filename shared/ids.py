"""Ids that are derived, not drawn: the same thing twice has the same id."""

from hashlib import blake2b
from uuid import UUID, SafeUUID

_VERSION_8 = 0x8000 << 64
_VARIANT = 0x8000 << 48
_CLEAR = ~((0xF000 << 64) | (0xC000 << 48))


def derive_id(kind: str, *parts: object) -> UUID:
    """Return the UUID (version 8, RFC 9562) of `parts` within `kind`; equal parts, equal id."""
    name = "\x1f".join((kind, *map(str, parts)))
    number = int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "big")
    return UUID(int=(number & _CLEAR) | _VERSION_8 | _VARIANT)


class Deriver:
    """Derives many ids that begin alike: the same ids as `derive_id`, for a third of the time."""

    def __init__(self, kind: str, *parts: object) -> None:
        name = "\x1f".join((kind, *map(str, parts), ""))
        self._begun = blake2b(name.encode(), digest_size=16)

    def derive(self, rest: str) -> UUID:
        """Return `derive_id` of the parts so far and `rest`, in which \\x1f stands between parts."""
        hashed = self._begun.copy()
        hashed.update(rest.encode())
        number = int.from_bytes(hashed.digest(), "big")
        made = _new(UUID)
        # What UUID(int=...) does after it has looked at its six other arguments.
        _set(made, "int", (number & _CLEAR) | _VERSION_8 | _VARIANT)
        _set(made, "is_safe", _UNKNOWN)
        return made


_new = object.__new__
_set = object.__setattr__
_UNKNOWN = SafeUUID.unknown  # an enum's member is slow to look up
