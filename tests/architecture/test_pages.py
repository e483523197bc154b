"""Pages read a form, call an action and render: only actions call services, and pages build no request."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import CLIENTS, ROOT, modules, tree

CALLS = {"request", "request_json"}
RELAYS = {"visit": "relays pictures and files as they arrive"}
"""Modules of a client's `api` that call services themselves, and why."""

MOST_STATEMENTS = 10
"""Of one function that answers a route."""


def calls_of_services(path: Path) -> Iterator[int]:
    """Yield the lines in which a module calls a service."""
    for node in ast.walk(tree(path)):
        is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_method and node.func.attr in CALLS:
            yield node.lineno


def long_routes(path: Path) -> Iterator[str]:
    """Yield the functions of routes that have more statements than `MOST_STATEMENTS`."""
    for node in tree(path).body:
        if isinstance(node, ast.AsyncFunctionDef) and any(
            ast.unparse(decorator).startswith("router.") for decorator in node.decorator_list
        ):
            inner = [part for part in ast.walk(node) if isinstance(part, ast.stmt)][1:]
            if len(inner) - 1 > MOST_STATEMENTS:  # without its docstring
                yield f"{node.name} has {len(inner) - 1} statements"


@pytest.mark.parametrize("client", CLIENTS)
def test_only_actions_call_services(client):
    paths = modules(f"services/{client}/api")
    callers = {path.stem for path in paths if list(calls_of_services(path))}
    assert callers == set(RELAYS)


@pytest.mark.parametrize("client", CLIENTS)
def test_routes_of_pages_are_short(client):
    for path in modules(f"services/{client}/api"):
        found = list(long_routes(path))
        assert not found, f"{path.relative_to(ROOT)}: {found}"


@pytest.mark.parametrize(
    "line",
    ['await visit.request_json("audit", "GET", "/v1/audits")', "await console.services.request()"],
)
def test_a_call_of_a_service_is_found(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(line)
    assert list(calls_of_services(planted))


@pytest.mark.parametrize(("statements", "is_found"), [(10, False), (11, True)])
def test_a_long_route_is_found(statements, is_found, tmp_path):
    planted = tmp_path / "planted.py"
    body = "    x = 1\n" * statements
    planted.write_text(f'@router.get("/")\nasync def show():\n    """Show."""\n{body}')
    assert bool(list(long_routes(planted))) is is_found
