"""Matches plates: look-alikes, patterns with unknown characters, and the positions where a read differs.

It needs no server, so a computer in a vehicle matches by the same rules.
"""

import re
from collections.abc import Iterable
from uuid import UUID

import msgspec

from shared.core.plates import MANY, ONE

LOOKALIKE_CLASSES = ("0ODQ", "1I", "2Z", "5S", "8B", "6G")
"""The classes with which the custodian's tables are built, whatever region packs are chosen (ADR-0086). Characters that
readers confuse; the first represents its class (Genetec's classes)."""


class Lookalikes:
    """Classes of characters that readers confuse; the first of a class represents it."""

    __slots__ = ("by_byte", "by_character", "classes")

    def __init__(self, classes: Iterable[str]) -> None:
        """`classes` have no character in common; see `shared.core.region_packs`."""
        self.classes = tuple(classes)
        members = "".join(one[1:] for one in self.classes)
        firsts = "".join(one[0] * (len(one) - 1) for one in self.classes)
        self.by_character = str.maketrans(members, firsts)
        self.by_byte = bytes.maketrans(members.encode(), firsts.encode())
        """The same table for plates as bytes."""

    def skeleton(self, plate: str) -> str:
        """Return a plate or pattern with each look-alike replaced by the first of its class."""
        return plate.translate(self.by_character)

    def fold(self, plate: str) -> bytes:
        """Return the skeleton of a plate as bytes; other characters than ASCII become `?`."""
        return plate.encode("ascii", "replace").translate(self.by_byte)


STORED = Lookalikes(LOOKALIKE_CLASSES)
"""Those of the custodian's tables."""

LOOKALIKES = STORED.by_character
skeleton = STORED.skeleton
fold = STORED.fold


class Difference(msgspec.Struct, frozen=True):
    """One position where the read differs from the listed plate."""

    position: int  # from 0
    read: str
    listed: str


def differences(read: str, listed: str) -> list[Difference]:
    """Return the positions where two plates of equal length differ."""
    return [
        Difference(position, seen, wanted)
        for position, (seen, wanted) in enumerate(zip(read, listed, strict=True))
        if seen != wanted
    ]


def have_a_plate_in_common(one: str, other: str) -> bool:
    """Whether some text of any length matches both patterns, given in their normal form."""
    at = {(0, 0)}
    seen = set(at)
    while at:
        i, j = at.pop()
        if i == len(one) and j == len(other):
            return True
        a, b = one[i : i + 1], other[j : j + 1]
        follow = set()
        if a == MANY:
            follow |= {(i + 1, j)} | ({(i, j + 1)} if b else set())
        if b == MANY:
            follow |= {(i, j + 1)} | ({(i + 1, j)} if a else set())
        if a and b and MANY not in (a, b) and (a == b or ONE in (a, b)):
            follow.add((i + 1, j + 1))
        at |= follow - seen
        seen |= follow
    return False


class CompiledPattern:
    """One partial plate of a list, compiled to match as written and with look-alikes."""

    __slots__ = ("_exact", "_folded", "_runs", "entry_id")

    def __init__(self, entry_id: UUID, text: str, lookalikes: Lookalikes = STORED) -> None:
        self.entry_id = entry_id
        self._runs = re.findall("[^?*]+", text)
        self._exact = re.compile(_regex(text).encode())
        self._folded = re.compile(_regex(lookalikes.skeleton(text)).encode())

    def match(self, plate: str, folded: bytes) -> tuple[Difference, ...] | None:
        """Return where `plate` differs from the known characters; None if it does not match at all.

        `folded` is `lookalikes.fold(plate)`, which the caller computes once for all patterns.
        """
        found = self._folded.fullmatch(folded)
        if found is None:  # most patterns; a plate that matches as written matches folded, too
            return None
        if self._exact.fullmatch(plate.encode("ascii", "replace")):
            return ()
        return tuple(
            Difference(at, plate[at], wanted)
            for number, run in enumerate(self._runs, start=1)
            for at, wanted in enumerate(run, start=found.start(number))
            if plate[at] != wanted
        )


def _regex(text: str) -> str:
    """Return a regex with a group for each run of known characters, so that a match gives their positions."""
    pieces = re.split("([?*])", text)
    patterns = {"?": ".", "*": ".*?", "": ""}
    return "".join(patterns.get(part, f"({part})") for part in pieces)
