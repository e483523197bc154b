"""The panels of the committed dashboards, and their figures: each query as Grafana would send it to Prometheus."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.observability.dashboards import FOLDER
from tests.prometheus import Prometheus

RIGHTLY_EMPTY: Mapping[str, str] = {
    "Disks of Kafka": "the embedded broker gives no disks; Apache Kafka does",
    "Last purge": "shows the present, in which the trial's standing order is withdrawn",
}
"""Panels without figures on the embedded stack, and why."""

STEP_S = 5.0
_LABEL = re.compile(r"{{\s*(\w+)\s*}}")


@dataclass(frozen=True)
class Line:
    """One series of a panel."""

    name: str
    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]
    """Times, in seconds since 1970, and values."""

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


@dataclass(frozen=True)
class FilledPanel:
    """A panel with its figures."""

    dashboard: str
    panel: Mapping[str, Any]
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        """Its title."""
        return str(self.panel["title"])


def dashboards() -> list[dict[str, Any]]:
    """Return the committed dashboards."""
    found = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]
    if not found:
        raise ValueError("there is no dashboard")
    return found


async def filled(
    prometheus: Prometheus, dashboard: Mapping[str, Any], span_s: float
) -> list[FilledPanel]:
    """Return the panels of a dashboard with their figures of the last `span_s` seconds."""
    return [
        FilledPanel(dashboard["uid"], panel, tuple(await _lines(prometheus, panel, span_s)))
        for panel in dashboard["panels"]
    ]


async def _lines(prometheus: Prometheus, panel: Mapping[str, Any], span_s: float) -> list[Line]:
    lines = []
    now = time.time()
    for target in panel["targets"]:
        if target["range"]:
            found = await prometheus.series(target["expr"], now - span_s, now, STEP_S)
        else:
            found = [
                {**one, "values": [one["value"]]} for one in await prometheus.query(target["expr"])
            ]
        for one in found:
            points = [(float(at), float(value)) for at, value in one["values"] if value != "NaN"]
            if points:
                name = _LABEL.sub(
                    lambda m, of=one["metric"]: of.get(m[1], ""), target["legendFormat"]
                )
                lines.append(Line(name, one["metric"], tuple(points)))
    return lines


def empty(panels: list[FilledPanel]) -> list[str]:
    """Return the titles of panels without figures that must have some."""
    return [one.title for one in panels if not one.lines and one.title not in RIGHTLY_EMPTY]
