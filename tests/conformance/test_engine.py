"""The engine on a small tree with planted mistakes: it reports which survive and which are not realistic."""

import argparse
import compileall
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.conformance import mutants_main
from tests.conformance.mutants_main import Done, Worker, _reach_file
from tests.conformance.mutation import Mutant
from tests.conformance.reach import Reach

GATE = """\
LIMIT = 5
TABLE = dict(limit=LIMIT)


def at_once(limit):
    return limit + 1


MADE = at_once(LIMIT)


class Gate:
    def opens(self, count):
        return count < TABLE["limit"]

    def shuts(self, count):
        if count > 100:
            return True
        return self.steps(count) > MADE

    def steps(self, count):
        return count


def unseen(count):
    return count
"""

TESTS = """\
import subprocess
import sys

import pytest

from services.gate import gate


@pytest.mark.clause("opens")
@pytest.mark.parametrize("count", [4, 5])
def test_opens(count):
    assert gate.Gate().opens(count) is (count < 5)


@pytest.mark.clause("shuts")
@pytest.mark.parametrize("count", [6, 7, 101])
def test_shuts(count):
    assert gate.Gate().shuts(count) is (count > 6)


@pytest.mark.clause("unseen")
def test_in_a_process():
    program = "from services.gate.gate import unseen; print(unseen(3))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.split() == [b"3"]


@pytest.mark.clause("others")
@pytest.mark.parametrize("count", range(40))
def test_others(count):
    assert gate.Gate().steps(count) == count
"""

CAUGHT = Mutant("opens", "caught", "bound", "services.gate.gate:Gate.opens", "<", "<=")
SURVIVES = Mutant("shuts", "survives", "bound", "services.gate.gate:Gate.shuts", "100", "99")
GROSS = Mutant("shuts", "gross", "bound", "services.gate.gate:Gate.steps", "count\n", "-count\n")
CONSTANT = Mutant("opens", "a constant", "bound", "services.gate.gate", "LIMIT = 5", "LIMIT = 6")
AT_ONCE = Mutant("shuts", "run at once", "bound", "services.gate.gate:at_once", "+ 1", "+ 2")
IN_A_PROCESS = Mutant(
    "unseen", "in a process", "bound", "services.gate.gate:unseen", "return count", "return 0"
)
DOES_NOT_IMPORT = Mutant(
    "opens", "does not import", "bound", "services.gate.gate", "LIMIT = 5", "LIMIT = 1 / 0"
)
UNCLAIMED = Mutant("nobody", "unclaimed", "bound", "services.gate.gate:Gate.opens", "<", ">")
PLANTED = (CAUGHT, SURVIVES, GROSS, CONSTANT, AT_ONCE, IN_A_PROCESS, DOES_NOT_IMPORT, UNCLAIMED)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("mutants") / "0"
    for name, text in (("services/gate/gate.py", GATE), ("tests/unit/test_gate.py", TESTS)):
        (tree / name).parent.mkdir(parents=True)
        (tree / name).write_text(text)
    (tree / "tests/conformance").mkdir()
    for path in (ROOT / "tests/conformance").glob("*.py"):
        if not path.name.startswith("test_"):
            shutil.copy2(path, tree / "tests/conformance")
    shutil.copy2(ROOT / "pyproject.toml", tree)
    compileall.compile_dir(tree / "services", quiet=1)  # as the engine does with its copies
    return tree


def a_worker(tree: Path, reach: Reach | None = None, **changes: bool) -> Worker:
    options = argparse.Namespace(**({"fresh": False, "exact": False, "own_only": False} | changes))
    return Worker(tree, tree.with_name("no-postgres"), {'mark.clause("'}, reach, options)


@pytest.fixture(scope="module")
def forks(tree: Path) -> Iterator[Worker]:
    with a_worker(tree) as worker:
        yield worker


def reported(result: dict[str, object]) -> dict[str, object]:
    return {name: result[name] for name in result if name not in ("seconds", "fresh", "output")}


