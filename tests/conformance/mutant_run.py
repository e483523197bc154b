"""Runs in a source tree with one mutant in it: the tests of its rule first, then those of other rules.

`python -m tests.conformance.mutant_run RULE [--own-only | --reach FILE] WHERE` prints one JSON line last: which
test caught the mutant, and how many tests of other rules fail under it. FILE tells which tests reach what code
(tests.conformance.reach); the others are not run, since they cannot fail.
"""

import argparse
import contextlib
import importlib
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any, NoReturn

import msgspec
import pytest

from tests.conformance.mutation import Mutant
from tests.conformance.reach import Reach
from tests.conformance.rules import Proofs

OTHERS_SHARE = 0.05
"""Of the other rules' tests, the share that may fail: a mutant that breaks more is no realistic mistake."""


@dataclass(eq=False)
class Hunt(Proofs):
    """Runs the rule's tests until one fails, then the other rules' until more than the share fail."""

    rule: str = ""
    module: str = ""
    import_fault: str | None = None
    full: bool = True
    own: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    """Tests of other rules that are run: those that reach the mutant."""
    of_others: int = 0
    """How many tests of other rules there are."""
    reaching: frozenset[str] | None = None
    """Node ids of the tests that reach the mutant; None where that is not known."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each test takes, where that is known."""
    caught_by: str | None = None
    broken_setup: list[str] = field(default_factory=list)
    others_failed: list[str] = field(default_factory=list)
    session: pytest.Session | None = None
    left: set[str] = field(default_factory=set)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Import the changed module; keep the session, which ends early once there is nothing left to learn."""
        self.session = session
        try:  # not before pytest began: it wants to be the first to import its plugins' modules
            if self.module:  # else it is no Python
                importlib.import_module(self.module)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the mutant does not count
            self.import_fault = type(exc).__name__
            pytest.exit("the changed module does not import", returncode=3)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep tests of rules only: first the rule's own, those that reach the mutant before the others,
        then those of other rules, quick files first: what is slow need often not be run at all.
        """
        super().pytest_collection_modifyitems(items)
        own = [item for item in items if self.rule in self.of_test[item.nodeid]]
        own.sort(
            key=lambda item: (
                item.get_closest_marker("apache") is not None,
                self.reaching is not None and item.nodeid not in self.reaching,
            )
        )
        rest = [
            item for item in items if item not in own and item.get_closest_marker("apache") is None
        ]
        self.own = {item.nodeid for item in own}
        self.of_others = self.of_others or len(rest)
        if self.reaching is not None:
            rest = [item for item in rest if item.nodeid in self.reaching]
        of_file: dict[Path, list[float]] = {}
        for item in rest:
            of_file.setdefault(item.path, []).append(self.seconds.get(item.nodeid, 0.0))
        rest.sort(key=lambda item: (mean(of_file[item.path]), item.path))
        if len(rest) <= self.others_allowed or not self.full:
            rest = []  # they may all fail
        self.others = {item.nodeid for item in rest}
        self.left = set(self.others)
        items[:] = [*own, *rest]

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Pass over what is left of the rule's tests once it is caught; end where there is no more to learn."""
        if item.nodeid in self.own:
            if self.caught_by:
                pytest.skip("the mutant is caught")
            return
        if not self.caught_by:
            self._end("the mutant survived")
        if len(self.left) + len(self.others_failed) <= self.others_allowed:
            self._end("the mutant counts, whether or not the others fail")
        self.left.discard(item.nodeid)

    def _end(self, why: str) -> NoReturn:
        if self.session is not None:
            self.session.shouldstop = why
        pytest.skip(why)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record who caught it, and what else fails."""
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


def hunt(mutant: Mutant, *, full: bool, reach: Reach | None) -> dict[str, Any]:
    """Run the tests and return what came of it."""
    rule, module = mutant.rule, mutant.module
    plugin = Hunt(rule=rule, module=module, full=full)
    files = _files_with('mark.clause("' if full else f'mark.clause("{rule}"')
    if reach is not None:
        others = {node for node, claimed in reach.rules.items() if rule not in claimed}
        plugin.reaching = frozenset(reach.of(mutant))
        plugin.seconds = reach.seconds
        plugin.of_others = len(others)
        files = _files_with(f'mark.clause("{rule}"')
        if len(others & plugin.reaching) > plugin.others_allowed:
            files = sorted(
                {*files, *(node.partition("::")[0] for node in others & plugin.reaching)}
            )
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        pytest.main(["-q", "-p", "no:cacheprovider", "--tb=short", *files], plugins=[plugin])
    if plugin.import_fault:
        return {"state": "invalid", "why": f"{module} does not import: {plugin.import_fault}"}
    if not plugin.own:
        return {
            "state": "survived",
            "why": f"no test claims {rule}",
            "output": output.getvalue()[-1500:],
        }
    if plugin.caught_by is None:
        if plugin.broken_setup:
            return {
                "state": "invalid",
                "why": f"set-up fails under it: {plugin.broken_setup[0]}",
                "output": output.getvalue()[-3000:],
            }
        return {"state": "survived", "why": f"{len(plugin.own)} tests of the rule pass under it"}
    if len(plugin.others_failed) > plugin.others_allowed:
        return {
            "state": "invalid",
            "why": f"over {plugin.others_allowed} of {plugin.of_others} tests of other rules fail",
            "others_failed": plugin.others_failed,
        }
    caught = {"state": "caught", "by": plugin.caught_by}
    if full:
        caught |= {"others_failed": len(plugin.others_failed), "others": plugin.of_others}
    return caught


def _files_with(text: str) -> list[str]:
    """Return the test modules that contain `text`: to collect all of them takes ten seconds."""
    found = [
        str(path) for path in sorted(Path("tests").rglob("test_*.py")) if text in path.read_text()
    ]
    return found or ["tests/conformance/test_rules.py"]


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rule")
    parser.add_argument("where")
    parser.add_argument("--own-only", action="store_true")
    parser.add_argument("--reach")
    asked = parser.parse_args()
    reach = None
    if asked.reach:
        reach = msgspec.json.decode(Path(asked.reach).read_bytes(), type=Reach)
    mutant = Mutant(asked.rule, "", "", asked.where, "", "")
    print(json.dumps(hunt(mutant, full=not asked.own_only, reach=reach)))


if __name__ == "__main__":
    main()
