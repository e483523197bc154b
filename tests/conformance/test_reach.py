"""What a mutant's tests are chosen by: never less than what can notice it."""

import ast

from tests.conformance.mutation import Mutant
from tests.conformance.reach import Reach, _functions, joined

TESTS = {"a::one": ["r1"], "a::two": ["r2"], "b::three": ["r2"], "c::process": ["r3"]}


def a_reach(**changes: object) -> Reach:
    fields = {
        "rules": TESTS,
        "tests": {
            "services.x.gate:Gate.open": ["a::one"],
            "services.x.gate:Gate.open.inner": ["a::two"],
            "services.x.door:close": ["b::three"],
            "services.y.gate:open": ["a::two"],
        },
        "shared": ["services.x.gate:used_by_a_fixture"],
        "imported": ["services.y.gate:decorator"],
        "everything": ["c::process"],
    }
    return Reach(**(fields | changes))  # type: ignore[arg-type]


def at(where: str) -> Mutant:
    return Mutant("r1", "sample", "bound", where, "a", "b")


def test_a_function_is_noticed_by_the_tests_that_run_it_and_by_those_that_start_processes() -> None:
    assert a_reach().of(at("services.y.gate:open")) == {"a::two", "c::process"}


def test_what_stands_within_a_function_counts_with_it() -> None:
    assert a_reach().of(at("services.x.gate:Gate.open")) == {"a::one", "a::two", "c::process"}


def test_a_function_that_no_test_runs_is_noticed_by_processes_alone() -> None:
    assert a_reach().of(at("services.x.gate:Gate.shut")) == {"c::process"}


def test_a_constant_or_a_class_may_be_noticed_wherever_its_service_runs() -> None:
    within = {"a::one", "a::two", "b::three", "c::process"}
    without_fixture = a_reach(shared=[])
    for where in ("services.x.gate", "services.x.gate:LIMIT", "services.x.gate:Gate"):
        assert without_fixture.of(at(where)) == within, where
    assert a_reach(shared=[]).of(at("services.y.gate")) == {"a::two", "c::process"}


def test_a_file_of_one_service_may_be_noticed_wherever_that_runs() -> None:
    reached = a_reach(shared=[]).of(at("services/x/templates/gate.html"))
    assert reached == {"a::one", "a::two", "b::three", "c::process"}


def test_what_fixtures_share_what_all_services_share_and_other_files_reach_every_test() -> None:
    everywhere = (
        "services.x.gate:used_by_a_fixture",
        "services.y.gate:decorator",
        "shared.plates",
        "shared.policy:Policy",
        "deploy/postgres/roles.sql",
        "services.x.migrations.versions.0001_first",
    )
    for where in everywhere:
        assert a_reach().of(at(where)) == TESTS.keys(), where


def test_parts_are_joined() -> None:
    whole = joined([a_reach(), a_reach(tests={"services.y.gate:open": ["b::three"]})])
    assert whole.of(at("services.y.gate:open")) == {"a::two", "b::three", "c::process"}


def test_functions_are_found_in_classes_and_under_conditions() -> None:
    source = "if True:\n    class A:\n        def f(self): ...\nasync def g(): ...\n"
    assert [name for name, _ in _functions(ast.parse(source).body)] == ["A.f", "g"]
