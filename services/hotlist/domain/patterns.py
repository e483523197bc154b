"""Partial plates that look forward (468.4(c)): `?` is one unknown character, `*` any number of them."""

import re
from collections import defaultdict
from uuid import UUID

from shared.core.plates import WILDCARDS, skeleton
from shared.events import Difference

_FROM_END, _ANYWHERE = 1 << 16, 2 << 16


class Pattern:
    """One partial plate, in the two ways it is looked for: as written, and with look-alikes."""

    __slots__ = ("_exact", "_folded", "_runs", "entry_id")

    def __init__(self, entry_id: UUID, text: str) -> None:
        self.entry_id = entry_id
        self._runs = re.findall("[^?*]+", text)
        self._exact = re.compile(_regex(text).encode())
        self._folded = re.compile(_regex(skeleton(text)).encode())

    def match(self, plate: str, folded: bytes) -> tuple[Difference, ...] | None:
        """Return where `plate` differs from the known characters; None if it does not match at all."""
        if self._exact.fullmatch(plate.encode("ascii", "replace")):
            return ()
        found = self._folded.fullmatch(folded)
        if found is None:
            return None
        return tuple(
            Difference(at, plate[at], wanted)
            for number, run in enumerate(self._runs, start=1)
            for at, wanted in enumerate(run, start=found.start(number))
            if plate[at] != wanted
        )


def _regex(text: str) -> str:
    """A group for each run of known characters, so that a match says where they stood."""
    parts = re.split("([?*])", text)
    ways = {"?": ".", "*": ".*?", "": ""}
    return "".join(ways.get(part, f"({part})") for part in parts)


class PatternIndex:
    """Patterns by one known character each, so that a read is tried on few of them."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[UUID, Pattern]] = defaultdict(dict)
        self._anchors: dict[UUID, int] = {}
        self._unanchored = 0
        """How many are not found by a character at a place counted from the start."""

    def __len__(self) -> int:
        return len(self._anchors)

    def add(self, entry_id: UUID, text: str) -> None:
        """Look for `text` from now on."""
        self.remove(entry_id)
        anchor = min(_anchors(skeleton(text)), key=lambda a: len(self._buckets.get(a, ())))
        self._buckets[anchor][entry_id] = Pattern(entry_id, text)
        self._anchors[entry_id] = anchor
        self._unanchored += anchor >= _FROM_END

    def remove(self, entry_id: UUID) -> None:
        """Look for it no longer."""
        anchor = self._anchors.pop(entry_id, None)
        if anchor is not None:
            self._unanchored -= anchor >= _FROM_END
            self._buckets[anchor].pop(entry_id, None)
            if not self._buckets[anchor]:
                del self._buckets[anchor]

    def find(self, plate: str, folded: bytes) -> list[tuple[UUID, tuple[Difference, ...]]]:
        """Return the entries that `plate` matches, with what differs."""
        get = self._buckets.get
        tried: list[Pattern] = []
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


def _anchors(text: str) -> list[int]:
    """Where a known character must stand in every plate that matches: the best kind that there is."""
    head, tail = text.split("*", 1)[0], text.rsplit("*", 1)[-1]
    from_start = [n << 8 | ord(c) for n, c in enumerate(head) if c != "?"]
    from_end = (
        [_FROM_END | n << 8 | ord(c) for n, c in enumerate(reversed(tail)) if c != "?"]
        if "*" in text
        else []
    )
    return from_start + from_end or [_ANYWHERE | ord(c) for c in text if c not in WILDCARDS]
