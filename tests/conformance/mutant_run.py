"""Runs the tests under one mutant: the tests of its rule first, then those of other rules.

`python -m tests.conformance.mutant_run JOB` runs them in a process of its own, in a source tree with the mutant
in it, and writes the result to the job's file: which test caught the mutant, and how many tests of other
rules fail under it. Others that do not reach the mutant are not run, since they cannot fail.
"""

import contextlib
import importlib
import io
import math
import os
import random
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any, NoReturn

import msgspec
import pytest

from tests.conformance.chance import best_aside, stops
from tests.conformance.rules import CLAIM, Proofs, files_with

OTHERS_SHARE = 0.05
"""Of the other rules' tests, the share that may fail: a mutant that breaks more is no realistic mistake."""


class Job(msgspec.Struct):
    """A mutant to judge, and the known facts about the tests."""

    rule: str
    name: str
    module: str
    """Its dotted name; empty where the changed file is no Python."""
    file: str
    """The changed file, relative to the root of the source tree."""
    before: str
    after: str
    """The file's text without and with the mistake."""
    result: str
    """The file to write the result to."""
    temporary: str
    """The folder for files of the tests."""
    postgres: str = ""
    """The folder of a server to copy (tests/servers.py); empty: each run makes its own."""
    full: bool = True
    """Whether the other rules' tests are run."""
    exact: bool = False
    """Whether the tests run to the end, without a decision by chance."""
    of_others: int | None = None
    """The number of tests of other rules; None if unknown."""
    reaching: list[str] | None = None
    """Node ids of the tests that reach the mutant; None if unknown."""
    seconds: dict[str, float] = {}
    """The seconds of each test, where known."""

    def environment(self) -> dict[str, str]:
        """Return the environment of its tests and their processes."""
        told = {"PYTEST_DEBUG_TEMPROOT": self.temporary, "PYTHONDONTWRITEBYTECODE": "1"}
        return told | ({"TESTS_POSTGRES": self.postgres} if self.postgres else {})


