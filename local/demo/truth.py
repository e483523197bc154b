"""The truth about a folder of photos: reads truth.csv and compares reads with it."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.core.plates import MAX_PLATE_CHARACTERS

COLUMNS = ("file", "x", "y", "w", "h", "plate")
_FOLD = str.maketrans("OQI", "001")


class TruthFault(ValueError):
    """truth.csv cannot be used; the message names file, line and fault."""


@dataclass(frozen=True)
class TruePlate:
    """A plate in a picture: its text, its box x, y, w, h in px, and its state's postal code if that is known."""

    plate: str
    box: tuple[int, int, int, int]
    state: str | None = None


def bare(plate: str) -> str:
    """Return a plate of a truth file with only its letters and digits."""
    return "".join(c for c in plate.upper() if c.isalnum() and c.isascii())


def fold(plate: str) -> str:
    """Return the bare plate with O and Q as 0 and I as 1 (truth files mix them)."""
    return bare(plate).translate(_FOLD)


def read_truth(path: Path) -> dict[str, tuple[TruePlate, ...]]:
    """Return true plates by file name; skips rows without a plate, whose plate is illegible. A column "state" may lack.

    Raises: TruthFault for a missing column or an invalid value.
    """
    found: dict[str, list[TruePlate]] = {}
    with path.open(newline="", encoding="utf-8-sig") as opened:
        table = csv.DictReader(opened)
        try:
            if lacking := set(COLUMNS) - set(table.fieldnames or ()):
                raise TruthFault(f"{path}: no column {', '.join(sorted(lacking))}")
            for row in table:
                if true := _true_plate(row, f"{path}, line {table.line_num}"):
                    found.setdefault(row["file"], []).append(true)
        except (UnicodeDecodeError, csv.Error) as exc:
            raise TruthFault(f"{path} is no CSV in UTF-8: {exc}") from exc
    return {name: tuple(plates) for name, plates in found.items()}


def _true_plate(row: Mapping[str, str | None], where: str) -> TruePlate | None:
    try:
        x, y, w, h = (round(float(row[name] or "")) for name in ("x", "y", "w", "h"))
    except (ValueError, OverflowError) as exc:
        raise TruthFault(f"{where}: box: {exc}") from exc
    plate = row["plate"] or ""
    if len(bare(plate)) > MAX_PLATE_CHARACTERS:
        raise TruthFault(f"{where}: plate: more than {MAX_PLATE_CHARACTERS} letters and digits")
    return TruePlate(plate, (x, y, w, h), row.get("state") or None) if bare(plate) else None


def folded_share(pairs: Iterable[tuple[Sequence[TruePlate], Sequence[str]]]) -> float | None:
    """Return the share of true plates that were read exactly, from pairs (true plates, plates read) of each frame.

    Compares folded plates; a read counts for one true plate. None if no truth is known.
    """
    total = right = 0
    for true_plates, read in pairs:
        left = [fold(plate) for plate in read]
        for true in true_plates:
            total += 1
            if fold(true.plate) in left:
                left.remove(fold(true.plate))
                right += 1
    return right / total if total else None
