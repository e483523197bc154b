"""An in-memory index of listed plates: entries by folded plate, and partial plates by two of their characters.

About 170 bytes per entry. An entry is packed as its id (16 bytes) and its plate.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import combinations
from uuid import UUID

from shared.core.matching import (
    CompiledPattern,
    Difference,
    Lookalikes,
    differences,
)
from shared.core.plates import MANY, ONE, WILDCARDS

_ID_BYTES = 16
_Place = tuple[int, ...] | int
"""Positions in a plate, negative ones from its end; or the length of a run of characters anywhere in it."""
_Anchor = tuple[_Place, bytes]
"""A place, and the characters that every plate of a pattern has there."""
_NEW_PLACE = 100
"""A look-up in one place more costs every read about as much as this many patterns with one anchor."""
PlateMatch = tuple[UUID, Sequence[Difference]]
"""An entry that matches a plate, and the positions where the two differ."""


class PatternIndex:
    """Indexes each pattern by two of its known characters, so that a read is compared with few of them."""

    def __init__(self, lookalikes: Lookalikes) -> None:
        self._lookalikes = lookalikes
        self._anchors: dict[UUID, _Anchor] = {}
        self._places: dict[_Place, dict[bytes, dict[UUID, CompiledPattern]]] = {}
        """The patterns by the place and the characters of their anchor."""

    def __len__(self) -> int:
        return len(self._anchors)

    def add(self, entry_id: UUID, text: str) -> None:
        """Add the pattern `text`, or replace the entry's earlier one."""
        self.remove(entry_id)
        place, characters = min(_anchors(self._lookalikes.skeleton(text)), key=self._cost)
        patterns = self._places.setdefault(place, {}).setdefault(characters, {})
        patterns[entry_id] = CompiledPattern(entry_id, text, self._lookalikes)
        self._anchors[entry_id] = place, characters

    def remove(self, entry_id: UUID) -> None:
        """Remove an entry's pattern, if it is there."""
        if (anchor := self._anchors.pop(entry_id, None)) is None:
            return
        place, characters = anchor
        del self._places[place][characters][entry_id]
        if not self._places[place][characters]:
            del self._places[place][characters]
        if not self._places[place]:
            del self._places[place]

    def find(self, plate: str, folded: bytes) -> list[tuple[UUID, tuple[Difference, ...]]]:
        """Return the entries whose pattern matches `plate`, with the differences."""
        return [
            (pattern.entry_id, found)
            for place, patterns in self._places.items()
            for characters in _characters_at(place, folded)
            if characters in patterns
            for pattern in patterns[characters].values()
            if (found := pattern.match(plate, folded)) is not None
        ]

    def _cost(self, anchor: _Anchor) -> int:
        """Return how many patterns share an anchor; each place in use costs every read a look-up."""
        place, characters = anchor
        patterns = self._places.get(place)
        return _NEW_PLACE if patterns is None else len(patterns.get(characters, ()))


class PlateIndex:
    """The entries of one list: whole plates and partial ones."""

    __slots__ = ("_by_byte", "_has_partials", "_partials", "_plates", "_whole")

    def __init__(self, lookalikes: Lookalikes) -> None:
        """`lookalikes` decide which plates resemble each other."""
        self._by_byte = lookalikes.by_byte
        self._whole = 0
        self._partials = PatternIndex(lookalikes)
        self._has_partials = False
        self._plates: dict[bytes, bytes | tuple[bytes, ...]] = {}

    def __len__(self) -> int:
        return self._whole + len(self._partials)

    def add(self, entries: Iterable[bytes]) -> None:
        """Add packed entries."""
        plates = self._plates
        for packed in entries:
            folded = packed[_ID_BYTES:].translate(self._by_byte)
            present = plates.setdefault(folded, packed)
            if present is not packed:
                plates[folded] = (*_several(present), packed)
            self._whole += 1

    def remove(self, entries: Iterable[bytes]) -> None:
        """Remove packed entries; ignores missing ones."""
        for packed in entries:
            folded = packed[_ID_BYTES:].translate(self._by_byte)
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
            folded: `fold(plate)` of the index's own look-alikes, which the caller computes once for all lists.
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


def _anchors(text: str) -> Sequence[_Anchor]:
    """Return anchors that every matching plate has: pairs of characters, or single ones if no pair is known."""
    head, tail = text.split(MANY, 1)[0], text.rsplit(MANY, 1)[-1]
    known = [(n, c) for n, c in enumerate(head) if c != ONE]
    if MANY in text:
        known += [(n, c) for n, c in enumerate(tail, start=-len(tail)) if c != ONE]
    pairs = [((n, m), a + b) for (n, a), (m, b) in combinations(known, 2)]
    runs = re.findall(f"(?=([^{ONE}{MANY}]{{2}}))", text)
    found: Sequence[tuple[_Place, str]] = (
        pairs
        or [(len(run), run) for run in runs]
        or [((n,), c) for n, c in known]
        or [(1, c) for c in text if c not in WILDCARDS]
    )
    return [(place, characters.encode()) for place, characters in found]


def _characters_at(place: _Place, folded: bytes) -> Collection[bytes]:
    """Return what a plate has at `place`."""
    if isinstance(place, int):
        return {folded[n : n + place] for n in range(len(folded) - place + 1)}
    try:
        return (bytes([folded[n] for n in place]),)
    except IndexError:
        return ()  # the plate is shorter than all that match
