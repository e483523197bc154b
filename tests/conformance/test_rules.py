"""The table itself: no test may claim a rule that is not there, and the whole policy is in it."""

import ast

import pytest

from tests.architecture.source import ROOT, modules
from tests.conformance.rules import Proofs, rules, rules_of_the_console

CLAUSES = [
    "468.2",
    "468.3",
    "468.3.1(a)",
    "468.3.1(b)",
    "468.3.1(c)",
    "468.3.1(d)",
    "468.3.1(e)",
    "468.3.1(f)",
    "468.3.1(g)",
    "468.4(a)",
    "468.4(b)",
    "468.4(c)",
    "468.4(d)",
    "468.4(e)",
    "468.4(f)",
    "468.5",
    "468.6",
    "468.6(a)",
    "468.6(b)",
    "468.6(c)",
    "468.7",
    "468.7(a)",
    "468.7(b)",
    "468.7(c)",
    "468.8",
]


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_of_the_policy_has_a_rule(clause):
    assert [rule for rule in rules() if rule.split("/")[0] == clause]


def test_every_claim_names_a_rule():
    claimed = set()
    for path in modules("tests"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.clause"):
                [argument] = node.args
                assert isinstance(argument, ast.Constant), (
                    f"{path.relative_to(ROOT)}: {node.lineno}"
                )
                claimed.add(argument.value)
    assert claimed, "no test claims a rule: the walk is broken"
    assert claimed <= rules().keys(), claimed - rules().keys()


SAMPLE = """
import pytest

@pytest.mark.clause("a")
def test_holds():
    pass

@pytest.mark.clause("b")
def test_fails():
    assert 1 == 2

@pytest.mark.clause("b")
@pytest.mark.clause("a")
def test_holds_too():
    pass

@pytest.mark.clause("c")
@pytest.mark.parametrize("n", [])
def test_runs_never(n):
    pass

@pytest.mark.clause("d")
def test_cannot_begin(no_such_fixture):
    pass

def test_claims_nothing():
    raise RuntimeError
"""


def test_a_rule_passes_only_if_a_test_of_it_ran_and_none_failed(tmp_path):
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers = clause(rule)\nasyncio_default_fixture_loop_scope = session\n"
    )
    proofs = Proofs()
    arguments = ["-q", "--rootdir", str(tmp_path), "-c", str(tmp_path / "pytest.ini")]
    pytest.main([*arguments, "-p", "no:cacheprovider", str(tmp_path)], plugins=[proofs])
    states = {rule: proofs.state(rule) for rule in "abcde"}
    assert states == {"a": "passed", "b": "FAILED", "c": "missing", "d": "FAILED", "e": "missing"}


def test_the_tests_of_one_rule_run_alone(tmp_path):
    (tmp_path / "test_sample_of_one.py").write_text(SAMPLE)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers = clause(rule)\nasyncio_default_fixture_loop_scope = session\n"
    )
    proofs = Proofs(frozenset("a"))
    arguments = ["-q", "--rootdir", str(tmp_path), "-c", str(tmp_path / "pytest.ini")]
    assert not pytest.main([*arguments, "-p", "no:cacheprovider", str(tmp_path)], plugins=[proofs])
    assert set(proofs.outcomes) == {"a"}


FAKE = "FakeServices"
"""Replaces every service behind the console; a rule that it enforces is not proved for the service."""


def _claims_proved_with_fakes(text: str) -> set[str]:
    if FAKE not in text:
        return set()
    calls = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call))
    return {call.args[0].value for call in calls if ast.unparse(call.func).endswith("mark.clause")}


def test_no_rule_of_a_service_is_proved_against_a_fake_of_it():
    claimed = set()
    for path in modules("tests"):
        if path.name != "test_rules.py":
            beside = path.with_name("conftest.py")
            shared = beside.read_text() if path.name.startswith("test_") and beside.exists() else ""
            text = path.read_text() + (f"\n{FAKE} = None\n" if FAKE in shared else "")
            claimed |= _claims_proved_with_fakes(text)
    assert claimed, "no test of the console claims a rule: the walk is broken"
    assert claimed <= rules_of_the_console(), claimed - rules_of_the_console()


def test_a_rule_claimed_beside_a_fake_is_reported():
    assert _claims_proved_with_fakes(
        f'{FAKE}()\n@pytest.mark.clause("468.2/official-use")\ndef t(): ...'
    )
