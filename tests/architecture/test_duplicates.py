"""Nothing is written twice: no function or run of statements, no constant, in services and `shared/`."""

import ast
import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest

from tests.architecture.source import ROOT, modules, tree

STATEMENTS = 3
"""A body of so many statements, inner ones counted, is too long to be in two functions."""

LINES = 4
"""A body, or a run of statements within one, of so many lines, as Python writes it out, is too."""

CHARACTERS = 40
"""A constant of so many characters is."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Renamed(ast.NodeTransformer):
    """Numbers a function's parameters and variables in their order, so that their names make no difference."""

    def __init__(self, names: set[str]) -> None:
        self._numbers: dict[str, str] = {}
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in self._names:
            node.id = self._number(node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg, node.annotation = self._number(node.arg), None
        return node

    def _number(self, name: str) -> str:
        return self._numbers.setdefault(name, f"name_{len(self._numbers)}")


def functions(parsed: ast.Module) -> Iterator[Function]:
    """Yield each function of a module with its names numbered; its docstring is left out."""
    for node in ast.walk(parsed):
        if isinstance(node, Function):
            found = copy.deepcopy(node)
            if ast.get_docstring(found, clean=False) is not None:
                found.body = found.body[1:]
            inside = list(ast.walk(found))
            names = {one.arg for one in inside if isinstance(one, ast.arg)}
            stored = [one for one in inside if isinstance(one, ast.Name)]
            names |= {one.id for one in stored if isinstance(one.ctx, ast.Store)}
            renamed = Renamed(names)
            renamed.visit(found.args)
            found.body = [renamed.visit(one) for one in found.body]
            yield found


def is_long(statements: list[ast.stmt], text: str) -> bool:
    count = sum(isinstance(one, ast.stmt) for top in statements for one in ast.walk(top))
    return count >= STATEMENTS or text.count("\n") + 1 >= LINES


def bodies(parsed: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each long body of a function, with the function's name."""
    for function in functions(parsed):
        text = "\n".join(map(ast.unparse, function.body))
        if function.body and is_long(function.body, text):
            yield text, function.name


def runs(parsed: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the shortest long run from each statement within functions, as it is written, with its line."""
    for block in blocks(parsed):
        texts = [ast.unparse(one) for one in block]
        for start in range(len(block)):
            text = ""
            for one in texts[start:]:
                text, several = f"{text}{one}\n", bool(text)
                if several and text.count("\n") >= LINES:
                    yield text, f"line {block[start].lineno}"
                    break


def blocks(parsed: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the lists of two and more statements within functions and what they contain."""
    for node in ast.walk(parsed):
        if not isinstance(node, ast.Module | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list) and len(block) > 1:
                    documented = field == "body" and isinstance(node, Function)
                    yield block[documented and ast.get_docstring(node) is not None :]


def constants(parsed: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each long value of a module's names, with the name."""
    for node in parsed.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            text = ast.unparse(node.value)
            if len(text) >= CHARACTERS:
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                yield text, ast.unparse(target)


def places_of(trees: Iterable[tuple[str, ast.Module]]) -> dict[str, list[str]]:
    """Return where each text is."""
    places = defaultdict(list)
    for name, parsed in trees:
        for text, what in [*bodies(parsed), *runs(parsed), *constants(parsed)]:
            places[text].append(f"{name}:{what}")
    return places


def doubled(places: dict[str, list[str]]) -> list[set[str]]:
    """Return where each text that is in two places is."""
    return [set(found) for found in places.values() if len(found) > 1]


def test_product_code_has_no_duplicated_code():
    paths = [
        path
        for folder in ("plateward", "services", "shared")
        for path in modules(folder)
        if "migrations" not in path.parts
    ]
    places = places_of((path.relative_to(ROOT).as_posix(), tree(path)) for path in paths)
    assert sum(1 for where in places.values() if ":line" not in where[0]) > 1000
    assert not doubled(places)


FUNCTION = """
def one(value):
    \"\"\"Do it.\"\"\"
    if value:
        return 1
    value += 1
    return value
"""
SHORT = """
async def stop(self):
    if self.task is not None:
        self.task.cancel()
        await wait(self.task, 1)
"""
RUN = """
async def find(self, name):
    await self.lock(1)
    found = await self.get(name)
    if found is None:
        raise NotFound
    {}
"""
TABLE = f"TABLE = {dict.fromkeys('abcdefghijklmnop', 1)}"
GUARD = "Guard = Annotated[Grant, access(Permission.A, of=1)]"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FUNCTION, FUNCTION.replace("one", "other").replace("Do it", "Do that")),
        (FUNCTION, FUNCTION.replace("value", "given")),
        (FUNCTION, "class Box:\n" + FUNCTION.replace("\n", "\n    ")),
        (SHORT, SHORT.replace("stop", "end")),
        (RUN.format("return found"), RUN.format("found.close()")),
        (TABLE, TABLE.replace("TABLE", "OTHER")),
        (GUARD, GUARD),
    ],
)
def test_duplicated_code_is_reported(first, second):
    assert doubled(places_of([("a", ast.parse(first)), ("b", ast.parse(second))]))
    assert not doubled(
        places_of([("a", ast.parse(first)), ("b", ast.parse(second.replace("1", "2")))])
    )
