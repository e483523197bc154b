"""Draws dashboards as a page, panel by panel, from their own JSON and the figures of their own queries.

Grafana itself is in no package registry, so this stands in for it: places, titles, units, legends, thresholds and
scales are the dashboards'; colours and shapes are this file's.
"""

import html
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from tests.dashboards.panels import FilledPanel, Line

COLOURS = (
    "#1f77b4",
    "#2e7d32",
    "#e65100",
    "#6a1b9a",
    "#c2185b",
    "#00838f",
    "#8d6e63",
    "#f9a825",
    "#455a64",
    "#ad1457",
)
GOOD, BAD = "#2e7d32", "#c62828"
ROW_PX, GAP_PX, COLUMN_PX, LEFT_PX = 34, 6, 57, 62
STYLE = f"""
body {{ font: 13px/1.35 sans-serif; margin: 12px; background: #f4f5f5; color: #222 }}
h1 {{ font-size: 19px; margin: 0 0 2px }} p {{ margin: 0 0 8px; color: #666 }}
main {{ display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: {ROW_PX}px; gap: {GAP_PX}px }}
section {{ background: #fff; border: 1px solid #d8d9da; border-radius: 3px; padding: 5px 8px; overflow: hidden;
    display: flex; flex-direction: column; min-width: 0 }}
h2 {{ font-size: 13px; margin: 0 0 4px; white-space: nowrap; overflow: hidden }}
svg {{ flex: 1; min-height: 0; width: 100% }} .none {{ margin: auto; color: #888 }}
.big {{ margin: auto; font-size: 27px; font-weight: 600 }}
.legend {{ font-size: 11px; max-height: 30px; overflow: hidden }} .legend i {{ font-style: normal }}
.bar {{ display: flex; gap: {GAP_PX}px; margin: 1px 0; font-size: 11px }} .bar b {{ width: 42%; font-weight: 400;
    overflow: hidden; white-space: nowrap; text-overflow: ellipsis }} .bar u {{ flex: 1; background: #e8e9ea }}
.bar u span {{ display: block; height: 13px }} .bar em {{ width: 60px; font-style: normal; text-align: right }}
table {{ border-collapse: collapse; font-size: 12px }} td, th {{ text-align: left; padding: 1px 10px 1px 0 }}
"""


def page(dashboard: Mapping[str, Any], panels: Sequence[FilledPanel]) -> str:
    """Return a dashboard as HTML."""
    body = "".join(map(_panel, panels))
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{_text(dashboard['title'])}</title>"
        f"<style>{STYLE}</style><h1>{_text(dashboard['title'])}</h1>"
        f"<p>{_text(dashboard['description'])} Drawn by tests/dashboards from live Prometheus, not by Grafana.</p>"
        f"<main>{body}</main></html>"
    )


def _panel(one: FilledPanel) -> str:
    place = one.panel["gridPos"]
    at = f"grid-column: {place['x'] + 1} / span {place['w']}; grid-row: {place['y'] + 1} / span {place['h']}"
    draw = {"stat": _stat, "timeseries": _curves, "bargauge": _bars, "table": _table}
    inside = draw[one.panel["type"]](one) if one.lines else "<div class=none>No data</div>"
    return f"<section style='{at}'><h2>{_text(one.title)}</h2>{inside}</section>"


def _stat(one: FilledPanel) -> str:
    value = one.lines[0].last
    return f"<div class=big style='color:{_colour(one, value)}'>{_number(one, value)}</div>"


def _curves(one: FilledPanel) -> str:
    lines = _stacked(one.lines) if _is_stacked(one) else one.lines
    points = [point for line in lines for point in line.points]
    begin, end = min(p[0] for p in points), max(p[0] for p in points)
    top = max((p[1] for p in points), default=0.0) * 1.08 or 1.0
    wide = max(end - begin, 1.0)
    width = COLUMN_PX * one.panel["gridPos"]["w"] - 24
    height = (ROW_PX + GAP_PX) * one.panel["gridPos"]["h"] - 76

    def drawn(line: Line) -> str:
        return " ".join(
            f"{LEFT_PX + (width - LEFT_PX - 6) * (at - begin) / wide:.1f},{height - 6 - (height - 16) * value / top:.1f}"
            for at, value in line.points
        )

    curves = "".join(
        f"<polyline fill=none stroke='{colour}' stroke-width=1.6 points='{drawn(line)}'/>"
        for line, colour in zip(lines, itertools.cycle(COLOURS))
    )
    scale = "".join(
        f"<line x1={LEFT_PX} x2={width - 6} y1={y} y2={y} stroke='#eee'/>"
        f"<text x={LEFT_PX - 5} y={y + 4} font-size=11 text-anchor=end fill='#777'>{_number(one, top * share)}</text>"
        for share, y in ((share, height - 6 - (height - 16) * share) for share in (0, 0.5, 0.92))
    )
    legend = " ".join(
        f"<i style='color:{colour}'>&#9473; {_text(line.name)}</i>"
        for line, colour in zip(one.lines, itertools.cycle(COLOURS))
    )
    box = f"viewBox='0 0 {width} {height}'"
    return f"<svg {box}>{scale}{curves}</svg><div class=legend>{legend}</div>"


def _is_stacked(one: FilledPanel) -> bool:
    return bool(one.panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal")


def _stacked(lines: Sequence[Line]) -> list[Line]:
    """Return each line on top of those before it."""
    below: dict[float, float] = {}
    found = []
    for line in lines:
        for at, value in line.points:
            below[at] = below.get(at, 0.0) + value
        found.append(Line(line.name, line.labels, tuple((at, below[at]) for at, _ in line.points)))
    return found


def _bars(one: FilledPanel) -> str:
    most = one.panel["fieldConfig"]["defaults"].get("max") or max(line.last for line in one.lines)
    return "".join(
        f"<div class=bar><b>{_text(line.name)}</b><u><span style='background:{_colour(one, line.last)};"
        f"width:{100 * min(1.0, line.last / (most or 1)):.0f}%'></span></u><em>{_number(one, line.last)}</em></div>"
        for line in one.lines
    )


def _table(one: FilledPanel) -> str:
    names = sorted({name for line in one.lines for name in line.labels})
    head = "".join(f"<th>{_text(name)}</th>" for name in (*names, "Value"))
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{_text(line.labels.get(name, ''))}</td>" for name in names)
        + f"<td>{_number(one, line.last)}</td></tr>"
        for line in one.lines
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _colour(one: FilledPanel, value: float) -> str:
    steps = one.panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return BAD if reached[-1] == "red" else GOOD


def _number(one: FilledPanel, value: float) -> str:
    """Return a value in the panel's unit."""
    match one.panel["fieldConfig"]["defaults"]["unit"]:
        case "percentunit":
            return f"{100 * value:.0f}%"
        case "s":
            return _duration(value)
        case "reqps":
            return f"{value:.3g} req/s"
        case "ops":
            return f"{value:.3g} ops/s"
        case _:
            return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def _duration(value_s: float) -> str:
    for unit, length_s in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if value_s >= 2 * length_s:
            return f"{value_s / length_s:.3g} {unit}"
    return f"{1000 * value_s:.3g} ms" if 0 < value_s < 1 else f"{value_s:.3g} s"


def _text(value: object) -> str:
    return html.escape(str(value))
