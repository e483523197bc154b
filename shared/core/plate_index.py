"""An in-memory index of listed plates: entries by folded plate, and partial plates by one of their characters.

About 170 bytes per entry. An entry is packed as its id (16 bytes) and its plate.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from shared.core.matching import (
    LOOKALIKE_BYTES,
    CompiledPattern,
    Difference,
    differences,
    skeleton,
)
from shared.core.plates import WILDCARDS

_ID_BYTES = 16
_FROM_END, _ANYWHERE = 1 << 16, 2 << 16
PlateMatch = tuple[UUID, Sequence[Difference]]
"""An entry that matches a plate, and the positions where the two differ."""


class PatternIndex:
    """Indexes each pattern by one known character, so that a read is compared with few of them."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[UUID, CompiledPattern]] = defaultdict(dict)
        self._anchors: dict[UUID, int] = {}
        self._unanchored = 0
        """How many are not indexed by a character at a position from the start."""

    def __len__(self) -> int:
        return len(self._anchors)

    def add(self, entry_id: UUID, text: str) -> None:
        """Add the pattern `text`, or replace the entry's earlier one."""
        self.remove(entry_id)
        anchor = min(_anchors(skeleton(text)), key=lambda a: len(self._buckets.get(a, ())))
        self._buckets[anchor][entry_id] = CompiledPattern(entry_id, text)
        self._anchors[entry_id] = anchor
        self._unanchored += anchor >= _FROM_END

    def remove(self, entry_id: UUID) -> None:
        """Remove an entry's pattern, if it is there."""
        anchor = self._anchors.pop(entry_id, None)
        if anchor is not None:
            self._unanchored -= anchor >= _FROM_END
            self._buckets[anchor].pop(entry_id, None)
            if not self._buckets[anchor]:
                del self._buckets[anchor]

    def find(self, plate: str, folded: bytes) -> list[tuple[UUID, tuple[Difference, ...]]]:
        """Return the entries whose pattern matches `plate`, with the differences."""
        get = self._buckets.get
        tried: list[CompiledPattern] = []
        for position, code in enumerate(folded):
            if (bucket := get(position << 8 | code)) is not None:
                tried += bucket.values()
        if self._unanchored:
            for position, code in enumerate(reversed(folded)):
                if (bucket := get(_FROM_END | position << 8 | code)) is not None:
                    tried += bucket.values()
            for code in set(folded):
                if (bucket := get(_ANYWHERE | code)) is not None:
                    tried += bucket.values()
        return [
            (pattern.entry_id, found)
            for pattern in tried
            if (found := pattern.match(plate, folded)) is not None
        ]


class PlateIndex:
    """The entries of one list: whole plates and partial ones."""

    __slots__ = ("_has_partials", "_partials", "_plates", "_whole")

    def __init__(self) -> None:
        self._whole = 0
        self._partials = PatternIndex()
        self._has_partials = False
        self._plates: dict[bytes, bytes | tuple[bytes, ...]] = {}

    def __len__(self) -> int:
        return self._whole + len(self._partials)

    def add(self, entries: Iterable[bytes]) -> None:
        """Add packed entries."""
        plates = self._plates
        for packed in entries:
            folded = packed[_ID_BYTES:].translate(LOOKALIKE_BYTES)
            present = plates.setdefault(folded, packed)
            if present is not packed:
                plates[folded] = (*_several(present), packed)
            self._whole += 1

    def remove(self, entries: Iterable[bytes]) -> None:
        """Remove packed entries; ignores missing ones."""
        for packed in entries:
            folded = packed[_ID_BYTES:].translate(LOOKALIKE_BYTES)
            present = _several(self._plates.get(folded, ()))
            left = tuple(other for other in present if other != packed)
            self._whole -= len(present) - len(left)
            if len(left) > 1:
                self._plates[folded] = left
            elif left:
                self._plates[folded] = left[0]
            else:
                self._plates.pop(folded, None)

    def add_partials(self, entries: Iterable[bytes]) -> None:
        """Add packed entries whose plates are partial."""
        for packed in entries:
            self._partials.add(UUID(bytes=packed[:_ID_BYTES]), packed[_ID_BYTES:].decode())
        self._has_partials = len(self._partials) > 0

    def remove_partials(self, entries: Iterable[bytes]) -> None:
        """Remove packed entries whose plates are partial."""
        for packed in entries:
            self._partials.remove(UUID(bytes=packed[:_ID_BYTES]))
        self._has_partials = len(self._partials) > 0

    def find(self, plate: str, folded: bytes, most_differences: int) -> Sequence[PlateMatch]:
        """Return the entries that match a plate. Called for every read and list; most calls find none.

        Args:
            plate: in its normal form.
            folded: `fold(plate)`, which the caller computes once for all lists.
            most_differences: how many characters may be look-alikes of the listed ones.
        """
        packed = self._plates.get(folded)
        if packed is None and not self._has_partials:
            return ()
        found: list[PlateMatch] = [] if packed is None else list(_unpack(plate, packed))
        found += self._partials.find(plate, folded)
        return [one for one in found if len(one[1]) <= most_differences]


def _several(present: bytes | tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (present,) if isinstance(present, bytes) else present


def _unpack(plate: str, packed: bytes | tuple[bytes, ...]) -> Iterator[PlateMatch]:
    for entry in _several(packed):
        yield UUID(bytes=entry[:_ID_BYTES]), differences(plate, entry[_ID_BYTES:].decode())


def _anchors(text: str) -> list[int]:
    """Return positions with known characters in every matching plate: from the start or end, else anywhere."""
    head, tail = text.split("*", 1)[0], text.rsplit("*", 1)[-1]
    from_start = [n << 8 | ord(c) for n, c in enumerate(head) if c != "?"]
    from_end = (
        [_FROM_END | n << 8 | ord(c) for n, c in enumerate(reversed(tail)) if c != "?"]
        if "*" in text
        else []
    )
    return from_start + from_end or [_ANYWHERE | ord(c) for c in text if c not in WILDCARDS]
