"""Records which tests reach which lines: a test that runs none of a mutant's lines cannot fail under it.

`python -m tests.conformance.reach FILE [PART/PARTS]` runs the tests that claim rules, those on Apache Kafka
and on the S3 server aside, and writes to FILE the lines that each of them ran. Where these are unknown, because a test
starts services as processes, reads their sources or shares what a fixture has set up, it is counted as reaching
all that it may.
"""

import contextlib
import io
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import msgspec
import pytest

from tests.conformance.mutation import Mutant
from tests.conformance.places import changed_lines
from tests.conformance.rules import CLAIM, Proofs, files_with

SOURCES = ("services", "shared")
SHARED = "*"
"""The context of fixtures of the whole session. Of those of a module it is the module's file."""

IMPORTED = ""
"""The context of code that runs before the first test."""


class Reach(msgspec.Struct):
    """The lines that each test reaches."""

    rules: dict[str, list[str]]
    """The rules that each test claims, by its node id."""
    lines: dict[str, dict[int, int]]
    """By file and line, the number of the set of contexts that ran it: tests, files, SHARED, IMPORTED."""
    sets: list[list[str]]
    """The sets of contexts; a node id is written as its number among `rules`, in digits."""
    everything: dict[str, list[str]]
    """By test file, beginnings of dotted names that its tests may reach untraced: in processes, or as text."""
    seconds: dict[str, float] = {}
    """The seconds of each test, its own set-up included."""

    def of(self, mutant: Mutant, root: Path = Path()) -> set[str]:
        """Return the tests that may notice a mutant.

        Code outside functions may be read from anywhere in its service, or from every service.
        """
        module = mutant.where.partition(":")[0].replace(
            "/", "."
        )  # a path for files that are not Python
        file = mutant.file(root)
        lines: frozenset[int] = frozenset()
        if mutant.module:
            lines = changed_lines(file.read_text(), mutant.source(root))
        if lines:
            of_file = self.lines.get(str(file.relative_to(root)), {})
            contexts = self._contexts(of_file[line] for line in lines if line in of_file)
            if IMPORTED in contexts:
                return set(self.rules)
        elif _is_of_one_service(module):
            prefix = "/".join(module.split(".")[:2]) + "/"
            contexts = self._contexts(
                number
                for name, of_file in self.lines.items()
                if name.startswith(prefix)
                for number in of_file.values()
            )
        else:
            return set(self.rules)
        if SHARED in contexts:
            return set(self.rules)
        contexts |= {
            file
            for file, begins in self.everything.items()
            if any(f"{module}.".startswith(begin) for begin in begins)
        }
        return {node for node in self.rules if contexts & {node, node.partition("::")[0]}}

    def _contexts(self, numbers: Iterable[int]) -> set[str]:
        nodes = list(self.rules)
        found = set().union(*(self.sets[number] for number in set(numbers)))
        return {nodes[int(one)] if one.isdigit() else one for one in found}


def _is_of_one_service(module: str) -> bool:
    """Whether only one service uses a module; a migration makes the tables that all its tests use."""
    return module.startswith("services.") and ".migrations." not in module


