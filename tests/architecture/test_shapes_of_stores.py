"""Stores are classes over a connection, and what leaves them has a type of its own: no row, no mapping to anything."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.reaching import Function
from tests.architecture.source import HUMAN_SERVICES, ROOT, modules, tree
from tests.architecture.types_of_records import names_in

CONNECTIONS = {"AsyncConnection", "Connection"}
OF_DRIVERS = ("sqlalchemy", "asyncpg")
ROWS = {"Row", "RowMapping", "MappingResult", "CursorResult", "Result", "Record"}
UNTYPED = {"Any", "object"}
MAPPINGS = {"dict", "defaultdict", "Mapping", "MutableMapping", "OrderedDict"}


def loose(parsed: ast.Module) -> Iterator[str]:
    """Yield the public functions of a module that are given a connection."""
    for node in parsed.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if any(names_in(one.annotation) & CONNECTIONS for one in arguments):
                yield node.name


def shapeless(parsed: ast.Module) -> Iterator[str]:
    """Yield the public functions and methods whose return type is missing, a driver's row, Any, or text to text."""
    forbidden = UNTYPED | set(_rows(parsed))
    aliases = dict(_aliases(parsed))
    drivers = set(_drivers(parsed))
    while (
        more := {
            name
            for name, value in aliases.items()
            if names_in(value) & forbidden or any(map(_is_text_by_text, ast.walk(value)))
        }
        - forbidden
    ):
        forbidden |= more
    for name, function in _public(parsed):
        returned = _unquoted(function.returns)
        if (
            returned is None
            or names_in(returned) & forbidden
            or any(_is_of_a_driver(node, drivers) for node in ast.walk(returned))
            or any(map(_is_text_by_text, ast.walk(returned)))
        ):
            yield name


def _unquoted(annotation: ast.expr | None) -> ast.expr | None:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return ast.parse(annotation.value, mode="eval").body
    return annotation


def _rows(parsed: ast.Module) -> Iterator[str]:
    """Yield the names by which a module knows rows of a driver; a class of ours may be called Row."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OF_DRIVERS):
            yield from (one.asname or one.name for one in node.names if one.name in ROWS)


def _drivers(parsed: ast.Module) -> Iterator[str]:
    """Yield the names by which a module knows a driver or a module of it: `sqlalchemy`, `sa`, `engine`."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            for one in node.names:
                if one.name.startswith(OF_DRIVERS):
                    yield one.asname or one.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OF_DRIVERS):
            yield from (one.asname or one.name for one in node.names)


def _aliases(parsed: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in parsed.body:
        match node:
            case ast.Assign(
                targets=[target],
                value=ast.Subscript() | ast.Name() | ast.Attribute() | ast.BinOp() as value,
            ):
                yield ast.unparse(target), value
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                if ast.unparse(node.annotation).endswith("TypeAlias"):
                    yield ast.unparse(target), value


def _public(parsed: ast.Module) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for node in parsed.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, Function) and "_" not in (owner[:1], member.name[0]):
                yield f"{owner}{member.name}", member


def _is_of_a_driver(node: ast.AST, drivers: set[str]) -> bool:
    """Whether an annotation says `asyncpg.Record`, `sa.RowMapping` and the like."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ROWS
        and ast.unparse(node.value).split(".")[0] in {*drivers, *OF_DRIVERS}
    )


def _is_text_by_text(node: ast.AST) -> bool:
    """Whether an annotation is a mapping of names to texts, a row in all but name."""
    match node:
        case ast.Subscript(value=of, slice=ast.Tuple(elts=[key, held])):
            of_text = names_in(key) == {"str"} and names_in(held) - {"None"} == {"str"}
            return of_text and names_in(of) <= MAPPINGS
    return False


def stores(service: str) -> list[Path]:
    return modules(f"services/{service}/store")


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_stores_are_classes_over_a_connection(service):
    for path in stores(service):
        found = list(loose(tree(path)))
        assert not found, f"{path.relative_to(ROOT)} hands connections to functions: {found}"


def test_public_store_methods_return_typed_values():
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
    async def media_types(self) -> dict[UUID, str]: ...
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
    "class Hits:\n    async def get(self) -> dict[str, str]: ...",
    "class Hits:\n    async def all(self) -> list[Mapping[str, str | None]]: ...",
    "class Hits:\n    async def all(self) -> 'list[dict[str, str]]': ...",
    "Found = dict[str, str]\nclass Hits:\n    async def get(self) -> Found | None: ...",
    "class Hits:\n    async def get(self, hit_id: UUID): ...",
    "def plain(hit: Hit): ...",
    "import sqlalchemy as sa\nclass Hits:\n    async def get(self) -> sa.RowMapping: ...",
    "import sqlalchemy as sa\nclass Hits:\n    async def get(self) -> 'sa.engine.Row[int]': ...",
    "import sqlalchemy as sa\nFound = sa.RowMapping\nclass Hits:\n    async def get(self) -> Found: ...",
    "from sqlalchemy import engine\nclass Hits:\n    async def get(self) -> engine.RowMapping: ...",
]


def test_a_store_of_the_right_shape_passes():
    assert not list(loose(ast.parse(RIGHT)))
    assert not list(shapeless(ast.parse(RIGHT)))


@pytest.mark.parametrize("text", LOOSE)
def test_a_function_with_a_connection_is_found(text):
    assert len(list(loose(ast.parse(RIGHT + text)))) == 1


@pytest.mark.parametrize("text", SHAPELESS)
def test_a_store_method_without_a_typed_return_is_reported(text):
    assert len(list(shapeless(ast.parse(RIGHT + text)))) == 1
