"""Panels and dashboards of Grafana, as few words as a description needs, and their JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["stat", "timeseries", "bargauge", "table"]

SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS = 24
"""Width of a dashboard in Grafana's units."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel: its queries by legend, in which `{{label}}` stands for a label's value."""

    title: str
    about: str
    queries: Mapping[str, str]
    kind: Kind = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 7
    warn: float | None = None
    """Value from which it is coloured; None for no colour."""

    below: bool = False
    """Whether values below `warn` are coloured, instead of those above."""

    stacked: bool = False
    most: float | None = None
    """End of the scale of bars; None for the largest value."""

    def as_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Return the panel at a place of its dashboard."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": list(self._targets()),
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": self._options(),
        }

    def _targets(self) -> Iterator[dict[str, Any]]:
        now = self.kind != "timeseries"
        for number, (legend, expr) in enumerate(self.queries.items()):
            yield {
                "refId": chr(ord("A") + number),
                "datasource": SOURCE,
                "expr": expr,
                "legendFormat": legend,
                "instant": now,
                "range": not now,
                "format": "table" if self.kind == "table" else "time_series",
            }

    def _defaults(self) -> dict[str, Any]:
        defaults: dict[str, Any] = {"unit": self.unit, "min": 0}
        if self.most is not None:
            defaults["max"] = self.most
        low, high = ("red", "green") if self.below else ("green", "red")
        steps: list[dict[str, Any]] = [{"color": low, "value": None}]
        if self.warn is not None:
            steps.append({"color": high, "value": self.warn})
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
        if self.kind == "timeseries":
            stacking = {"mode": "normal" if self.stacked else "none", "group": "A"}
            defaults["custom"] = {
                "stacking": stacking,
                "thresholdsStyle": {"mode": "off" if self.warn is None else "line"},
                "fillOpacity": 20 if self.stacked else 0,
                "showPoints": "never",
            }
        else:
            defaults["color"] = {"mode": "thresholds"}
        return defaults

    def _options(self) -> dict[str, Any]:
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        match self.kind:
            case "stat":
                return {"reduceOptions": reduced, "colorMode": "value", "graphMode": "none"}
            case "bargauge":
                return {
                    "reduceOptions": reduced,
                    "orientation": "horizontal",
                    "displayMode": "basic",
                    "showUnfilled": True,
                }
            case "timeseries":
                legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
                return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
            case "table":
                return {"showHeader": True}


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """One dashboard: rows of panels, top down."""

    name: str
    """Its file's name, and its address in Grafana."""

    title: str
    about: str
    rows: Sequence[Sequence[Panel]]

    @property
    def panels(self) -> list[Panel]:
        """All panels."""
        return [panel for row in self.rows for panel in row]

    def as_json(self) -> str:
        """Return the dashboard as a file that Grafana provisions. Raises: ValueError for a row that is too wide."""
        placed: list[dict[str, Any]] = []
        y = 0
        for row in self.rows:
            x = 0
            for panel in row:
                placed.append(panel.as_json(len(placed) + 1, x, y))
                x += panel.width
            if x > COLUMNS:
                message = f"a row of {self.title} is {x} units wide, of {COLUMNS}"
                raise ValueError(message)
            y += max(panel.height for panel in row)
        source = {
            "name": "source",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        }
        document = {
            "uid": f"plateward-{self.name}",
            "title": self.title,
            "description": self.about,
            "tags": ["plateward"],
            "schemaVersion": 39,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": [source]},
            "links": [
                {"type": "dashboards", "tags": ["plateward"], "title": "", "asDropdown": False}
            ],
            "panels": placed,
        }
        return json.dumps(document, indent=1) + "\n"
