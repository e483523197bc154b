"""The selection of a mutant's tests includes every test that can notice it."""

from pathlib import Path

import pytest

from tests.conformance.mutation import Mutant
from tests.conformance.reach import IMPORTED, SHARED, Reach, _modules_of, joined

TESTS = {"a::one": ["r1"], "a::two": ["r2"], "b::three": ["r2"], "c::process": ["r3"]}
ONE, TWO, THREE = "0", "1", "2"

GATE = """\
LIMIT = 5


class Gate:
    def open(self, count):
        if count > LIMIT:
            return None
        return [each for each in range(count)]

    def shut(self):
        def inner():
            return 7
        return inner


def used_by_a_fixture():
    return 1


def used_by_fixtures_of_a_module():
    return 2


def decorator(function):
    return function
"""

LINES = {
    6: [ONE, TWO],
    7: [ONE],
    8: [TWO],
    12: [THREE],
    13: [THREE],
    17: [SHARED],
    21: ["a"],
    25: [IMPORTED],
}


def a_reach(**changes: object) -> Reach:
    sets = [*LINES.values(), [TWO]]
    fields = {
        "rules": TESTS,
        "lines": {
            "services/x/gate.py": {line: number for number, line in enumerate(LINES)},
            "services/y/gate.py": {6: len(LINES)},
            "shared/gate.py": {6: 0},
        },
        "sets": sets,
        "everything": {"c": ["shared.", "services.x."]},
    }
    return Reach(**(fields | changes))  # type: ignore[arg-type]


def without(context: str) -> Reach:
    return a_reach(sets=[[one for one in found if one != context] for found in a_reach().sets])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("services/x/gate", "services/y/gate", "shared/gate", "shared/policy"):
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(GATE)
    migration = tmp_path / "services/x/migrations/versions/first.py"
    migration.parent.mkdir(parents=True)
    migration.write_text(GATE)
    for name in ("services/x/templates/gate.html", "deploy/postgres/roles.sql"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("LIMIT")
    return tmp_path


def at(where: str, find: str = "count > LIMIT", replace: str = "count > 9") -> Mutant:
    return Mutant("r1", "sample", "bound", where, find, replace)


def test_a_line_is_reached_by_tests_that_run_it_and_by_those_that_start_processes(tree) -> None:
    assert a_reach().of(at("services.x.gate:Gate.open"), tree) == {"a::one", "a::two", "c::process"}
    of_the_answer = at("services.x.gate:Gate.open", "range(count)", "[]")
    assert a_reach().of(of_the_answer, tree) == {"a::two", "c::process"}


def test_a_process_reaches_its_own_service_and_shared_code(tree) -> None:
    assert a_reach().of(at("services.y.gate:Gate.open"), tree) == {"a::two"}
    assert a_reach().of(at("shared.gate:Gate.open"), tree) == {"a::one", "a::two", "c::process"}
    whatever = a_reach(everything={"c": [""]})
    assert whatever.of(at("services.y.gate:Gate.open"), tree) == {"a::two", "c::process"}


def test_a_command_maps_to_modules_only_if_it_names_a_service() -> None:
    assert _modules_of(["python", "-m", "services.x", "migrate"]) == {"shared.", "services.x."}
    assert _modules_of(["python", "-I", "/tree/services/x/it.py"]) == {"shared.", "services.x."}
    assert _modules_of(["python", "-c", "import services.x"]) == {""}
    assert _modules_of(["python", "/tmp/program.py"]) == {""}


def test_code_inside_a_function_is_reached_by_the_tests_that_run_it(tree) -> None:
    mutant = at("services.x.gate:Gate.shut", "return 7", "return 8")
    assert a_reach().of(mutant, tree) == {"b::three", "c::process"}


def test_a_line_that_no_test_runs_is_reached_only_by_processes(tree) -> None:
    nowhere = a_reach(lines={})
    assert nowhere.of(at("services.x.gate:Gate.open"), tree) == {"c::process"}


def test_a_constant_class_or_signature_is_reached_by_all_tests_of_its_service(tree) -> None:
    reach = without(SHARED)
    for mutant in (
        at("services.x.gate", "LIMIT = 5", "LIMIT = 6"),
        at("services.x.gate:Gate", "class Gate:", "class Gate:\n    bars = 7"),
        at("services.x.gate:Gate.open", "self, count", "self, count=0"),
    ):
        assert reach.of(mutant, tree) == TESTS.keys(), mutant
    assert reach.of(at("services.y.gate", "LIMIT = 5", "LIMIT = 6"), tree) == {"a::two"}


def test_a_file_of_one_service_is_reached_by_the_tests_of_that_service(tree) -> None:
    reach = a_reach(lines={"services/x/gate.py": {6: 1}, "services/y/gate.py": {6: 0}})
    template = at("services/x/templates/gate.html", "LIMIT", "9")
    assert reach.of(template, tree) == {"a::one", "c::process"}


def test_code_run_by_module_fixtures_is_reached_by_the_tests_of_that_module(tree) -> None:
    mutant = at("services.x.gate:used_by_fixtures_of_a_module", "return 2", "return 3")
    assert a_reach().of(mutant, tree) == {"a::one", "a::two", "c::process"}


def test_fixtures_imports_shared_code_and_other_files_reach_every_test(
    tree,
) -> None:
    for mutant in (
        at("services.x.gate:used_by_a_fixture", "return 1", "return 3"),
        at("services.x.gate:decorator", "return function", "return None"),
        at("shared.gate", "LIMIT = 5", "LIMIT = 6"),
        at("deploy/postgres/roles.sql", "LIMIT", "9"),
        at("services.x.migrations.versions.first", "LIMIT = 5", "LIMIT = 6"),
    ):
        assert a_reach().of(mutant, tree) == TESTS.keys(), mutant


def test_partial_maps_of_reached_code_are_merged(tree) -> None:
    other = Reach(
        {"d::four": ["r4"]},
        {"services/y/gate.py": {6: 0}},
        [["0", SHARED]],
        {"c": ["services.y."], "d": [""]},
        {"d::four": 2.0},
    )
    whole = joined([a_reach(), other])
    assert whole.sets[whole.lines["services/y/gate.py"][6]] == sorted([SHARED, TWO, "4"])
    assert whole.everything == {"c": ["services.x.", "services.y.", "shared."], "d": [""]}
    assert whole.of(at("services.y.gate:Gate.open"), tree) == {*TESTS, "d::four"}
    assert whole.of(at("services.x.gate:Gate.open"), tree) == {
        "a::one",
        "a::two",
        "c::process",
        "d::four",
    }