@dataclass(eq=False)
class Follow(Proofs):
    """Runs the tests that claim rules, and records the code that each runs."""

    part: int = 0
    parts: int = 1
    everything: dict[str, set[str]] = field(default_factory=dict)
    readers: set[str] = field(default_factory=set)
    """Folders of tests that read sources as text: a later test may read the parsed sources of an earlier one."""
    current: pytest.Item | None = None
    measured: coverage.Coverage = field(
        default_factory=lambda: coverage.Coverage(
            data_file=None,
            config_file=False,
            source=list(SOURCES),
            concurrency=["thread", "greenlet"],
            messages=False,
        )
    )
    failed: set[str] = field(default_factory=set)
    seconds: dict[str, float] = field(default_factory=dict)

    def pytest_sessionstart(self) -> None:
        """Begin to measure."""
        sys.addaudithook(self._audit)
        self.measured.start()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep tests of rules only, and of those this part's files."""
        super().pytest_collection_modifyitems(items)
        items[:] = [item for item in items if not _elsewhere(item)]
        files = sorted({item.path for item in items})
        own = set(files[self.part :: self.parts])
        items[:] = [item for item in items if item.path in own]
        self.of_test = {item.nodeid: self.of_test[item.nodeid] for item in items}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Attribute the code that runs from here on to this test."""
        self.current = item
        self.measured.switch_context(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Attribute the code of a fixture of more than one test to all of them."""
        if fixturedef.scope == "function":
            return (yield)
        self.measured.switch_context(
            SHARED if fixturedef.scope == "session" or self.current is None else _file(self.current)
        )
        try:
            return (yield)
        finally:
            if self.current is not None:
                self.measured.switch_context(self.current.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the seconds of each test, and the tests that fail already."""
        super().pytest_runtest_logreport(report)
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.outcome == "failed":
            self.failed.add(report.nodeid)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if self.current is None:
            return
        if event == "subprocess.Popen":
            words = [str(args[0]), *(() if isinstance(args[1], str) else map(str, args[1]))]
            if any(Path(word).name.startswith("python") for word in words):
                self.everything.setdefault(_file(self.current), set()).update(_modules_of(words))
        elif event == "open" and args[1] == "r" and _is_source(str(args[0])):
            self.readers.add(str(Path(_file(self.current)).parent))

    def reach(self) -> Reach:
        """Return the recorded reach."""
        self.measured.stop()
        data = self.measured.get_data()
        for file in {node.partition("::")[0] for node in self.of_test}:
            if str(Path(file).parent) in self.readers:
                self.everything[file] = {""}
        numbers = {node: str(number) for number, node in enumerate(self.of_test)}
        sets: dict[tuple[str, ...], int] = {}
        lines: dict[str, dict[int, int]] = {}
        for name in filter(_is_python, data.measured_files()):
            of_file = lines.setdefault(str(Path(name).relative_to(Path.cwd())), {})
            for line, contexts in data.contexts_by_lineno(name).items():
                found = tuple(sorted({numbers.get(one, one) for one in contexts}))
                of_file[line] = sets.setdefault(found, len(sets))
        return Reach(
            {node: sorted(claimed) for node, claimed in self.of_test.items()},
            lines,
            [list(one) for one in sets],
            {file: sorted(begins) for file, begins in self.everything.items()},
            {node: self.seconds.get(node, 0.0) for node in self.of_test},
        )


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _modules_of(words: Sequence[str]) -> set[str]:
    """Return the modules that a Python process may run: one service and the shared code, if its command names one.

    Services do not import one another (tests/architecture).
    """
    text = " ".join(words).replace("/", ".")
    services = set(re.findall(r"\bservices\.(\w+)", text))
    if not services or "-c" in words:
        return {""}
    return {"shared.", *(f"services.{service}." for service in services)}


def _is_source(name: str) -> bool:
    """Whether a file opened as text is code of the services; imports and tracebacks open files as bytes."""
    path = Path(name).absolute()
    return path.suffix == ".py" and any(
        path.is_relative_to(Path(one).absolute()) for one in SOURCES
    )


def _is_python(name: str) -> bool:
    """Whether a file is a module; templates count as code too, but have no functions."""
    return name.endswith(".py")


def _elsewhere(item: pytest.Item) -> bool:
    """Whether a test needs a machine part that not every machine has."""
    return any(item.get_closest_marker(name) for name in ("apache", "s3"))


def joined(parts: Sequence[Reach]) -> Reach:
    """Return the results of the parts of a run as one."""
    whole = Reach({}, {}, [], {}, {})
    sets: dict[tuple[str, ...], int] = {}
    for part in parts:
        before = len(whole.rules)
        whole.rules |= part.rules
        whole.seconds |= part.seconds
        for file, begins in part.everything.items():
            whole.everything[file] = sorted({*whole.everything.get(file, ()), *begins})
        renumbered = [
            {str(int(one) + before) if one.isdigit() else one for one in found}
            for found in part.sets
        ]
        for file, lines in part.lines.items():
            of_file = whole.lines.setdefault(file, {})
            for line, number in lines.items():
                there = whole.sets[of_file[line]] if line in of_file else ()
                found = tuple(sorted({*there, *renumbered[number]}))
                if found not in sets:
                    sets[found] = len(sets)
                    whole.sets.append(list(found))
                of_file[line] = sets[found]
    return whole


def main(output: str, part: int = 0, parts: int = 1) -> int:
    """Run the tests, and write their reach; return 1 if one of them fails without any mutant."""
    follow = Follow(part=part, parts=parts)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        ended = pytest.main(
            ["-q", "-p", "no:cacheprovider", "--tb=short", *files_with(CLAIM)], plugins=[follow]
        )
    Path(output).write_bytes(msgspec.json.encode(follow.reach()))
    if ended != pytest.ExitCode.OK:
        print(said.getvalue()[-20_000:], file=sys.stderr)
    print(json.dumps({"tests": len(follow.of_test), "failed": sorted(follow.failed)}))
    return 0 if ended == pytest.ExitCode.OK else 1


if __name__ == "__main__":
    asked, of = (int(word) for word in (sys.argv[2] if len(sys.argv) > 2 else "0/1").split("/"))
    sys.exit(main(sys.argv[1], asked, of))
