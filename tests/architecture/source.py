"""The source tree as the architecture tests read it."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

from services.registry import names
from shared.service.spec import Kind

ROOT = Path(__file__).parents[2]
SERVICES = names(Kind.API, Kind.WORKER)
CLIENTS = names(Kind.PAGES)
"""Calls the services as people do (ADR-0008): no store, no topics, no guard of its own."""

HUMAN_SERVICES = names(Kind.API)


LOADERS = {"__import__", "builtins.__import__", "importlib.__import__", "importlib.import_module"}
IMPORTERS = LOADERS | {
    "importlib.util.find_spec",
    "importlib.util.spec_from_file_location",
    "pkgutil.resolve_name",
    "runpy.run_module",
    "runpy.run_path",
}
"""What imports, finds or runs a module by a name in a text; `LOADERS` import it."""


@cache
def tree(path: Path) -> ast.Module:
    """The parsed module at `path`."""
    return ast.parse(path.read_text(), str(path))


def modules(folder: str) -> list[Path]:
    """Every Python file below `folder`; never none, or a test would pass for nothing."""
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"found no modules in {folder}: the walk is broken, not the code clean"
    return found


def part_of(path: Path) -> str:
    """The part of `api` that a module is, or lies in: `views` for `views.py` and `views/holds.py`."""
    return path.parent.name if path.parent.name in {"fields", "views"} else path.stem


def bindings(parsed: ast.Module) -> dict[str, str]:
    """What the imports of a module bind: each name, and the dotted name that it stands for."""
    bound = {}
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                bound[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return bound


def dotted(node: ast.AST, bound: dict[str, str]) -> str | None:
    """The dotted name of `a.b.c`, with what the import of `a` stands for; None for what is no such chain."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        of = dotted(node.value, bound)
        return of and f"{of}.{node.attr}"
    return None


def uses(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the dotted names that a module uses of what it imports and of builtins, with their lines."""
    bound = bindings(tree(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Name | ast.Attribute) and (name := dotted(node, bound)):
            yield name, node.lineno


def stated(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports by a statement, or by a text given to `import_module`."""
    bound = bindings(tree(path))
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func, bound) in LOADERS:
            yield from _imported_by_text(node)


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Return a module's imports: `stated`, by finding or running a module, and by its use of an imported package."""
    return tuple(dict.fromkeys([*stated(path), *_reached(path)]))


def _reached(path: Path) -> Iterator[str]:
    bound = bindings(tree(path))
    packages = {name.split(".")[0] for name in bound.values()}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute):
            name = dotted(node, bound)
            if name is not None and name.split(".")[0] in packages:
                yield name
        elif isinstance(node, ast.Call):
            if dotted(node.func, bound) in IMPORTERS:
                yield from _imported_by_text(node)
            yield from _run(node.args)
        elif isinstance(node, ast.List | ast.Tuple):
            yield from _run(node.elts)


def _imported_by_text(call: ast.Call) -> Iterator[str]:
    """Yield the modules that the texts of a call name: dotted, as a path, or below a package that is given too."""
    given = [*call.args, *(word.value for word in call.keywords)]
    texts = [one.value for one in given if isinstance(one, ast.Constant)]
    names = [text for text in texts if isinstance(text, str)]
    for name in names:
        if name.startswith("."):
            yield from (f"{package}.{name.lstrip('.')}" for package in names if package != name)
        else:
            yield name.removesuffix(".py").replace("/", ".")


def _run(words: list[ast.expr]) -> Iterator[str]:
    """Yield the modules that a command runs: what follows `-m` in its words, or in a text of several."""
    texts = [one.value if isinstance(one, ast.Constant) else None for one in words]
    for flag, name in pairwise(texts):
        if flag == "-m" and isinstance(name, str):
            yield name
    for text in texts:
        if isinstance(text, str):
            yield from re.findall(r"\bpython[\d.]* -m ([\w.]+)", text)


def called_names(path: Path) -> Iterator[tuple[str, int]]:
    """The name of each call in a module (its last part), with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node.lineno
            elif isinstance(function, ast.Name):
                yield function.id, node.lineno
