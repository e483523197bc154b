"""Derived ids: the same thing always gets the same id.

Ids of sightings are keyed with the secret of their month (`shared.postgres.month_secrets`): without it the id of a
plate, a camera and a time cannot be computed.
"""

from hashlib import blake2b
from uuid import UUID, SafeUUID

_VERSION_8 = 0x8000 << 64
_VARIANT = 0x8000 << 48
_CLEAR = ~((0xF000 << 64) | (0xC000 << 48))


def derive_id(kind: str, *fields: object) -> UUID:
    """Return the UUID (version 8, RFC 9562) of `fields` within `kind`; equal parts give equal ids."""
    name = "\x1f".join((kind, *map(str, fields)))
    number = int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "big")
    return UUID(int=(number & _CLEAR) | _VERSION_8 | _VARIANT)


class Deriver:
    """Derives many keyed ids with a common beginning, in a third of the time that each takes alone."""

    def __init__(self, secret: bytes, kind: str, *fields: object) -> None:
        """`secret` has 32 bytes; \\x1f separates the parts, so no part may contain it."""
        name = "\x1f".join((kind, *map(str, fields), ""))
        self._begun = blake2b(name.encode(), key=secret, digest_size=16)

    def derive(self, rest: str) -> UUID:
        """Return the id (UUID version 8) of the common parts and `rest`."""
        hashed = self._begun.copy()
        hashed.update(rest.encode())
        return _made(int.from_bytes(hashed.digest(), "big"))

    def derive_akin(self, shared: str, rest: str) -> UUID:
        """Return an id whose first half depends on `shared` only; ids with an equal half are `akin`."""
        hashed = self._begun.copy()
        hashed.update(shared.encode())
        half = hashed.digest()[:8]
        hashed.update(rest.encode())
        return _made(int.from_bytes(half + hashed.digest()[8:], "big"))


def akin(one: UUID) -> int:
    """Return the first half of an id of `derive_akin`; it is equal for equal `shared`."""
    return one.int >> 64


def _made(number: int) -> UUID:
    made = _new(UUID)
    # The last step of UUID(int=...), without the checks of its six other arguments.
    _set(made, "int", (number & _CLEAR) | _VERSION_8 | _VARIANT)
    _set(made, "is_safe", _UNKNOWN)
    return made


_new = object.__new__
_set = object.__setattr__
_UNKNOWN = SafeUUID.unknown  # an enum's member is slow to look up
