"""The source tree as the architecture tests read it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from services.registry import names
from shared.service.spec import Kind

ROOT = Path(__file__).parents[2]
SERVICES = names(Kind.API, Kind.WORKER)
CLIENTS = names(Kind.PAGES)
"""Calls the services as people do (ADR-0008): no store, no topics, no guard of its own."""

HUMAN_SERVICES = names(Kind.API)


IMPORTERS = ("import_module", "importlib.import_module", "__import__")


@cache
def tree(path: Path) -> ast.Module:
    """The parsed module at `path`."""
    return ast.parse(path.read_text(), str(path))


def modules(folder: str) -> list[Path]:
    """Every Python file below `folder`; never none, or a test would pass for nothing."""
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"found no modules in {folder}: the walk is broken, not the code clean"
    return found


def imports(path: Path) -> Iterator[str]:
    """The dotted names that a module imports, by statement or by name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in IMPORTERS and node.args:
            named = node.args[0]
            if isinstance(named, ast.Constant) and isinstance(named.value, str):
                yield named.value


def called_names(path: Path) -> Iterator[tuple[str, int]]:
    """The name of each call in a module (its last part), with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node.lineno
            elif isinstance(function, ast.Name):
                yield function.id, node.lineno
