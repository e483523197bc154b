"""Writes docs/metrics.md from the metrics that the code declares; a test holds the committed page to the code."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "metrics.md"
KINDS = {"Counter": "counter", "Gauge": "gauge", "Histogram": "histogram"}
PREFIX = "alpr_"

HEAD = """# Metrics

Every service answers `/metrics` in the Prometheus text format, with the Python client's metrics of the process beside
its own. `make metrics` writes this page from the code.

| metric | kind | labels | of | meaning |
|---|---|---|---|---|
"""


class Metric(NamedTuple):
    """One declared metric."""

    name: str
    kind: str
    labels: tuple[str, ...]
    owner: str
    """The service, or `every service`."""

    help: str

    @property
    def row(self) -> str:
        """Its row in the table."""
        labels = ", ".join(self.labels) or "–"
        return f"| `{self.name}` | {self.kind} | {labels} | {self.owner} | {self.help} |\n"


def declared(path: Path) -> Iterator[Metric]:
    """Yield the metrics that a module declares. Raises: ValueError if an argument is not a literal."""
    owner = path.relative_to(ROOT).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id not in KINDS or not _names_a_metric(node):
            continue
        name, text, *more = (ast.literal_eval(argument) for argument in node.args)
        yield Metric(
            name=name + ("_total" if node.func.id == "Counter" else ""),
            kind=KINDS[node.func.id],
            labels=tuple(more[0]) if more else (),
            owner=owner[1] if owner[0] == "services" else "every service",
            help=text,
        )


def _names_a_metric(node: ast.Call) -> bool:
    first = node.args[0] if node.args else None
    return isinstance(first, ast.Constant) and str(first.value).startswith(PREFIX)


def all_declared() -> set[Metric]:
    """Return the metrics of all services."""
    paths = [path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]
    return {metric for path in paths for metric in declared(path)}


def text() -> str:
    """Return the page."""
    return HEAD + "".join(metric.row for metric in sorted(all_declared()))


def main() -> int:
    """Write the page."""
    PAGE.write_text(text())
    print(f"{text().count(PREFIX)} metrics in {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
