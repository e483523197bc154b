"""Stores are classes over a connection, and what leaves them has a type of its own: no row, no mapping to anything."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.disclosing import Function, names_in
from tests.architecture.source import HUMAN_SERVICES, ROOT, modules, tree

CONNECTIONS = {"AsyncConnection", "Connection"}
OF_DRIVERS = ("sqlalchemy", "asyncpg")
ROWS = {"Row", "RowMapping", "MappingResult", "CursorResult", "Result", "Record"}
UNTYPED = {"Any", "object"}


def loose(parsed: ast.Module) -> Iterator[str]:
    """Yield the public functions of a module that are given a connection."""
    for node in parsed.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if any(names_in(one.annotation) & CONNECTIONS for one in arguments):
                yield node.name


def shapeless(parsed: ast.Module) -> Iterator[str]:
    """Yield the public functions and methods whose return type is a driver's row, or says Any."""
    forbidden = UNTYPED | set(_rows(parsed))
    forbidden |= {name for name, names in _aliases(parsed) if names & forbidden}
    for name, function in _public(parsed):
        if names_in(function.returns) & forbidden or _of_a_driver(function.returns):
            yield name


def _rows(parsed: ast.Module) -> Iterator[str]:
    """Yield the names by which a module knows rows of a driver; a class of ours may be called Row."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OF_DRIVERS):
            yield from (one.asname or one.name for one in node.names if one.name in ROWS)


def _aliases(parsed: ast.Module) -> Iterator[tuple[str, set[str]]]:
    for node in parsed.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.Name):
            yield ast.unparse(node.targets[0]), names_in(node.value)


def _public(parsed: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in parsed.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, Function) and "_" not in (owner[:1], member.name[0]):
                yield f"{owner}{member.name}", member


def _of_a_driver(annotation: ast.expr | None) -> bool:
    """Whether an annotation says `asyncpg.Record` and the like."""
    return annotation is not None and any(
        isinstance(node, ast.Attribute)
        and node.attr in ROWS
        and ast.unparse(node.value).startswith(OF_DRIVERS)
        for node in ast.walk(annotation)
    )


def stores(service: str) -> list[Path]:
    return modules(f"services/{service}/store")


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_stores_are_classes_over_a_connection(service):
    for path in stores(service):
        found = list(loose(tree(path)))
        assert not found, f"{path.relative_to(ROOT)} hands connections to functions: {found}"


def test_what_leaves_a_store_has_a_type():
    checked = 0
    for service in HUMAN_SERVICES:
        for path in stores(service):
            checked += len(list(_public(tree(path))))
            found = list(shapeless(tree(path)))
            assert not found, f"{path.relative_to(ROOT)} gives rows or mappings out: {found}"
    assert checked >= 100, "found hardly any method: the walk is broken, not the stores clean"


RIGHT = """
from sqlalchemy import Row as SqlRow, RowMapping
from services.audit.domain.entries import Row

Ends = Mapping[tuple[str, int], int]

def read_of(row: RowMapping) -> Read: ...
async def _driver(connection: AsyncConnection) -> Driver: ...

class Reads:
    def __init__(self, connection: AsyncConnection) -> None: ...
    async def page(self, grant: Grant) -> Sequence[Row]: ...
    async def ends(self) -> tuple[Ends, datetime] | None: ...
    async def known(self) -> dict[UUID, Known]: ...
    async def _rows(self) -> Sequence[SqlRow[Any]]: ...

class _Inner:
    async def rows(self) -> Sequence[RowMapping]: ...
"""

LOOSE = [
    "async def claim(connection: AsyncConnection, now: datetime) -> Order | None: ...",
    "def pages(now: datetime, *, connection: 'AsyncConnection | None') -> Pages: ...",
    "async def copy(raw: asyncpg.Connection) -> None: ...",
]

SHAPELESS = [
    "class Hits:\n    async def get(self) -> Mapping[str, Any]: ...",
    "class Hits:\n    async def page(self) -> 'Sequence[dict[str, Any]]': ...",
    "class Hits:\n    async def page(self) -> list[SqlRow[int]]: ...",
    "class Hits:\n    async def get(self) -> tuple[RowMapping, int] | None: ...",
    "class Hits:\n    async def get(self) -> dict[str, object]: ...",
    "class Hits:\n    async def stream(self) -> AsyncIterator[asyncpg.Record]: ...",
    "Found = dict[str, Any]\nclass Hits:\n    async def get(self) -> Found: ...",
    "def plain(hit: Hit) -> dict[str, Any]: ...",
]


def test_a_store_of_the_right_shape_passes():
    assert not list(loose(ast.parse(RIGHT)))
    assert not list(shapeless(ast.parse(RIGHT)))


@pytest.mark.parametrize("text", LOOSE)
def test_a_function_with_a_connection_is_found(text):
    assert len(list(loose(ast.parse(RIGHT + text)))) == 1


@pytest.mark.parametrize("text", SHAPELESS)
def test_what_leaves_without_a_type_is_found(text):
    assert len(list(shapeless(ast.parse(RIGHT + text)))) == 1
