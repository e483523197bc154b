"""Reads held against the truth, and confidences against how often they are right. No picture, no engine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from local.demo.truth import TruePlate, bare, fold
from services.recognition.engine.protocol import PlateReading

BINS = 10
"""The number of bins of equal mass: each has as many reads, so that no bin depends on three of them."""


@dataclass(frozen=True)
class Bin:
    """Reads of like confidence. `confidence` and `right` are means, 0 to 1."""

    n: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Judged:
    """One true plate with its reading; `reading` is None if the engine found none there."""

    file: str
    true: TruePlate
    reading: PlateReading | None

    @property
    def right(self) -> bool:
        """Whether it was read correctly, with O and Q equal to 0, and I equal to 1."""
        return self.reading is not None and fold(self.reading.plate) == fold(self.true.plate)


@dataclass
class Tally:
    """All that came of a folder."""

    judged: list[Judged] = field(default_factory=list)
    extras: list[tuple[str, PlateReading]] = field(default_factory=list)
    """Reads where no true plate is, and second reads of one plate; by file."""
    read_ms: list[float] = field(default_factory=list)
    decode_ms: list[float] = field(default_factory=list)

    @property
    def misses(self) -> list[Judged]:
        """True plates that were not read right."""
        return [one for one in self.judged if not one.right]


def edits(one: str, other: str) -> int:
    """Return the Levenshtein distance."""
    return _distances(one, other)[-1][-1]


def _distances(one: str, other: str) -> list[list[int]]:
    """Return the edits between every two beginnings: row i, column j for one[:i] and other[:j]."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            row.append(min(rows[-1][j] + 1, row[j - 1] + 1, rows[-1][j - 1] + (a != b)))
        rows.append(row)
    return rows


def characters_right(read: str, true: str) -> list[bool]:
    """Whether each character of `read` is the true one in its place, by the fewest edits."""
    rows = _distances(read, true)
    i, j = len(read), len(true)
    right = [False] * i
    while i and j:
        same = read[i - 1] == true[j - 1]
        if rows[i][j] == rows[i - 1][j - 1] + (not same):
            i, j = i - 1, j - 1
            right[i] = same
        elif rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return right


def at_truth(reading: PlateReading, true: TruePlate) -> bool:
    """Whether a reading's centre lies in the true box, a third of its size around it allowed."""
    x, y, w, h = true.box
    cx = sum(point[0] for point in reading.corners) / 4
    cy = sum(point[1] for point in reading.corners) / 4
    return x - w / 3 <= cx <= x + w * 4 / 3 and y - h / 3 <= cy <= y + h * 4 / 3


def matched(
    plates: Sequence[TruePlate], readings: Sequence[PlateReading]
) -> tuple[list[PlateReading | None], list[PlateReading]]:
    """Give each true plate the surest reading in its place, and each reading to one plate only.

    Returns: a reading or None for each plate, in their order; and the readings left over.
    """
    left = sorted(readings, key=lambda reading: -reading.confidence)
    found: list[PlateReading | None] = []
    for true in plates:
        mine = next((reading for reading in left if at_truth(reading, true)), None)
        found.append(mine)
        left = [reading for reading in left if reading is not mine]
    return found, left


def reliability(pairs: Iterable[tuple[float, bool]], bins: int = BINS) -> list[Bin]:
    """Return confidences with whether each was right, in bins of equal mass from the least sure up.

    Fewer bins than requested for fewer pairs; an empty list without pairs.
    """
    ordered = sorted(pairs)
    count = min(bins, len(ordered))
    edges = [len(ordered) * place // count for place in range(count + 1)] if count else []
    made = []
    for low, high in pairwise(edges):
        part = ordered[low:high]
        sure, right = (sum(values) / len(part) for values in zip(*part, strict=True))
        made.append(Bin(len(part), sure, right))
    return made


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Return the expected calibration error: mean distance of confidence from the share right, by mass.

    Returns: 0 (confidence equals the share right) to 1; None without pairs.
    """
    total = sum(one.n for one in bins)
    if not total:
        return None
    return sum(one.n * abs(one.confidence - one.right) for one in bins) / total


def plate_pairs(judged: Iterable[Judged]) -> list[tuple[float, bool]]:
    """Return the gating confidence of each read with whether the plate is right, folded."""
    return [(one.reading.confidence, one.right) for one in judged if one.reading is not None]


def character_pairs(judged: Iterable[Judged]) -> list[tuple[float, bool]]:
    """Return the probability of each character that was read with whether it is right, folded."""
    pairs: list[tuple[float, bool]] = []
    for one in judged:
        if one.reading is not None:
            right = characters_right(fold(one.reading.plate), fold(one.true.plate))
            sure = [character.confidence for character in one.reading.characters]
            pairs += zip(sure, right, strict=True)
    return pairs


def shares(judged: Sequence[Judged]) -> dict[str, float | int]:
    """Return the shares of true plates that were read, by how well: exact, folded, within one edit."""
    n = len(judged)
    texts = [(bare(o.true.plate), o.reading.plate) for o in judged if o.reading is not None]
    return {
        "n": n,
        "exact": round(sum(true == read for true, read in texts) / n, 4),
        "folded": round(sum(one.right for one in judged) / n, 4),
        "le1": round(sum(edits(fold(a), fold(b)) <= 1 for a, b in texts) / n, 4),
        "no_read": round(sum(one.reading is None for one in judged) / n, 4),
    }
