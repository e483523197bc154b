"""Measures CPU of a log entry, a read or a frame, in interleaved pairs with earlier commits.

    python -m tests.bench.pairs --before 6984213 --what entry
    python -m tests.bench.pairs --before 6984213 bd2dd66 --what read --load-s 20

Each commit runs its own bench on its own code; every round runs all of them, in an order that rotates. Prints one line
of JSON: CPU microseconds of each run, the medians, and for each earlier commit the median of the rounds' ratios. CPU
time depends on other load of the machine: if you quote a figure of a loaded machine, mention the load.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parents[2]
WARM_UP = 2000
"""Entries before those that are measured: keys and tables of their days are made once a day."""


def entry_us(entries: int, batch: int) -> float:
    """Return the CPU of an entry of the log of the tree in the current folder, Postgres included."""
    # Imported here: of that tree, not of this one. An earlier commit has them elsewhere.
    bench: Any
    try:
        from tests.bench import audit as bench
    except ImportError:
        bench = import_module("tests.bench.audit_append")
    try:
        from local.commands import cpu
    except ModuleNotFoundError:
        cpu = import_module("deploy.local.cpu")

    append, found = bench.append, list[float]()

    def used_s() -> float:
        processes = cpu._processes()
        servers = cpu._used_s(os.getpid(), processes, set()) - processes[os.getpid()][1]
        return servers + time.process_time()

    async def measured(writer: Any, given: Sequence[Any], of: int) -> float:
        await append(writer, given[:WARM_UP], of)
        gc.collect()
        gc.freeze()  # all messages lie here at once, as they never do behind a consumer
        before = used_s()
        rate = await append(writer, given[WARM_UP:], of)
        if len(given) > WARM_UP:
            found.append((used_s() - before) / (len(given) - WARM_UP) * 1e6)
        return rate

    bench.append = measured
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as folder,
        bench.Postgres(Path(folder) / "postgres") as postgres,
    ):
        url = postgres.create_database("audit")
        asyncio.run(bench.measure(url, WARM_UP + entries, batch))
    return found[0]


SCRAPE_EVERY_S = "SCRAPE_EVERY_S"
"""The variable that has a bench of reads fetch the metrics of all services, each so many seconds."""

FIRST_PART = """
import asyncio, json, os, httpx
whole = bench.sustained
class Measured(Exception): pass
async def scrape(urls, every_s):
    async with httpx.AsyncClient() as client:
        while True:
            for url in urls:
                (await client.get(url + "/metrics")).raise_for_status()
            await asyncio.sleep(every_s)
async def alone(stack, *parts):
    every_s = float(os.environ.get("SCRAPE_EVERY_S", 0))
    services = [url for name, url in stack.running.urls.items() if name]
    scraping = asyncio.create_task(scrape(services, every_s)) if every_s else None
    found = await whole(stack, *parts)
    if scraping is not None and scraping.done():
        scraping.result()
    raise Measured(found)
async def deaf(alerts):
    alerts.open.set()
    await asyncio.Event().wait()
bench.sustained, tests.bench.reads.Alerts.listen = alone, deaf
def main(run=bench.main):
    try:
        return run()
    except Measured as measured:
        print(json.dumps(measured.args[0]))
bench.main = main
"""
"""Runs only the part of a bench of reads that counts CPU, without a viewer: some earlier commits' hotlist opens no
alert stream on a bench's stack."""

LOADS = {
    "read": ("tests.bench.reads", "LOAD_S, SINGLE_S = {0}, 1.0", "cpu_us_per_read"),
    "life": (
        "tests.bench.life",
        "LOAD_S, SETTLE_S, WARM_READS, POPULATION = {0}, 5.0, bench.WARM_READS // 10, bench.POPULATION // 10",
        "cpu_us_per_read",
    ),
    "frame": (
        "tests.bench.frames",
        "RUN_S, CLIENTS = {0}, (bench.REPORTED_CLIENTS,)",
        "cpu_us_per_frame",
    ),
}
"""By measurement: the bench, the lines that shorten it, and the key of its CPU by process."""


def load_us(
    tree: Path, what: str, load_s: float, environment: Mapping[str, str] | None = None
) -> float:
    """Return the CPU of a read or a frame in all processes but the load's, as a tree's own bench counts it."""
    module, shorten, key = LOADS[what]
    names, values = shorten.format(load_s).split(" = ")
    lines = [
        f"import sys, {module} as bench, tests.bench.reads",
        FIRST_PART if what != "frame" else "",
        f"bench.{names.replace(', ', ', bench.')} = {values}",
        "sys.argv = [bench.__name__]",
        "sys.exit(bench.main())",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tree,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,  # it ends with 1 where a machine is too slow for its bars
    )
    if not done.stdout.strip():
        raise SystemExit(done.stderr)
    by_process = json.loads(done.stdout.splitlines()[-1])[key]
    return sum(us for name, us in by_process.items() if name not in ("load", "total"))


def once(tree: Path, asked: argparse.Namespace) -> float:
    """Return one figure of one tree, measured in a process of its own."""
    if asked.what in LOADS:
        return load_us(tree, asked.what, asked.load_s)
    sizes = ["--entries", str(asked.entries), "--batch", str(asked.batch)]
    command = [sys.executable, __file__, "--one", *sizes]
    done = subprocess.run(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.splitlines()[-1])


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Give a folder with the files of a commit."""
    with tempfile.TemporaryDirectory(prefix="plateward-before-") as name:
        tree = Path(name) / "tree"
        git = ["git", "-C", str(HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", tree, commit], check=True, capture_output=True)
        Path(name).chmod(0o755)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", tree], check=True, capture_output=True)


def rounds(trees: Mapping[str, Path], asked: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of each tree by its name, and its ratios to the others; the order rotates."""
    from tests.bench.rig import machine  # not above: `--one` imports the measured tree's modules

    found: dict[str, list[float]] = {name: [] for name in trees}
    for number in range(asked.pairs):
        names = list(trees)
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(round(once(trees[name], asked), 1))
            print(f"{asked.what} {name}: {found[name][-1]} us", file=sys.stderr)
    ratios = {
        name: sorted(now / then for then, now in zip(found[name], found["now"], strict=True))
        for name in found
        if name != "now"
    }
    return {
        "bench": f"cpu of one {asked.what}",
        "us": found,
        "median_us": {name: median(us) for name, us in found.items()},
        "ratio_median": {name: round(median(each), 3) for name, each in ratios.items()},
        "ratio_least": {name: round(each[0], 3) for name, each in ratios.items()},
        "ratio_most": {name: round(each[-1], 3) for name, each in ratios.items()},
        "load_average": round(os.getloadavg()[0], 1),
        "machine": machine(Path(tempfile.gettempdir())),
    }


def main() -> int:
    """Measure and print; 1 where the cost has grown by more than is allowed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pairs", description=__doc__)
    parser.add_argument(
        "--before", nargs="+", default=["6984213"], help="the commits to compare with"
    )
    parser.add_argument("--what", choices=("entry", *LOADS), default="entry")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--load-s", type=float, default=60.0, help="of reads or frames, each run")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(entry_us(asked.entries, asked.batch))
        return 0
    with ExitStack() as stack:
        trees = {commit: stack.enter_context(checked_out(commit)) for commit in asked.before}
        figures = rounds({**trees, "now": HERE}, asked)
    print(json.dumps(figures))
    allowed = 1.10 if asked.what == "entry" else 1.05
    return 0 if max(figures["ratio_median"].values()) <= allowed else 1


if __name__ == "__main__":
    sys.exit(main())
