"""Measures what traces and metrics cost: `make bench-observed`.

The CPU of a read in all processes but the load's, in interleaved pairs of runs of `tests.bench.life` with a tenth of
the reads stored before: without either; and with traces at their usual ratio, which a process here receives, while the
metrics of every service are fetched each 15 s, as Prometheus does. Prints one line of JSON: medians, and the ratios of
the pairs. SMOKE=1 traces every request, and does not compare.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from shared.service.trace_settings import TraceSettings
from tests.bench.pairs import SCRAPE_EVERY_S, load_us
from tests.bench.rig import SMOKE, machine

HERE = Path(__file__).parents[2]
SCRAPED_S = 15
AT_MOST = 1.03


class _Sink(BaseHTTPRequestHandler):
    """Accepts spans and forgets them."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts += 1  # type: ignore[attr-defined]  # of `_receive`
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def _receive(asked: Connection) -> None:
    """Serve until asked for the number of POSTs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    server.posts = 0  # type: ignore[attr-defined]  # counted by `_Sink`
    server.timeout = 0.2
    asked.send(server.server_port)
    while not asked.poll():
        server.handle_request()
    asked.send(server.posts)  # type: ignore[attr-defined]  # counted by `_Sink`


@contextmanager
def collector(posts: list[int]) -> Iterator[str]:
    """Run a process that receives spans; give its address. At the end `posts` gets how many POSTs came."""
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_receive, args=(there,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
        here.send(None)
        posts.append(here.recv())
    finally:
        process.terminate()
        process.join()


def observed_us(load_s: float) -> float:
    """Return the CPU of a read with traces and metrics. Raises: SystemExit if no span came."""
    posts: list[int] = []
    with collector(posts) as address:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "TRACES_RATIO": str(1 if SMOKE else TraceSettings.model_fields["traces_ratio"].default),
            SCRAPE_EVERY_S: str(SCRAPED_S),
        }
        us = load_us(HERE, "life", load_s, environment)
    if not posts[0]:
        raise SystemExit("no span reached the collector")
    return us


def measure(pairs: int, load_s: float) -> dict[str, Any]:
    """Return the figures of so many pairs; which comes first alternates."""
    found: dict[str, list[float]] = {"without": [], "observed": []}
    runs = {
        "without": lambda: load_us(HERE, "life", load_s),
        "observed": lambda: observed_us(load_s),
    }
    for number in range(pairs):
        for name in sorted(found, reverse=number % 2 == 0):
            found[name].append(round(runs[name](), 1))
            print(f"{name}: {found[name][-1]} us", file=sys.stderr)
    ratios = sorted(o / w for o, w in zip(found["observed"], found["without"], strict=True))
    return {
        "bench": "observed",
        "us": found,
        "median_us": {name: median(us) for name, us in found.items()},
        "ratio_median": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "load_average": round(os.getloadavg()[0], 1),
        "machine": machine(Path(tempfile.gettempdir())),
    }


def main() -> int:
    """Measure and print; 1 where being observed costs more than 3%."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.observed", description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--load-s", type=float, default=30.0, help="of each run")
    asked = parser.parse_args()
    figures = measure(asked.pairs, asked.load_s)
    print(json.dumps(figures))
    return 0 if SMOKE or figures["ratio_median"] <= AT_MOST else 1


if __name__ == "__main__":
    sys.exit(main())
