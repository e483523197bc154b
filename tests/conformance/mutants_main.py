"""Breaks the services one mistake at a time and checks whether the tests of the broken rule notice.

`make conformance-mutants` prints a line for each mutant and last `N mutants, M survived`. A mutant counts
only if its module imports, its service starts, and at most 5% of the other rules' tests fail under it. So that
not every test is run for every mutant, all are run once before, to see which lines each reaches.
"""

import argparse
import contextlib
import hashlib
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
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import msgspec

from local.stack.postgres import Postgres
from tests.conformance.mutant_run import Job
from tests.conformance.mutant_server import TIMEOUT_S
from tests.conformance.mutation import KINDS, Mutant, MutantFault, mutants
from tests.conformance.reach import SOURCES, Reach, joined
from tests.conformance.rules import CLAIM, files_with, rules
from tests.servers import TEMPLATES, make_database, memory

ROOT = Path(__file__).parents[2]
CODE = (
    "services/",
    "shared/",
    "local/",
    "deploy/",
    "tests/",
    "requirements/",
    "pyproject",
    "policy",
)
"""The facts that the result of a mutant depends on."""
SERVICE_CODE = tuple(f"{source}." for source in SOURCES)


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
        "--exact",
        action="store_true",
        help="run other rules' tests until nothing is left to chance",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="run each mutant in a process of its own: slow"
    )
    parser.add_argument(
        "--reach",
        type=Path,
        help="what tests.conformance.reach wrote for this code; with --own-only, tests that reach a mutant run first",
    )
    parser.add_argument(
        "--done",
        type=Path,
        help="a file of results: what it has is not run again, what is new is added; so is what tests reach",
    )
    return parser.parse_args()


def _run(chosen: Sequence[Mutant], options: argparse.Namespace) -> dict[Mutant, dict[str, Any]]:
    done = Done(options.done, _digest(options))
    results = {
        mutant: done.results[key] for mutant in chosen if (key := _key(mutant)) in done.results
    }
    for mutant, result in results.items():
        _print(mutant, result)
    todo: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    left = [mutant for mutant in chosen if mutant not in results]
    for mutant in left:
        todo.put(mutant)
    if not left:
        return results
    with tempfile.TemporaryDirectory(prefix="plateward-mutants-", dir=memory()) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the databases' account passes through
        trees = [folder / str(number) for number in range(min(options.workers, len(left)))]
        for tree in trees:
            _copy(tree)
        reach = None
        if options.reach or not options.own_only:
            file = options.reach or _reach_file(done.reach, trees)
            reach = msgspec.json.decode(file.read_bytes(), type=Reach)
        with Postgres(folder / "postgres") as postgres:
            for template in TEMPLATES:  # made once; each run starts from a copy
                make_database(postgres, template, TEMPLATES[template])
        claims = {f'{CLAIM}{mutant.rule}"' for mutant in left} if options.own_only else {CLAIM}

        def work(tree: Path) -> None:
            with Worker(tree, folder / "postgres", claims, reach, options) as worker:
                while True:
                    try:
                        mutant = todo.get_nowait()
                    except queue.Empty:
                        return
                    results[mutant] = worker.judge(mutant)
                    done.add(_key(mutant), results[mutant])
                    _print(mutant, results[mutant])

        with ThreadPoolExecutor(len(trees)) as pool:
            for future in [pool.submit(work, tree) for tree in trees]:
                future.result()
    return results


def _reach_file(kept: Path | None, trees: Sequence[Path]) -> Path:
    """Return the file of lines that the tests reach: the stored one, or a new one that is stored from now on."""
    if kept is not None and kept.exists():
        return kept
    made = _reached(trees)
    if kept is None:
        return made
    unfinished = kept.with_name(f"{kept.name}.unfinished")
    shutil.copyfile(made, unfinished)
    return unfinished.replace(kept)


def _reached(trees: Sequence[Path]) -> Path:
    """Run all tests of rules once, spread over the trees; return the file of the lines that each reaches."""
    print("All tests of rules are run once, to see what code each reaches", flush=True)
    outputs = [tree.with_name(f"reach-{tree.name}.json") for tree in trees]
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


