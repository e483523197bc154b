"""Modules of routes read a request, call an action and render: they define no models, emit nothing and decide nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import CLIENTS, HUMAN_SERVICES, ROOT, modules, tree

MODELS = {"BaseModel", "RequestBody", "Struct", "Page"}
"""Bases of what requests are made of and of what answers show."""

ENDINGS = {"fields": ("In", "Query"), "views": ("Out",)}
"""By module of `api`, how the names of its models end."""

DECIDING = {"Conflict", "NotAuthorised"}
"""Refusals by a rule, which an action or the domain raises; only a `guard` also says who is not let in."""


def last(node: ast.expr) -> str:
    """The last part of a name, without what stands in brackets behind it."""
    if isinstance(node, ast.Subscript):
        node = node.value
    return ast.unparse(node).split(".")[-1]


def models(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each class of these modules that is a model by any of its bases, with its module."""
    classes = [
        (path, node)
        for path in paths
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    ]
    known = set(MODELS)
    while True:
        more = {node.name for _, node in classes if known & set(map(last, node.bases))} - known
        if not more:
            break
        known |= more
    yield from ((path, node.name) for path, node in classes if node.name in known)


def misplaced(paths: list[Path]) -> Iterator[str]:
    """Yield the models that stand beside routes, and those whose names end in another way than their module's."""
    for path, name in models(paths):
        endings = ENDINGS.get(path.stem)
        if endings is None:
            yield f"{path.stem}: {name}"
        elif not name.startswith("_") and not name.endswith(endings):
            yield f"{path.stem}: {name} does not end in {' or '.join(endings)}"


def deciding(path: Path) -> Iterator[tuple[str, int]]:
    """Yield what a module emits and which refusals by a rule it raises, with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and last(node.func) == "emit":
            yield "emit", node.lineno
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if last(raised) in DECIDING - ({"NotAuthorised"} if path.stem == "guard" else set()):
                yield last(raised), node.lineno


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_models_lie_in_fields_and_views_and_their_names_say_which_way_they_go(service):
    paths = modules(f"services/{service}/api")
    assert list(models(paths)), "found no model: the walk is broken"
    assert not list(misplaced(paths))


@pytest.mark.parametrize("client", CLIENTS)
def test_pages_define_no_models(client):
    assert not list(models(modules(f"services/{client}/api")))
    assert list(models(modules(f"services/{client}/actions"))), "found no model: the walk is broken"


@pytest.mark.parametrize("service", [*HUMAN_SERVICES, *CLIENTS])
def test_routes_emit_nothing_and_refuse_by_no_rule_of_their_own(service):
    for path in modules(f"services/{service}/api"):
        found = list(deciding(path))
        assert not found, f"{path.relative_to(ROOT)} has {found}"


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("holds", "class HoldIn(RequestBody): ..."),
        ("holds", "class HoldOut(pydantic.BaseModel): ..."),
        ("holds", "class _Receipt(msgspec.Struct, frozen=True): ..."),
        ("holds", "class HoldsOut(Page[HoldOut]): ..."),
        ("holds", "class A(BaseModel): ...\nclass B(A): ..."),
        ("guard", "class TokenIn(RequestBody): ..."),
        ("fields", "class NewHold(RequestBody): ..."),
        ("fields", "class HoldOut(BaseModel): ..."),
        ("views", "class HoldIn(BaseModel): ..."),
        ("views", "class AllHolds(HoldsOut): ...\nclass HoldsOut(Page[HoldOut]): ..."),
    ],
)
def test_a_misplaced_or_misnamed_model_is_found(module, text, tmp_path):
    planted = tmp_path / f"{module}.py"
    planted.write_text(text)
    assert list(misplaced([planted]))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("holds", "class Cursor(NamedTuple): ..."),
        ("fields", "class HoldIn(RequestBody): ...\nclass HoldQuery(RequestBody): ..."),
        ("fields", "class _Form(MultipartCallbacks): ..."),
        ("views", "class HoldsOut(Page[HoldOut]): ..."),
    ],
)
def test_a_model_in_its_place_is_not(module, text, tmp_path):
    planted = tmp_path / f"{module}.py"
    planted.write_text(text)
    assert not list(misplaced([planted]))


@pytest.mark.parametrize(
    "text",
    [
        "await work.emit(event)",
        "await emit(connection, 'retention', event)",
        "await self._work.emit(event)",
        "def check():\n    raise Conflict(Code.HOLD_RELEASED)",
        "if taken:\n    raise errors.Conflict(Code.HOLD_RELEASED) from None",
        "raise NotAuthorised",
    ],
)
def test_a_decision_of_a_route_is_found(text, tmp_path):
    planted = tmp_path / "holds.py"
    planted.write_text(text)
    assert list(deciding(planted))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("holds", "raise NotFound(Code.HOLD_UNKNOWN)"),
        ("holds", "emitted = conflict(work)"),
        ("guard", "raise NotAuthorised(Code.RELEASE_NOT_OF_YOUR_AGENCY)"),
    ],
)
def test_what_a_route_may_do_is_not(module, text, tmp_path):
    planted = tmp_path / f"{module}.py"
    planted.write_text(text)
    assert not list(deciding(planted))
