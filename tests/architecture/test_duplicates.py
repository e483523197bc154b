"""Nothing is written twice: no body of a function, no table of constants, in services and `shared/`."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.architecture.source import ROOT, modules, tree

LINES = 4
"""A body of so many lines, as Python writes it out, is too long to stand in two places."""

CHARACTERS = 80
"""A constant of so many characters is."""


def bodies(parsed: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each long body of a function, without its docstring, with the function's name."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            documented = ast.get_docstring(node, clean=False) is not None
            text = "\n".join(map(ast.unparse, node.body[documented:]))
            if text.count("\n") + 1 >= LINES:
                yield text, node.name


def constants(parsed: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each long value of a module's names, with the name."""
    for node in parsed.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            text = ast.unparse(node.value)
            if len(text) >= CHARACTERS:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                yield text, ast.unparse(target)


def doubled(trees: Iterable[tuple[str, ast.Module]]) -> list[list[str]]:
    """Return where each text that stands twice stands."""
    places = defaultdict(list)
    for name, parsed in trees:
        for text, what in [*bodies(parsed), *constants(parsed)]:
            places[text].append(f"{name}:{what}")
    return [found for found in places.values() if len(found) > 1]


def test_nothing_is_written_twice():
    paths = [
        path
        for folder in ("services", "shared")
        for path in modules(folder)
        if "migrations" not in path.parts
    ]
    read = [(path.relative_to(ROOT).as_posix(), tree(path)) for path in paths]
    assert sum(1 for _, parsed in read for _ in bodies(parsed)) > 1000
    assert not doubled(read)


FUNCTION = """
def one(value):
    \"\"\"Do it.\"\"\"
    if value:
        return 1
    value += 1
    return value
"""
TABLE = f"TABLE = {dict.fromkeys('abcdefghijklmnop', 1)}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FUNCTION, FUNCTION.replace("one", "other").replace("Do it", "Do that")),
        (FUNCTION, "class Box:\n" + FUNCTION.replace("\n", "\n    ")),
        (TABLE, TABLE.replace("TABLE", "OTHER")),
    ],
)
def test_what_is_written_twice_is_found(first, second):
    assert len(doubled([("a", ast.parse(first)), ("b", ast.parse(second))])) == 1
    assert not doubled([("a", ast.parse(first)), ("b", ast.parse(second.replace("1", "2")))])
