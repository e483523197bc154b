"""Breaks the services one mistake at a time and sees whether the tests of the broken rule notice.

`make conformance-mutants` prints a line for each mutant and last `N mutants, M survived`. A mutant counts
only if its module imports, its service starts, and at most 5% of the other rules' tests fail under it. So that
not every test is run for every mutant, all are run once before, to see what code each reaches.
"""

import argparse
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.conformance.mutation import KINDS, Mutant, MutantFault, mutants
from tests.conformance.reach import Reach, joined
from tests.conformance.rules import rules

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 1800


def main() -> int:
    """Run the mutants that are asked for; 1 unless every one of them is caught."""
    options = _options()
    chosen = [
        mutant
        for mutant in mutants()
        if (not options.rule or mutant.rule.startswith(options.rule))
        and (not options.name or options.name in mutant.name)
    ]
    if options.n:
        chosen = random.Random(options.seed).sample(chosen, min(options.n, len(chosen)))
    if not chosen:
        print("no mutant is chosen", file=sys.stderr)
        return 2
    results = _run(chosen, options)
    return _report(chosen, results, every=not (options.rule or options.name or options.n))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rule", help="only mutants of rules that begin so")
    parser.add_argument("--name", help="only mutants whose name contains this")
    parser.add_argument("--n", type=int, help="so many, drawn at random")
    parser.add_argument("--seed", type=int, default=468)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--own-only",
        action="store_true",
        help="do not run other rules' tests: quick, but does not show that a mutant counts",
    )
    parser.add_argument(
        "--reach", type=Path, help="what tests.conformance.reach wrote for this code"
    )
    return parser.parse_args()


def _run(chosen: Sequence[Mutant], options: argparse.Namespace) -> dict[Mutant, dict[str, Any]]:
    todo: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in chosen:
        todo.put(mutant)
    results: dict[Mutant, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="plateward-mutants-") as folder:
        trees = [Path(folder) / str(number) for number in range(min(options.workers, len(chosen)))]
        for tree in trees:
            _copy(tree)
        asked = ["--own-only"]
        if not options.own_only:
            asked = ["--reach", str(options.reach.absolute() if options.reach else _reached(trees))]

        def work(tree: Path) -> None:
            while True:
                try:
                    mutant = todo.get_nowait()
                except queue.Empty:
                    return
                results[mutant] = _one(tree, mutant, asked)
                _print(mutant, results[mutant])

        threads = [threading.Thread(target=work, args=(tree,)) for tree in trees]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def _reached(trees: Sequence[Path]) -> Path:
    """Run all tests of rules once, spread over the trees; return the file that says what each reaches."""
    print("All tests of rules are run once, to see what code each reaches", flush=True)
    outputs = [tree / "reach.json" for tree in trees]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.conformance.reach", str(output), f"{n}/{len(trees)}"],
            cwd=tree,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        for n, (tree, output) in enumerate(zip(trees, outputs, strict=True))
    ]
    if max(process.wait() for process in running):
        raise SystemExit("a test of a rule fails without any mutant")
    whole = joined([msgspec.json.decode(output.read_bytes(), type=Reach) for output in outputs])
    outputs[0].write_bytes(msgspec.json.encode(whole))
    return outputs[0]


def _copy(tree: Path) -> None:
    """Copy the committed and the changed files of this checkout, so that nothing here is touched."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)


def _one(tree: Path, mutant: Mutant, asked: Sequence[str]) -> dict[str, Any]:
    """Write the mutant into `tree`, run the tests there, and put the module back."""
    began = time.monotonic()
    try:
        changed = mutant.source(tree)
    except MutantFault as exc:
        return {"state": "invalid", "why": str(exc), "seconds": 0.0}
    path = tree / mutant.path
    if not path.is_file():
        path = tree / mutant.path.with_suffix("") / "__init__.py"
    kept, stat = path.read_text(), path.stat()
    path.write_text(changed)
    try:
        result = _hunt(tree, mutant, asked)
    finally:
        path.write_text(kept)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return {**result, "seconds": time.monotonic() - began}


def _hunt(tree: Path, mutant: Mutant, asked: Sequence[str]) -> dict[str, Any]:
    module = "tests.conformance.mutant_run"
    command = [sys.executable, "-m", module, mutant.rule, mutant.where, *asked]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ended = subprocess.run(
            command,
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return {"state": "invalid", "why": f"the tests do not end within {TIMEOUT_S} s under it"}
    try:
        result: dict[str, Any] = json.loads(ended.stdout.strip().rsplit("\n", 1)[-1])
    except ValueError:
        return {"state": "invalid", "why": "the run broke off", "output": ended.stderr[-3000:]}
    return result


def _print(mutant: Mutant, result: dict[str, Any]) -> None:
    told = result.get("by") or result.get("why", "")
    others = f"{result['others_failed']} of {result['others']}" if "others" in result else "-"
    print(
        f"{result['state']:9} {mutant.rule:30} {mutant.name}  [{result['seconds']:.0f} s]  {told}"
        f"  others: {others}",
        flush=True,
    )
    if result["state"] != "caught" and result.get("output"):
        print(result["output"], file=sys.stderr)


def _report(chosen: Sequence[Mutant], results: dict[Mutant, dict[str, Any]], *, every: bool) -> int:
    states = Counter(result["state"] for result in results.values())
    for kind, what in KINDS.items():
        print(f"{sum(mutant.kind == kind for mutant in chosen):4}  {kind}: {what}")
    fault = states["survived"] or states["invalid"]
    if every:
        of_rule = Counter(mutant.rule for mutant in chosen)
        for rule in rules():
            if of_rule[rule] < 2:
                fault = True
                print(f"{rule} has {of_rule[rule]} mutants; a rule needs two or more")
    print(f"{states['invalid']} do not count")
    print(f"{len(chosen) - states['invalid']} mutants, {states['survived']} survived")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
