"""Mutants of the services: the code that each breaks, stored as data, and how it is written into a source tree.

A mutant names the definition that it changes by its qualified name and the fragment within it, so that it
survives moves of lines and of other definitions in the file.
"""

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("mutants")

KINDS = {
    "condition": "a condition dropped or weakened",
    "bound": "a wrong bound or unit",
    "subject": "another person, time or record compared",
    "await": "an await or a commit that is missing",
    "permission": "a permission swapped or no longer asked for",
    "order": "a record written after instead of before",
}


class MutantFault(Exception):
    """A mutant that does not fit the code: its definition is gone, or its fragment is not there once."""


@dataclass(frozen=True)
class Mutant:
    """One realistic mistake in the code of a service."""

    rule: str
    name: str
    kind: str
    where: str
    """`package.module:Class.function`; without a colon the whole module. Or, with slashes, another file."""

    find: str
    replace: str

    @property
    def module(self) -> str:
        """The dotted name of the module; empty for a file of another kind."""
        return "" if "/" in self.where else self.where.partition(":")[0]

    @property
    def path(self) -> Path:
        """The file, relative to the root of the source tree."""
        if not self.module:
            return Path(self.where)
        return Path(*self.module.split(".")).with_suffix(".py")

    def file(self, root: Path) -> Path:
        """Return the file in a source tree. Raises: MutantFault if it is not there."""
        path = root / self.path
        parts = self.path.with_suffix("").parts
        if self.path.suffix == ".py" and not self.module and all(map(str.isidentifier, parts)):
            raise MutantFault(f"{self.name}: name the module of {self.where}, with dots")
        if self.module and not path.is_file():
            path = root / self.path.with_suffix("") / "__init__.py"
        if not path.is_file():
            raise MutantFault(f"{self.name}: there is no module or file {self.where}")
        return path

    def source(self, root: Path) -> str:
        """Return the module's text with the mistake in it. Raises: MutantFault."""
        path = self.file(root)
        text = path.read_text()
        start, end = _span(text, self.where.partition(":")[2] if self.module else "")
        if start < 0:
            raise MutantFault(f"{self.name}: {self.where} is not defined")
        found = text[start:end].count(self.find)
        if found != 1:
            raise MutantFault(
                f"{self.name}: its fragment is {found} times in {self.where}, not once"
            )
        changed = text[:start] + text[start:end].replace(self.find, self.replace) + text[end:]
        try:
            if path.suffix == ".py":
                compile(changed, str(path), "exec")
        except SyntaxError as exc:
            raise MutantFault(f"{self.name}: the changed module does not compile: {exc}") from None
        return changed


def _span(text: str, qualified: str) -> tuple[int, int]:
    """Return where a definition begins, decorators included, and ends; (-1, -1) if there is none."""
    if not qualified:
        return 0, len(text)
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    body: list[ast.stmt] = ast.parse(text).body
    node: ast.stmt | None = None
    for name in qualified.split("."):
        node = next((one for one in _definitions(body) if one.name == name), None)
        if node is None:
            return -1, -1
        body = node.body
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return starts[first - 1], starts[node.end_lineno or first]


def _definitions(
    body: list[ast.stmt],
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Yield the definitions in `body` itself, also under an `if` or `try`, but not inside other definitions."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
        else:
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
            yield from _definitions(inner)


def mutants() -> list[Mutant]:
    """Return every mutant of the data files. Raises: MutantFault for one that lacks a field or a kind."""
    found = []
    for file in sorted(FOLDER.glob("*.toml")):
        for entry in tomllib.loads(file.read_text())["mutant"]:
            try:
                mutant = Mutant(**entry)
            except TypeError as exc:
                raise MutantFault(f"{file.name}: {exc}") from None
            if mutant.kind not in KINDS:
                raise MutantFault(f"{file.name}: {mutant.name}: no such kind: {mutant.kind}")
            found.append(mutant)
    return found