def _files() -> list[str]:
    """Return the committed and the changed files of this checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    names = sorted(set(listed.stdout.decode().split("\0")))
    return [name for name in names if name and (ROOT / name).is_file()]


def _copy(tree: Path) -> None:
    """Copy this checkout, so that the original stays unchanged."""
    for name in _files():
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    # Compiled now, a module's source is opened only by tests that read it as text.
    folders = [*SOURCES, "local", "deploy"]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], cwd=tree, check=True)


def _digest(options: argparse.Namespace) -> str:
    """Return a digest of the code, the tests, and how they run: results depend on these beside the mutant."""
    digest = hashlib.sha256(repr((options.own_only, options.exact)).encode())
    for name in _files():
        if name.startswith(CODE) and not name.startswith("tests/conformance/mutants/"):
            digest.update(
                name.encode() + b"\0" + hashlib.sha256((ROOT / name).read_bytes()).digest()
            )
    return digest.hexdigest()


def _key(mutant: Mutant) -> str:
    return hashlib.sha256(repr(mutant).encode()).hexdigest()


class Done:
    """Results of a run that was cut, so that it goes on where it stopped: lines of JSON, each written at once."""

    def __init__(self, file: Path | None, digest: str) -> None:
        self.file = file
        self.digest = digest
        self.reach = file and file.with_name(f"{file.name}.{digest[:12]}.reach")
        """The path of the lines that the tests reach, for the same code."""
        self.results: dict[str, dict[str, Any]] = {}
        """By the mutant's key, those of the code as it is."""
        self._lock = threading.Lock()
        if file is not None and file.exists():
            for line in file.read_text().splitlines():
                with contextlib.suppress(ValueError):  # the last line may have been cut
                    entry = json.loads(line)
                    if entry["digest"] == digest:
                        self.results[entry["mutant"]] = entry["result"]

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Write one result. One that broke off is tried again the next time."""
        if self.file is None or result["state"] == "invalid":
            return
        entry = {"digest": self.digest, "mutant": key, "result": result}
        with self._lock, self.file.open("a") as file:
            file.write(json.dumps(entry) + "\n")


class Worker:
    """Judges mutants one after the other in a source tree of its own, by a process that forks for each.

    A mutant that cannot be made in the imported code gets a new process.
    """

    def __init__(
        self,
        tree: Path,
        postgres: Path,
        claims: Collection[str],
        reach: Reach | None,
        options: argparse.Namespace,
    ) -> None:
        self.tree = tree
        self.postgres = postgres
        self.claims = claims
        self.reach = reach
        self.options = options
        self.server: subprocess.Popen[bytes] | None = None
        self._pipes = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start the process, unless every mutant is to get one."""
        if not self.options.fresh:
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the process: it ends when it is asked for no more."""
        self._pipes.close()
        if self.server is not None:
            self.server.wait()

    def _start(self) -> None:
        asked, ask = os.pipe()
        hear, told = os.pipe()
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        files = files_with(*self.claims, root=self.tree)
        self.server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.conformance.mutant_server",
                str(asked),
                str(told),
                *files,
            ],
            cwd=self.tree,
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            pass_fds=(asked, told),
            stdin=subprocess.DEVNULL,
        )
        os.close(asked)
        os.close(told)
        self.requests = self._pipes.enter_context(os.fdopen(ask, "w"))
        self.replies = self._pipes.enter_context(os.fdopen(hear))
        if (reply := self.replies.readline().strip()) != "ready":
            self._pipes.close()
            self.server.wait()
            raise SystemExit(f"the tests cannot be held ready for mutants: {reply}")

    def judge(self, mutant: Mutant) -> dict[str, Any]:
        """Write the mutant into the tree, run the tests there, and put the module back."""
        began = time.monotonic()
        try:
            job = self._job(mutant)
        except MutantFault as exc:
            return {"state": "invalid", "why": str(exc), "seconds": 0.0}
        path, stat = self.tree / job.file, (self.tree / job.file).stat()
        Path(job.temporary).mkdir(mode=0o711)
        path.write_text(job.after)
        # Differs from the time of the compiled file, whichever time it is.
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 7_000_000_000))
        try:
            result = self._hunt(job)
        finally:
            path.write_text(job.before)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            shutil.rmtree(job.temporary, ignore_errors=True)
        return {**result, "seconds": time.monotonic() - began}

    def _job(self, mutant: Mutant) -> Job:
        """Raises: MutantFault."""
        file = mutant.file(self.tree)
        aside = self.tree.with_name(f"{self.tree.name}-run")
        job = Job(
            mutant.rule,
            mutant.name,
            mutant.module,
            str(file.relative_to(self.tree)),
            file.read_text(),
            mutant.source(self.tree),
            result=f"{aside}.result",
            temporary=str(aside),
            # A mutant may change the code that makes a server, its roles and its tables.
            postgres="" if _makes_servers(mutant.module) else str(self.postgres),
            full=not self.options.own_only,
            exact=self.options.exact,
        )
        if self.reach is not None:
            rules_of = self.reach.rules
            job.of_others = sum(mutant.rule not in claimed for claimed in rules_of.values())
            job.reaching = sorted(self.reach.of(mutant, self.tree))
            job.seconds = self.reach.seconds
        return job

    def _hunt(self, job: Job) -> dict[str, Any]:
        file = self.tree.with_name(f"{self.tree.name}-run.job")
        file.write_bytes(msgspec.json.encode(job))
        Path(job.result).unlink(missing_ok=True)
        why = "asked for"
        if self.server is not None:
            print(file, file=self.requests, flush=True)
            reply = self.replies.readline().strip()
            if reply != "done":
                return {"state": "invalid", "why": reply or "the process that forks is gone"}
            result: dict[str, Any] = json.loads(Path(job.result).read_bytes())
            if "fresh" not in result:
                return result
            why = result["fresh"]
        return {**_fresh(self.tree, job, file), "fresh": why}


def _makes_servers(module: str) -> bool:
    """Whether a server with databases must be made anew under a mutant of this module; empty: of no Python."""
    in_services = module.startswith(SERVICE_CODE)
    return not in_services or module.startswith("shared.postgres.") or ".migrations." in module


def _fresh(tree: Path, job: Job, file: Path) -> dict[str, Any]:
    """Do a job in a new process."""
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tests.conformance.mutant_run", str(file)],
            cwd=tree,
            env={**os.environ, **job.environment()},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return {"state": "invalid", "why": f"the tests do not end within {TIMEOUT_S} s under it"}
    try:
        result: dict[str, Any] = json.loads(Path(job.result).read_bytes())
    except (ValueError, FileNotFoundError):
        return {"state": "invalid", "why": "the run broke off", "output": ended.stderr[-3000:]}
    return result


def _print(mutant: Mutant, result: dict[str, Any]) -> None:
    told = result.get("by") or result.get("why", "")
    others = "-"
    if "others" in result:
        others = f"{result['others_failed']} of {result['others']} ({result['others_run']} run)"
    how = f", a new process: {result['fresh']}" if "fresh" in result else ""
    print(
        f"{result['state']:9} {mutant.rule:30} {mutant.name}  [{result['seconds']:.0f} s{how}]  {told}"
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
