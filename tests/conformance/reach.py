"""Which tests reach which code: a test that runs none of a mutant's code cannot fail under it.

`python -m tests.conformance.reach FILE [PART/PARTS]` runs the tests that claim rules, those on Apache Kafka
and on the S3 server aside, and writes to FILE what each of them ran. Where that cannot be told, because a test
starts services as processes or shares what a fixture has set up, it is counted as reaching everything.
"""

import ast
import contextlib
import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import coverage
import msgspec
import pytest

from tests.conformance.mutation import Mutant
from tests.conformance.rules import Proofs

SOURCES = ("services", "shared")
SHARED = "shared between tests"
"""The context of fixtures that live longer than a test."""


class Reach(msgspec.Struct):
    """What each test reaches."""

    rules: dict[str, list[str]]
    """The rules that each test claims, by its node id."""
    tests: dict[str, list[str]]
    """By function, as `package.module:Class.function`, the node ids of the tests that run it."""
    shared: list[str]
    """Functions that every test may reach: fixtures that tests share have run them."""
    imported: list[str]
    """Functions that imports have run."""
    everything: list[str]
    """Node ids of the tests that reach everything: they start processes."""
    seconds: dict[str, float] = {}
    """How long each test takes, its own set-up included."""

    def of(self, mutant: Mutant) -> set[str]:
        """Return the tests that may notice a mutant.

        What stands outside functions may be read from anywhere in its service, or from every service.
        """
        place, _, name = mutant.where.partition(":")
        module = place.replace("/", ".")  # of what is no Python, a path stands there
        in_a_function = bool(name) and not name.rpartition(".")[2].lstrip("_")[:1].isupper()
        if not (in_a_function or _is_of_one_service(module)):
            return set(self.rules)
        prefix = f"{mutant.where}." if in_a_function else ".".join(module.split(".")[:2]) + "."
        shared = [*self.shared, *(self.imported if in_a_function else ())]
        if any(f"{one}.".startswith(prefix) for one in shared):
            return set(self.rules)
        ran = [nodes for one, nodes in self.tests.items() if f"{one}.".startswith(prefix)]
        return {*self.everything, *(node for nodes in ran for node in nodes)}


def _is_of_one_service(module: str) -> bool:
    """Whether only one service uses a module; a migration makes the tables that all its tests use."""
    return module.startswith("services.") and ".migrations." not in module


@dataclass(eq=False)
class Follow(Proofs):
    """Runs the tests that claim rules, and notes for each what code it runs."""

    part: int = 0
    parts: int = 1
    everything: set[str] = field(default_factory=set)
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
        """Attribute what runs from here on to this test."""
        self.current = item
        self.measured.switch_context(item.nodeid)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[None]:
        """Attribute what a fixture of more than one test runs to all of them."""
        if fixturedef.scope == "function":
            return (yield)
        self.measured.switch_context(SHARED)
        try:
            return (yield)
        finally:
            if self.current is not None:
                self.measured.switch_context(self.current.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record how long each test takes, and what fails already."""
        super().pytest_runtest_logreport(report)
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.outcome == "failed":
            self.failed.add(report.nodeid)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "subprocess.Popen" or self.current is None:
            return
        words = [str(args[0]), *(() if isinstance(args[1], str) else map(str, args[1]))]
        if any(Path(word).name.startswith("python") for word in words):
            self.everything.add(str(self.current.path))

    def reach(self) -> Reach:
        """Return what was noted."""
        self.measured.stop()
        data = self.measured.get_data()
        tests: dict[str, set[str]] = {}
        shared: set[str] = set()
        imported: set[str] = set()
        for name in filter(_is_python, data.measured_files()):
            for where, contexts in _reached(Path(name), data.contexts_by_lineno(name)):
                tests.setdefault(where, set()).update(contexts & self.of_test.keys())
                if SHARED in contexts:
                    shared.add(where)
                if "" in contexts:
                    imported.add(where)
        files = {node: node.partition("::")[0] for node in self.of_test}
        spawning = {str(Path(one).relative_to(Path.cwd())) for one in self.everything}
        return Reach(
            {node: sorted(claimed) for node, claimed in self.of_test.items()},
            {where: sorted(nodes) for where, nodes in tests.items()},
            sorted(shared),
            sorted(imported),
            [node for node, file in files.items() if file in spawning],
            {node: self.seconds.get(node, 0.0) for node in self.of_test},
        )


def _is_python(name: str) -> bool:
    """Whether a file is a module; templates count as code too, but have no functions."""
    return name.endswith(".py")


def _elsewhere(item: pytest.Item) -> bool:
    """Whether a test needs a machine part that not every machine has."""
    return any(item.get_closest_marker(name) for name in ("apache", "s3"))


def _reached(path: Path, contexts: dict[int, list[str]]) -> Iterator[tuple[str, set[str]]]:
    """Yield each function of a file of which a line was run, as `module:name`, with the contexts."""
    relative = path.relative_to(Path.cwd()).with_suffix("")
    module = ".".join(relative.parts).removesuffix(".__init__")
    for name, node in _functions(ast.parse(path.read_text()).body):
        lines = range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
        found = {context for line in lines for context in contexts.get(line, ())}
        if found:
            yield f"{module}:{name}", found


def _functions(
    body: Sequence[ast.stmt], within: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield within + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{within}{node.name}.")
        else:
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
            yield from _functions(inner, within)


def joined(parts: Sequence[Reach]) -> Reach:
    """Return what the parts of a run found, as one."""
    whole = Reach({}, {}, [], [], [], {})
    for part in parts:
        whole.rules |= part.rules
        for where, nodes in part.tests.items():
            whole.tests.setdefault(where, []).extend(nodes)
        whole.shared.extend(part.shared)
        whole.imported.extend(part.imported)
        whole.everything.extend(part.everything)
        whole.seconds |= part.seconds
    return whole


def main(output: str, part: int = 0, parts: int = 1) -> int:
    """Run the tests, and write what they reach; 1 if one of them fails without any mutant."""
    follow = Follow(part=part, parts=parts)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        pytest.main(["-q", "-p", "no:cacheprovider", "--tb=short", "tests"], plugins=[follow])
    Path(output).write_bytes(msgspec.json.encode(follow.reach()))
    if follow.failed:
        print(said.getvalue()[-20_000:], file=sys.stderr)
    print(json.dumps({"tests": len(follow.of_test), "failed": sorted(follow.failed)}))
    return 1 if follow.failed else 0


if __name__ == "__main__":
    asked, of = (int(word) for word in (sys.argv[2] if len(sys.argv) > 2 else "0/1").split("/"))
    sys.exit(main(sys.argv[1], asked, of))