class Hunt(Proofs):
    """Runs the rule's tests until one fails, then the other rules' until it is known whether they count."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.reaching = None if job.reaching is None else frozenset(job.reaching)
        self.import_fault: str | None = None
        self.own: set[str] = set()
        self.left: set[str] = set()
        """Tests of other rules that are still to be run: of those that reach the mutant."""
        self.of_others = 0
        self.ran = 0
        """How many tests of other rules were run."""
        self.stops: list[int] = []
        """The numbers of randomly drawn tests after which the run decides whether they suffice."""
        self.caught_by: str | None = None
        self.broken_setup: list[str] = []
        self.others_failed: list[str] = []
        self.session: pytest.Session | None = None

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Import the changed module; store the session, which ends early once the result is certain."""
        self.session = session
        try:  # not before pytest began: it wants to be the first to import its plugins' modules
            if self.job.module:  # else it is no Python
                importlib.import_module(self.job.module)
        except Exception as exc:  # noqa: BLE001 - after any exception the mutant does not count
            self.import_fault = type(exc).__name__
            pytest.exit("the changed module does not import", returncode=3)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep tests of rules only, in the order in which they are run."""
        super().pytest_collection_modifyitems(items)
        self.choose(items)

    def choose(self, items: list[pytest.Item]) -> None:
        """Put the rule's own tests first: the quickest that reach the mutant, then those that do not reach it.

        Tests of other rules are those that reach it, as long as not all of them may fail: either quick files
        first, until those left may all fail, or drawn at random, if chance decides earlier.
        """
        own = [item for item in items if self.job.rule in self.of_test[item.nodeid]]
        own.sort(
            key=lambda item: (
                item.get_closest_marker("apache") is not None,
                self.reaching is not None and item.nodeid not in self.reaching,
                self._seconds(item),
            )
        )
        rest = [
            item
            for item in items
            if self.job.rule not in self.of_test[item.nodeid]
            and item.get_closest_marker("apache") is None
        ]
        self.own = {item.nodeid for item in own}
        self.of_others = len(rest) if self.job.of_others is None else self.job.of_others
        if self.reaching is not None:
            rest = [item for item in rest if item.nodeid in self.reaching]
        if len(rest) <= self.others_allowed or not self.job.full:
            rest = []  # they may all fail
        rest.sort(key=self._seconds)
        aside = best_aside([self._seconds(item) for item in rest], self.others_allowed)
        drawn = len(rest) - aside
        self.stops = [] if self.job.exact else stops(drawn, self.others_allowed - aside)
        if self.stops:
            rest = [*self._drawn(rest[:drawn]), *rest[drawn:]]
        else:
            rest = self._quick_first(rest)
        self.left = {item.nodeid for item in rest}
        items[:] = [*own, *rest]

    def _seconds(self, item: pytest.Item) -> float:
        return self.job.seconds.get(item.nodeid, 0.0)

    def _quick_first(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Order by file, so that the fixtures that a file's tests share are set up once."""
        of_file: dict[Path, list[float]] = defaultdict(list)
        for item in items:
            of_file[item.path].append(self._seconds(item))
        return sorted(items, key=lambda item: (mean(of_file[item.path]), item.path))

    def _drawn(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Draw an order by the mutant's name. Between two stops it does not matter, so there it is by file."""
        drawn = sorted(items, key=lambda item: item.nodeid)
        random.Random(self.job.name).shuffle(drawn)
        between = zip([0, *self.stops], [*self.stops, len(drawn)], strict=True)
        return [item for begin, end in between for item in self._quick_first(drawn[begin:end])]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip the rest of the rule's tests once one caught it; end when no test can add anything."""
        if item.nodeid in self.own:
            if self.caught_by:
                pytest.skip("the mutant is caught")
            return
        if not self.caught_by:
            self._end("the mutant survived")
        if len(self.left) + len(self.others_failed) <= self.others_allowed:
            self._end("the mutant counts, whether or not the others fail")
        if self.ran in self.stops and len(self.others_failed) <= self.stops.index(self.ran):
            self._end("too few fail for the mutant not to count")
        self.left.discard(item.nodeid)
        self.ran += 1

    def _end(self, why: str) -> NoReturn:
        if self.session is not None:
            self.session.shouldstop = why
        pytest.skip(why)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the tests that caught it, and other failures."""
        if report.outcome != "failed":
            return
        if report.nodeid in self.own:
            if report.when == "call":
                self.caught_by = self.caught_by or report.nodeid
            else:
                self.broken_setup.append(report.nodeid)
            return
        if report.nodeid not in self.others_failed:
            self.others_failed.append(report.nodeid)
        if len(self.others_failed) > self.others_allowed and self.session is not None:
            self.session.shouldstop = "the mutant breaks too much else"

    @property
    def others_allowed(self) -> int:
        """How many tests of other rules may fail."""
        return math.floor(self.of_others * OTHERS_SHARE)

    def result(self, ended: int, output: str) -> dict[str, Any]:
        """Return the result. `ended` is pytest's exit status, `output` its output."""
        rule, module = self.job.rule, self.job.module
        if self.import_fault:
            return {"state": "invalid", "why": f"{module} does not import: {self.import_fault}"}
        if ended in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
            return {"state": "invalid", "why": "the run broke off", "output": output[-3000:]}
        if not self.own:
            why = f"no test claims {rule}"
            return {"state": "survived", "why": why, "output": output[-1500:]}
        if self.caught_by is None:
            if self.broken_setup:
                why = f"set-up fails under it: {self.broken_setup[0]}"
                return {"state": "invalid", "why": why, "output": output[-3000:]}
            why = f"{len(self.own)} tests of the rule pass under it"
            return {"state": "survived", "why": why, "output": output[-1500:]}
        if len(self.others_failed) > self.others_allowed:
            return {
                "state": "invalid",
                "why": f"over {self.others_allowed} of {self.of_others} tests of other rules fail",
                "others_failed": self.others_failed,
            }
        caught: dict[str, Any] = {"state": "caught", "by": self.caught_by}
        if self.job.full:
            failed = len(self.others_failed)
            caught |= {"others_failed": failed, "others_run": self.ran, "others": self.of_others}
        return caught


def hunt(job: Job) -> dict[str, Any]:
    """Run the tests in this process, which has imported no module of the tree, and return the result."""
    plugin = Hunt(job)
    files = files_with(CLAIM if job.full else f'{CLAIM}{job.rule}"')
    if job.reaching is not None and job.of_others is not None:
        own = set(files_with(f'{CLAIM}{job.rule}"'))
        reaching = {node.partition("::")[0] for node in job.reaching}
        files = sorted(own | (reaching if job.full else set()))
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        ended = pytest.main(
            ["-q", "-p", "no:cacheprovider", "--tb=short", *files], plugins=[plugin]
        )
    return plugin.result(ended, output.getvalue())


def main(file: str) -> None:
    """Do the job of a file."""
    job = msgspec.json.decode(Path(file).read_bytes(), type=Job)
    os.environ.update(job.environment())
    Path(job.result).write_bytes(msgspec.json.encode(hunt(job)))


if __name__ == "__main__":
    main(sys.argv[1])
