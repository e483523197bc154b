"""The mutants fit the code as it is, and the engine that writes them reports those that do not."""

from collections import Counter
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.conformance.mutation import Mutant, MutantFault, mutants
from tests.conformance.rules import rules

MUTANTS = mutants()


def test_the_list_of_mutants_is_not_empty():
    assert MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_fits_the_code_and_changes_it(mutant):
    before = (ROOT / mutant.path).read_text()
    assert mutant.source(ROOT) != before


def test_each_mutant_breaks_a_rule_of_the_table():
    assert {mutant.rule for mutant in MUTANTS} <= rules().keys()


def test_no_two_mutants_are_the_same():
    assert not [
        key for key, n in Counter((m.where, m.find, m.replace) for m in MUTANTS).items() if n > 1
    ]
    assert not [name for name, n in Counter(m.name for m in MUTANTS).items() if n > 1]


SOURCE = """
class Gate:
    @property
    def limit(self):
        return 5

    def open(self, count):
        return count < self.limit

def open(count):
    return count < 7
"""


def a_mutant(where: str, find: str, replace: str) -> Mutant:
    return Mutant("468.2/official-use", "sample", "bound", where, find, replace)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "gate.py").write_text(SOURCE)
    return tmp_path


def test_a_fragment_is_changed_only_in_the_named_definition(tree):
    changed = a_mutant("gate:Gate.open", "count <", "count <=").source(tree)
    assert "count <= self.limit" in changed
    assert "count < 7" in changed


def test_a_file_that_is_not_a_module_is_changed_as_a_whole(tree):
    (tree / "gates").mkdir()
    (tree / "gates" / "list.sql").write_text("GRANT SELECT ON gates TO guard")
    changed = a_mutant("gates/list.sql", "SELECT", "ALL").source(tree)
    assert changed == "GRANT ALL ON gates TO guard"


def test_decorators_belong_to_a_definition(tree):
    assert "@staticmethod" in a_mutant("gate:Gate.limit", "@property", "@staticmethod").source(tree)


@pytest.mark.parametrize(
    ("where", "find", "replace", "says"),
    [
        ("gate:Gate.close", "a", "b", "is not defined"),
        ("fence:Gate", "a", "b", "no module"),
        ("gates/list.sql", "a", "b", "no module or file"),
        ("a/gate.py", "a", "b", "name the module"),
        ("gate:open", "limit", "b", "0 times"),
        ("gate", "count <", "b", "2 times"),
        ("gate:open", "count < 7", "count <", "does not compile"),
    ],
)
def test_a_mutant_that_does_not_fit_gives_a_reason(tree, where, find, replace, says):
    with pytest.raises(MutantFault, match=says):
        a_mutant(where, find, replace).source(tree)
