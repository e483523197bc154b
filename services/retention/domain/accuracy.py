"""Figures on accuracy: judged reads compared with what the engine reads in their crops, as counts alone (ADR-0085)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.retention.domain.corrections import PlateSeen

SMALLEST_CELL = 10
"""A cell of fewer judged reads has no figures, so that none of them describes a single record."""

BINS = 10
"""Bins of the engine's confidence, each a tenth wide."""

MOST_READS = 20_000
"""The most judged reads of a report, the newest of its window."""

_FOLD = str.maketrans("OQI", "001")


class Judgement(StrEnum):
    """What people said of a read when they verified its hits or corrected it."""

    RIGHT = "right"
    WRONG = "wrong"
    CORRECTED = "corrected"
    """Wrong, and the plate in the picture is known."""


class Verdict(NamedTuple):
    """A judgement, and the plate that the engine's reading is compared with."""

    judgement: Judgement
    plate: str
    """The plate in the picture; the recorded one if the judgement is `wrong`."""


class Reading(NamedTuple):
    """What the engine read in a crop; `plate` is None if it read none. `confidence` is 0 to 1."""

    plate: str | None
    confidence: float


class Cell(NamedTuple):
    """The reads that are counted together."""

    device_id: UUID
    device_name: str
    region: str | None
    """ISO 3166-2 issuer as recorded; None if it was not determined."""
    source: str
    """`edge` for reads that the camera made, `recognition` for those of the department's engine."""
    judgement: Judgement


@dataclass(frozen=True)
class JudgedRead:
    """A read, its crop and its judgement, in the memory of the job alone."""

    read_id: UUID
    cell: Cell
    plate: str
    """See `Verdict`."""
    crop_key: str = field(repr=False)


class Bin(msgspec.Struct):
    """Readings of like confidence, and how many of them are the recorded plate, folded."""

    readings: int = 0
    same: int = 0


class Figures(msgspec.Struct):
    """Counts of a cell: what the engine reads in the crops, compared with the recorded or corrected plates.

    `judged` is the sum of `exact`, `folded`, `one_edit`, `further` and `no_read`.
    """

    judged: int = 0
    exact: int = 0
    folded: int = 0
    """Equal once O and Q are 0 and I is 1, and not before."""
    one_edit: int = 0
    """One character more, fewer or other, and not folded."""
    further: int = 0
    no_read: int = 0
    bins: list[Bin] = msgspec.field(default_factory=lambda: [Bin() for _ in range(BINS)])
    """By the engine's confidence, from the least sure up."""

    def count(self, recorded: str, reading: Reading) -> None:
        """Count one read."""
        self.judged += 1
        if reading.plate is None:
            self.no_read += 1
            return
        same = fold(reading.plate) == fold(recorded)
        if reading.plate == recorded:
            self.exact += 1
        elif same:
            self.folded += 1
        elif is_one_edit(fold(reading.plate), fold(recorded)):
            self.one_edit += 1
        else:
            self.further += 1
        counted = self.bins[min(int(reading.confidence * BINS), BINS - 1)]
        counted.readings += 1
        counted.same += same

    def add(self, other: "Figures") -> None:
        """Add the counts of another cell."""
        for name in ("judged", "exact", "folded", "one_edit", "further", "no_read"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for mine, others in zip(self.bins, other.bins, strict=True):
            mine.readings += others.readings
            mine.same += others.same


class Row(msgspec.Struct, kw_only=True):
    """A cell as a report has it."""

    device_id: UUID
    device_name: str
    judgement: Judgement
    region: str | None = None
    source: str | None = None
    is_rest: bool = False
    """Whether these are the small cells of a camera and judgement together, whatever region and source."""
    figures: Figures | None
    """None for a cell of fewer than `SMALLEST_CELL` judged reads."""


class Tally:
    """Counts what the engine read, and keeps nothing of a single read."""

    def __init__(self) -> None:
        self._cells = defaultdict[Cell, Figures](Figures)

    def count(self, judged: JudgedRead, reading: Reading) -> None:
        """Count one read."""
        self._cells[judged.cell].count(judged.plate, reading)

    def rows(self) -> list[Row]:
        """Return the cells as a report may show them."""
        return rows_of(self._cells)


def rows_of(cells: Mapping[Cell, Figures]) -> list[Row]:
    """Return cells with figures where they are large enough; small ones of a camera and judgement once more together.

    A rest of one cell, or of too few reads in all, has no figures either. No sum is over small and large cells
    together, so the difference of two figures is never that of a small cell.
    """
    rows = []
    small = defaultdict[tuple[UUID, str, Judgement], list[Figures]](list)
    for cell, figures in sorted(cells.items(), key=lambda item: _order(item[0])):
        is_small = figures.judged < SMALLEST_CELL
        rows.append(_row(cell, None if is_small else figures))
        if is_small:
            small[cell.device_id, cell.device_name, cell.judgement].append(figures)
    rests = (_rest(*key, merged) for key, merged in small.items() if len(merged) > 1)
    return rows + [rest for rest in rests if rest is not None]


def _order(cell: Cell) -> tuple[str, str, str, str]:
    return f"{cell.device_name} {cell.device_id}", cell.judgement, cell.region or "", cell.source


def _row(cell: Cell, figures: Figures | None) -> Row:
    return Row(
        device_id=cell.device_id,
        device_name=cell.device_name,
        judgement=cell.judgement,
        region=cell.region,
        source=cell.source,
        figures=figures,
    )


def _rest(
    device_id: UUID, device_name: str, judgement: Judgement, small: Iterable[Figures]
) -> Row | None:
    """Return small cells together; None if they are too few reads even so."""
    both = Figures()
    for figures in small:
        both.add(figures)
    if both.judged < SMALLEST_CELL:
        return None
    return Row(
        device_id=device_id,
        device_name=device_name,
        judgement=judgement,
        is_rest=True,
        figures=both,
    )


def verdict_of(
    recorded: str, outcomes: Iterable[str], correction: PlateSeen | None = None
) -> Verdict | None:
    """Return what verifications and the last correction of a read say of its plate; None if nothing, or they disagree.

    A wrong state leaves the plate right. `list_out_of_date` and `dismissed` say nothing of the read.
    """
    said = {_OF_OUTCOME[outcome] for outcome in outcomes if outcome in _OF_OUTCOME}
    if correction is not None:
        said.add(Judgement.RIGHT if correction.plate == recorded else Judgement.WRONG)
    if len(said) != 1:
        return None
    judgement = said.pop()
    if judgement is Judgement.WRONG and correction is not None and correction.plate is not None:
        return Verdict(Judgement.CORRECTED, correction.plate)
    return Verdict(judgement, recorded)


_OF_OUTCOME = {
    "correct_read": Judgement.RIGHT,
    "wrong_state": Judgement.RIGHT,
    "misread": Judgement.WRONG,
}


def fold(plate: str) -> str:
    """Return a plate with O and Q as 0 and I as 1, which many states do not distinguish."""
    return plate.translate(_FOLD)


def is_one_edit(one: str, other: str) -> bool:
    """Return whether one character more, fewer or other makes a plate of another; False for equal plates."""
    short, long = sorted((one, other), key=len)
    if short == long or len(long) - len(short) > 1:
        return False
    same = next(
        (i for i, pair in enumerate(zip(short, long, strict=False)) if len({*pair}) > 1), len(short)
    )
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]
