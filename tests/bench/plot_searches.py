"""Draws what searches take as the store grows: `python -m tests.bench.plot_searches LINES.ndjson OUT.png`.

Each line is the result of one `make bench-search`; those of equal numbers of reads are drawn by their last.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

ASKED = {
    "exact": "exact",
    "lookalike": "look-alikes",
    "partial": "parts of plates",
    "canvass": "canvass",
    "next": "next pages",
}
DESIGNS = {"ours": "ours", "pg_trgm": "pg_trgm", "scan": "a scan"}
PARTS = ("partial 2 middle", "partial 3 end", "partial 5 both")
"""Kinds of questions by which the designs are compared: two characters, three together, five apart."""

Line = Mapping[str, Any]


def draw(lines: Sequence[Line], target: Path) -> None:
    """Draw results, ordered by the reads of their stores, into a PNG."""
    figure = Figure(figsize=(14, 4.4), dpi=100)
    door, store, designs = figure.subplots(1, 3)
    rows = [line["rows"] for line in lines]
    for key, name in ASKED.items():
        door.plot(rows, [line[f"{key}_ms_p95"] for line in lines], marker="o", label=name)
        if key != "next":
            at_store = [line["at_store_ms_p95"][key] for line in lines]
            store.plot(rows, at_store, marker="o", label=name)
    _label(door, "eight people at the HTTP door, p95")
    _label(store, "one person at the store, p95")
    for style, kind in zip(("-", "--", ":"), PARTS, strict=True):
        for colour, (design, name) in zip(("C0", "C1", "C2"), DESIGNS.items(), strict=True):
            medians = [line["designs"][design][kind][0] for line in lines]
            label = f"{name}: {kind.removeprefix('partial ')}"
            designs.plot(rows, medians, style, color=colour, marker="o", label=label)
    _label(designs, "designs, pages in memory, median")
    figure.tight_layout()
    figure.savefig(target)


def _label(axes: Axes, title: str) -> None:
    axes.set(xlabel="reads stored", ylabel="ms", xscale="log", yscale="log", title=title)
    axes.legend(fontsize=7)
    axes.grid(alpha=0.3)


def main() -> int:
    """Draw the lines of a file."""
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    by_rows = {line["rows"]: line for line in lines}
    draw([by_rows[rows] for rows in sorted(by_rows)], Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
