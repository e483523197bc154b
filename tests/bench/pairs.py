"""CPU of a log entry or of a read, in interleaved pairs with an earlier commit.

    python -m tests.bench.pairs --before 6984213 --what entry

Each side runs its own bench on its own code. Prints one line of JSON: CPU microseconds of each run, the
medians, and the median of the pairs' ratios. CPU time depends on what else the machine does: do not quote a
figure of a loaded machine without saying so.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parents[2]
WARM_UP = 2000
"""Entries before those that are measured: keys and tables of their days are made once a day."""


def entry_us(entries: int, batch: int) -> float:
    """Return the CPU of an entry of the log of the tree in the current folder, Postgres included."""
    # Imported here: of that tree, not of this one.
    from tests.bench import audit_append as bench

    try:
        from local.commands import cpu
    except ModuleNotFoundError:  # an earlier commit's
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


def read_us(tree: Path) -> float:
    """Return the CPU of a read in all processes but the load's, as a tree's own bench counts it."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.reads"],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,  # it ends with 1 where a machine is too slow for its bars
    )
    if not done.stdout.strip():
        raise SystemExit(done.stderr)
    by_process = json.loads(done.stdout.splitlines()[-1])["cpu_us_per_read"]
    return sum(us for name, us in by_process.items() if name not in ("load", "total"))


def once(tree: Path, what: str, entries: int, batch: int) -> float:
    """Return one figure of one tree, measured in a process of its own."""
    if what == "read":
        return read_us(tree)
    command = [sys.executable, __file__, "--one", "--entries", str(entries), "--batch", str(batch)]
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


def pairs(before: Path, count: int, what: str, entries: int, batch: int) -> dict[str, Any]:
    """Return the figures of `count` pairs; which side goes first alternates."""
    found: dict[Path, list[float]] = {before: [], HERE: []}
    for number in range(count):
        for tree in (before, HERE) if number % 2 == 0 else (HERE, before):
            found[tree].append(round(once(tree, what, entries, batch), 1))
            print(f"{what} {tree.name}: {found[tree][-1]} us", file=sys.stderr)
    ratios = sorted(now / then for then, now in zip(found[before], found[HERE], strict=True))
    return {
        "bench": f"cpu of one {what}",
        "before_us": found[before],
        "now_us": found[HERE],
        "before_median_us": median(found[before]),
        "now_median_us": median(found[HERE]),
        "ratio_median": round(median(ratios), 3),
        "ratio_least": round(ratios[0], 3),
        "ratio_most": round(ratios[-1], 3),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    """Measure and print; 1 where the cost has grown by more than is allowed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pairs", description=__doc__)
    parser.add_argument("--before", default="6984213", help="the commit to compare with")
    parser.add_argument("--what", choices=("entry", "read"), default="entry")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(entry_us(asked.entries, asked.batch))
        return 0
    with checked_out(asked.before) as before:
        figures = pairs(before, asked.pairs, asked.what, asked.entries, asked.batch)
    print(json.dumps(figures))
    return 0 if figures["ratio_median"] <= (1.05 if asked.what == "read" else 1.10) else 1


if __name__ == "__main__":
    sys.exit(main())
