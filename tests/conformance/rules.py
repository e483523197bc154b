"""The rules of the policy, and how tests name the ones that they prove."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CLAIM = 'mark.clause("'
"""How a test claims a rule; the rule's id follows."""

FILE = Path(__file__).with_name("rules.toml")


def rules() -> dict[str, str]:
    """Return each rule's id and the duty of the software."""
    return {rule["id"]: rule["must"] for rule in tomllib.loads(FILE.read_text())["rule"]}


def rules_of_the_console() -> set[str]:
    """Return the rules that tests of the console's pages prove, although a fake replaces the other services."""
    return {rule["id"] for rule in tomllib.loads(FILE.read_text())["rule"] if rule.get("console")}


@dataclass(eq=False)  # pytest stores its plugins in sets
class Proofs:
    """A pytest plugin that selects only tests that claim one of `rules`, and records how each of them ended."""

    rules: frozenset[str] | None = None
    """The rules; None for all."""

    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    of_test: dict[str, set[str]] = field(default_factory=dict)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Record which of the rules each test claims; drop the tests that claim none."""
        for item in items:
            claimed = {marker.args[0] for marker in item.iter_markers("clause")}
            if self.rules is not None:
                claimed &= self.rules
            if claimed:
                self.of_test[item.nodeid] = claimed
        items[:] = [item for item in items if item.nodeid in self.of_test]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record how a test ended; a failing set-up counts as failed, a skip as not run."""
        for rule in self.of_test.get(report.nodeid, ()):
            ended = self.outcomes.setdefault(rule, {})
            if report.when == "call" or report.outcome != "passed":
                ended[report.nodeid] = report.outcome

    def state(self, rule: str) -> str:
        """Return passed, FAILED or missing; a rule with a skipped test, or without a test, is missing."""
        ended = set(self.outcomes.get(rule, {}).values())
        if "failed" in ended:
            return "FAILED"
        return "passed" if ended == {"passed"} else "missing"


def files_with(*texts: str, root: Path = Path()) -> list[str]:
    """Return the test modules that contain one of `texts`; collecting all modules is slow."""
    found = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        held = path.read_text()
        if any(text in held for text in texts):
            found.append(str(path.relative_to(root)))
    return found or ["tests/conformance/test_rules.py"]
