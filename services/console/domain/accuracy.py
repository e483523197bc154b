"""Reports on accuracy in words and shares (docs/accuracy-reports.md)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

JUDGEMENTS: Mapping[str, str] = {
    "right": "the plate on record is right",
    "wrong": "the plate on record is a misread",
    "corrected": "the plate on record is a misread, and corrected",
}
SOURCES: Mapping[str | None, str] = {"edge": "camera", "recognition": "engine", None: "any"}


@dataclass(frozen=True)
class Line:
    """One row of a report, written out; `figures` is None for a row that is too small to show."""

    camera: str
    judgement: str
    state: str
    source: str
    figures: Mapping[str, Any] | None
    same_share: float | None
    """The share that the engine reads as recorded, but for O, Q and I; None without figures."""


def lines_of(rows: Sequence[Mapping[str, Any]]) -> list[Line]:
    """Return the rows of a report, by camera, those judged right first."""
    found = [_line(row) for row in rows]
    return sorted(found, key=lambda one: (one.camera, one.judgement, one.state, one.source))


def _line(row: Mapping[str, Any]) -> Line:
    figures = row["figures"]
    state = row["region"] or "not read"
    return Line(
        camera=row["device_name"],
        judgement=row["judgement"],
        state="small rows together" if row["is_rest"] else state,
        source=SOURCES.get(row["source"], str(row["source"])),
        figures=figures,
        same_share=(figures["exact"] + figures["folded"]) / figures["judged"]
        if figures and figures["judged"]
        else None,
    )
