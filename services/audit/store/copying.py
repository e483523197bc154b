"""Values and rows in the binary format of COPY, for the tables to which the log appends.

PostgreSQL documentation, COPY, "Binary Format"; each value as its type's `send` function writes it. The driver's own
encoder costs three times as much, and asks Postgres for the columns' types before each COPY.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any
from uuid import UUID

from asyncpg import Connection

Encoder = Callable[[Any], bytes]
"""Returns a value with its length before it."""

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_PIECES_AT_ONCE = 512
"""The pieces of rows in one message to Postgres."""

_NULL = b"\xff\xff\xff\xff"
_EPOCH, _FIRST_DAY = datetime(2000, 1, 1, tzinfo=UTC), date(2000, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_TEXT_OID = 25
_length = Struct(">i").pack
_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_array = Struct(">iiiiii").pack
_EMPTY_ARRAY = Struct(">iiii").pack(12, 0, 0, _TEXT_OID)
_BOOLEANS = {None: _NULL, True: b"\0\0\0\1\1", False: b"\0\0\0\1\0"}


def text(value: str | None) -> bytes:
    """Encode a text or NULL."""
    if value is None:
        return _NULL
    data = value.encode()
    return _length(len(data)) + data


repeated_text: Encoder = lru_cache(maxsize=8192)(text)
"""Encodes a text or NULL that many rows have."""


def boolean(value: bool | None) -> bytes:
    """Encode a boolean or NULL."""
    return _BOOLEANS[value]


def uuid(value: UUID | None) -> bytes:
    """Encode a UUID or NULL."""
    return _NULL if value is None else b"\0\0\0\x10" + value.bytes


def microseconds(value: datetime) -> int:
    """Return a moment as timestamptz counts it: microseconds since 2000."""
    return (value - _EPOCH) // _MICROSECOND


def moment(value: datetime) -> bytes:
    """Encode a timestamptz."""
    return _int8(8, (value - _EPOCH) // _MICROSECOND)


@lru_cache(maxsize=512)
def day(value: date) -> bytes:
    """Encode a date."""
    return _int4(4, (value - _FIRST_DAY).days)


def texts(value: Sequence[str | None] | None) -> bytes:
    """Encode a text[] or NULL, whose items may be NULL."""
    if not value:
        return _NULL if value is None else _EMPTY_ARRAY
    items = b"".join(map(text, value))
    return _array(20 + len(items), 1, None in value, _TEXT_OID, len(value), 1) + items


def encoded(encoders: Iterable[Encoder], rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """Return each row's values, encoded. `encoders`: one for each value of a row."""
    # Column by column: one encoder for many values costs half as much as an encoder for each value of a row.
    columns = [
        [*map(encode, column)]
        for encode, column in zip(encoders, zip(*rows, strict=True), strict=True)
    ]
    return [*map(b"".join, zip(*columns, strict=True))]


class Copying:
    """Inserts encoded rows, in the connection's transaction."""

    def __init__(self, driver: Connection) -> None:
        self._driver = driver

    async def insert(self, table: str, columns: Iterable[str], pieces: Sequence[bytes]) -> None:
        """Insert rows by COPY. INSERT, with its many arrays, costs twice as much.

        `pieces`: those of the rows, one after the other; each row is the number of its values and these, encoded.
        Raises: UniqueViolationError for a key that the table has.
        """
        source = _messages(pieces)
        await self._driver.copy_to_table(table, source=source, columns=[*columns], format="binary")


async def _messages(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    yield _HEADER
    for start in range(0, len(pieces), _PIECES_AT_ONCE):
        yield b"".join(pieces[start : start + _PIECES_AT_ONCE])
    yield _TRAILER
