"""Ids. Derived ones: the same thing always gets the same id. New ones begin with the present moment.

Ids of sightings are keyed with the secret of their month (`shared.postgres.month_secrets`): without it the id of a
plate, a camera and a time cannot be computed. Ids of reads and captures begin with the moment of capture, so that
indexes grow at their end (ADR-0056).
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b, sha256
from os import urandom
from time import time_ns
from uuid import UUID, SafeUUID, uuid4

_VERSION_7 = 0x7000 << 64
_VERSION_8 = 0x8000 << 64
_VARIANT = 0x8000 << 48
_CLEAR = ~((0xF000 << 64) | (0xC000 << 48))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_HASHED = 80
"""Bits of an id after the moment of capture; 74 of them are hashed."""
_HASHED_MASK = (1 << _HASHED) - 1
_OWN = 32
"""Last bits of an id of `derive_akin`, which its kin do not share."""


def new_id() -> UUID:
    """Return a new UUID (version 7, RFC 9562): the present moment in 48 bits, then 74 random bits (ADR-0089)."""
    return dated(int.from_bytes(urandom(10), "big"))


def dated(bits: int) -> UUID:
    """Return the UUID (version 7) of the present moment and 74 of 80 bits."""
    return _made((time_ns() // 1_000_000) << _HASHED | bits, _VERSION_7)


def derive_id(kind: str, *fields: object) -> UUID:
    """Return the UUID (version 8, RFC 9562) of `fields` within `kind`; equal parts give equal ids."""
    return _made(_hash_of(kind, *fields))


def keyed_id(kind: str, person_id: str, key: str | None) -> UUID:
    """Return the id of what a person's request makes: one id for all requests with the same key, a new one without."""
    return uuid4() if key is None else derive_id(kind, person_id, key)


def derive_with_time_of(dated: UUID, kind: str, *fields: object) -> UUID:
    """Return the id of `fields` within `kind` that begins with the moment of another id."""
    return _made((dated.int & ~_HASHED_MASK) | (_hash_of(kind, *fields) & _HASHED_MASK))


def id_digest(record_id: UUID) -> UUID:
    """Return half of the SHA-256 of an id's text: it names a purged record without its moment (docs/purge-list.md)."""
    return UUID(bytes=sha256(str(record_id).encode()).digest()[:16])


class Deriver:
    """Derives many keyed ids with a common beginning, in a third of the time that each takes alone."""

    def __init__(self, secret: bytes, kind: str, *fields: object) -> None:
        """`secret` has 32 bytes; \\x1f separates the parts, so no part may contain it."""
        name = "\x1f".join((kind, *map(str, fields), ""))
        self._begun = blake2b(name.encode(), key=secret, digest_size=16)

    def derive(self, rest: str) -> UUID:
        """Return the id (UUID version 8) of the common parts and `rest`; it shows no time."""
        hashed = self._begun.copy()
        hashed.update(rest.encode())
        return _made(int.from_bytes(hashed.digest(), "big"))

    def derive_at(self, at: datetime, rest: str) -> UUID:
        """Return an id that begins with a moment (48 bits, Unix milliseconds); 74 bits depend on the other parts."""
        hashed = self._begun.copy()
        hashed.update(rest.encode())
        return _made(_milliseconds(at) | int.from_bytes(hashed.digest()[6:], "big"))

    def derive_akin(self, at: datetime, shared: str, rest: str) -> UUID:
        """Return an id like `derive_at` whose first 96 bits depend on `at` and `shared` only.

        Ids with these bits equal are `akin`; 42 of the bits are hashed. `rest` decides the last 32.
        """
        hashed = self._begun.copy()
        hashed.update(shared.encode())
        identity = int.from_bytes(hashed.digest()[6:12], "big") << _OWN
        hashed.update(rest.encode())
        return _made(_milliseconds(at) | identity | int.from_bytes(hashed.digest()[12:], "big"))


def akin(one: UUID) -> int:
    """Return the first bits of an id of `derive_akin`; they are equal for equal moments and equal `shared`."""
    return one.int >> _OWN


def _hash_of(kind: str, *fields: object) -> int:
    name = "\x1f".join((kind, *map(str, fields)))
    return int.from_bytes(blake2b(name.encode(), digest_size=16).digest(), "big")


def _milliseconds(at: datetime) -> int:
    """Return the first 48 bits of an id. Raises: OverflowError before 1970."""
    since = (at - _EPOCH) // _MS
    if since < 0:
        raise OverflowError("an id has no moment before 1970")
    return since << _HASHED


def _made(number: int, version: int = _VERSION_8) -> UUID:
    made = _new(UUID)
    # The last step of UUID(int=...), without the checks of its six other arguments.
    _set(made, "int", (number & _CLEAR) | version | _VARIANT)
    _set(made, "is_safe", _UNKNOWN)
    return made


_new = object.__new__
_set = object.__setattr__
_UNKNOWN = SafeUUID.unknown  # an enum's member is slow to look up
