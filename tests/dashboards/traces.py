"""Reads the collector's file of traces, one object of OTLP a line."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

POSTED, ALERTED = "POST /v1/reads", "alert"


def spans(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each span with its service."""
    if not path.exists():
        return
    with path.open() as lines:
        for line in lines:
            if not line.endswith("\n"):
                return  # the collector is writing it
            for resource in json.loads(line)["resourceSpans"]:
                named = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
                service = named["service.name"]["stringValue"]
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        yield service, span


def from_post_to_alert(path: Path) -> list[str]:
    """Return the steps of one trace from a camera's POST to an alert, in the order of their begins; none if none is."""
    traces = defaultdict[str, list[tuple[int, str]]](list)
    for service, span in spans(path):
        traces[span["traceId"]].append(
            (int(span["startTimeUnixNano"]), f"{service}: {span['name']}")
        )
    for steps in traces.values():
        names = [name.partition(": ")[2] for _, name in sorted(steps)]
        if POSTED in names and ALERTED in names[names.index(POSTED) :]:
            return [name for _, name in sorted(steps)]
    return []