def test_a_mutant_is_caught_by_a_test_of_its_rule(forks):
    result = forks.judge(CAUGHT)
    assert result["state"] == "caught"
    assert result["by"] == "tests/unit/test_gate.py::test_opens[5]"
    assert (result["others_failed"], result["others"]) == (0, 44)
    assert "fresh" not in result


def test_a_mutant_that_no_test_fails_survives(forks):
    result = forks.judge(SURVIVES)
    assert (result["state"], result["why"]) == ("survived", "3 tests of the rule pass under it")
    assert "fresh" not in result


def test_a_mutant_that_breaks_many_other_rules_is_invalid(forks):
    result = forks.judge(GROSS)
    assert (result["state"], result["why"]) == ("invalid", "over 2 of 43 tests of other rules fail")


def test_a_mutant_that_does_not_import_is_invalid(forks):
    result = forks.judge(DOES_NOT_IMPORT)
    assert (result["state"], result["why"]) == (
        "invalid",
        "services.gate.gate does not import: ZeroDivisionError",
    )


def test_a_mutant_of_a_rule_without_tests_survives(forks):
    assert forks.judge(UNCLAIMED)["state"] == "survived"


@pytest.mark.parametrize("mutant", [CONSTANT, AT_ONCE], ids=lambda mutant: mutant.name)
def test_a_mutant_of_import_time_code_runs_in_a_new_process(forks, mutant):
    result = forks.judge(mutant)
    assert result["state"] == "caught"
    assert result["fresh"]


def test_a_process_started_by_a_test_runs_the_mutant(forks):
    result = forks.judge(IN_A_PROCESS)
    assert result["state"] == "caught"
    assert "fresh" not in result


def test_the_source_tree_is_restored_after_each_mutant(forks, tree):
    for mutant in (CAUGHT, GROSS, CONSTANT):
        forks.judge(mutant)
    assert (tree / "services/gate/gate.py").read_text() == GATE
    assert {path.name for path in tree.parent.iterdir()} <= {"0", "0-run.job", "0-run.result"}


def test_a_new_process_for_each_mutant_gives_the_same_verdicts(forks, tree):
    with a_worker(tree, fresh=True) as fresh:
        for mutant in PLANTED:
            assert reported(forks.judge(mutant)) == reported(fresh.judge(mutant)), mutant.name


def test_the_stopping_rule_shortens_a_run_and_an_exact_run_is_complete(tree):
    nodes = [f"tests/unit/test_gate.py::test_others[{n}]" for n in range(40)]
    of_rule = {f"tests/unit/test_gate.py::test_opens[{n}]": ["opens"] for n in (4, 5)}
    claims = of_rule | {node: ["others"] for node in nodes}
    lines = {"services/gate/gate.py": {14: 0}}
    reach = Reach(claims, lines, [[str(n) for n in range(len(claims))]], {}, {})
    with a_worker(tree, reach) as by_chance, a_worker(tree, reach, exact=True) as exactly:
        quick, whole = by_chance.judge(CAUGHT), exactly.judge(CAUGHT)
    assert quick["state"] == whole["state"] == "caught", (quick, whole)
    assert whole["others_run"] == 38  # 2 of 40 may fail
    assert quick["others_run"] < whole["others_run"]


def test_an_interrupted_run_continues_from_its_stored_results(tmp_path):
    file = tmp_path / "done"
    Done(file, "code").add("one", {"state": "caught"})
    Done(file, "code").add("two", {"state": "invalid"})
    with file.open("a") as cut:
        cut.write('{"digest": "co')
    assert Done(file, "code").results == {"one": {"state": "caught"}}
    assert Done(file, "other code").results == {}
    assert json.loads(file.read_text().splitlines()[0])["digest"] == "code"


def test_the_map_of_reached_code_is_stored_with_the_results(tmp_path, monkeypatch):
    made = tmp_path / "made"
    made.write_text("reached")
    runs = []
    monkeypatch.setattr(mutants_main, "_reached", lambda trees: runs.append(trees) or made)
    assert _reach_file(None, []) == made
    for _ in range(2):
        kept = _reach_file(Done(tmp_path / "done", "code").reach, [])
        assert kept.read_text() == "reached"
    assert len(runs) == 2
    assert Done(tmp_path / "done", "other code").reach != kept
