"""Modules of routes read a request, call an action and render: they define no models, emit and decide nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.exceptions import exceptions, lineage
from tests.architecture.source import (
    CLIENTS,
    HUMAN_SERVICES,
    ROOT,
    bindings,
    dotted,
    modules,
    part_of,
    tree,
)

MODELS = {"BaseModel", "RequestBody", "Struct", "Page"}
"""Bases of what requests are made of and of what answers show."""

ENDINGS = {"fields": ("In", "Query"), "views": ("Out",)}
"""By part of `api`, a module or a folder, how the names of its models end."""

FORM = {"Malformed", "UnsupportedMedia"}
"""Refusals of a request that cannot be read, whatever it asks for."""

MAY_REFUSE = {
    "fields": FORM | {"InvalidInput", "RequestTimeout", "TooLarge", "ValueRefused"},
    "guard": {"NotAuthenticated", "NotAuthorised"},
}
"""By part of `api`, what it refuses: `fields` what is written wrong, a `guard` who is not let in; a route `FORM`.

Beside this, `NotFound` may follow `if <what was read> is None`. What a rule refuses, an action or the domain raises."""

REFUSE = {
    "services/hotlist/api/alerts.py:_number InvalidInput": "reads a header",
    "services/hotlist/api/alerts.py:stream_alerts Unavailable": "bounds how many streams are open at once",
    "services/hotlist/api/pictures.py:_picture NotFound": "what lies in the object store is no picture",
    "services/hotlist/api/views/alerts.py:stream_end AlprError": "renders the refusal that ends a stream",
    "services/release/api/documents.py:_body InvalidInput": "reads a body",
}
"""Other refusals in `api`, by function, with the reason why they are no rule of the service."""

FUNCTIONAL = {"create_model", "make_dataclass", "namedtuple", "NamedTuple", "TypedDict"}
"""Calls that make a class with fields."""


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
        endings = ENDINGS.get(part_of(path))
        if endings is None:
            yield f"{path.stem}: {name}"
        elif not name.startswith("_") and not name.endswith(endings):
            yield f"{path.stem}: {name} does not end in {' or '.join(endings)}"


def shaped(path: Path) -> Iterator[str]:
    """Yield what a module beside `fields` and `views` defines with fields: dataclasses, typed dictionaries, tuples."""
    if part_of(path) in ENDINGS:
        return
    for node in ast.walk(tree(path)):
        match node:
            case ast.ClassDef(name=name, body=body):
                if any(isinstance(one, ast.AnnAssign) for one in body):
                    yield name
            case ast.Call(func=func) if last(func) in FUNCTIONAL:
                yield ast.unparse(node)


def emitting(path: Path) -> Iterator[int]:
    """Yield the lines at which a module names `emit`, called or not, by import, attribute or text."""
    for node in ast.walk(tree(path)):
        match node:
            case (
                ast.Attribute(attr="emit")
                | ast.Name(id="emit")
                | ast.Constant(value="emit")
                | ast.alias(name="emit")
            ):
                yield node.lineno


def refusing(path: Path) -> Iterator[str]:
    """Yield the forbidden refusals of a module with their function: raised, in a variable or under another name."""
    bound = bindings(tree(path))
    may = MAY_REFUSE.get(part_of(path), FORM)

    def walk(node: ast.AST, function: str, there: bool) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                    yield from walk(child, name, False)
                case ast.If(test=test, body=body, orelse=other):
                    yield from walk(test, function, there)
                    for one in body:
                        absent = isinstance(one, ast.Raise) and is_of_nothing(test)
                        yield from walk(ast.Module([one], []), function, absent)
                    yield from walk(ast.Module(other, []), function, False)
                case ast.ExceptHandler(body=body):
                    yield from walk(ast.Module(body, []), function, False)
                case ast.Name() | ast.Attribute():
                    name = (dotted(child, bound) or "").split(".")[-1]
                    if (
                        is_a_refusal(name)
                        and name not in may
                        and not (there and name == "NotFound")
                    ):
                        yield f"{function} {name}"
                    yield from walk(child, function, there)
                case _:
                    yield from walk(child, function, there)

    yield from walk(tree(path), "", False)


def is_of_nothing(test: ast.expr) -> bool:
    """Whether a condition is `<a name> is None`: what was read is not there."""
    match test:
        case ast.Compare(left=ast.Name(), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return True
    return False


def is_a_refusal(name: str) -> bool:
    return name in exceptions() and bool(lineage(name) & {"AlprError", "Refusal"})


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_models_are_in_fields_and_views_and_named_by_direction(service):
    paths = modules(f"services/{service}/api")
    assert list(models(paths)), "found no model: the walk is broken"
    assert not list(misplaced(paths))


@pytest.mark.parametrize("client", CLIENTS)
def test_pages_define_no_models(client):
    assert not list(models(modules(f"services/{client}/api")))
    assert list(models(modules(f"services/{client}/actions"))), "found no model: the walk is broken"


@pytest.mark.parametrize("service", [*HUMAN_SERVICES, *CLIENTS])
def test_route_modules_emit_no_events(service):
    for path in modules(f"services/{service}/api"):
        assert not list(emitting(path)), path.relative_to(ROOT)


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_route_modules_define_no_models(service):
    """The console has no API: its modules define what their pages show."""
    for path in modules(f"services/{service}/api"):
        assert not list(shaped(path)), path.relative_to(ROOT)


def test_route_modules_raise_no_domain_refusals():
    found = {
        f"{path.relative_to(ROOT)}:{what}"
        for service in (*HUMAN_SERVICES, *CLIENTS)
        for path in modules(f"services/{service}/api")
        for what in refusing(path)
    }
    assert not found - REFUSE.keys(), (
        "let an action or the domain raise it, or list why it is no rule"
    )
    assert not REFUSE.keys() - found, "no longer there"


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
        ("views/holds", "class HoldIn(RequestBody): ..."),
    ],
)
def test_a_misplaced_or_misnamed_model_is_found(module, text, tmp_path):
    planted = tmp_path / f"{module}.py"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(text)
    assert list(misplaced([planted]))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("holds", "class Cursor(NamedTuple): ..."),
        ("fields", "class HoldIn(RequestBody): ...\nclass HoldQuery(RequestBody): ..."),
        ("fields", "class _Form(MultipartCallbacks): ..."),
        ("views", "class HoldsOut(Page[HoldOut]): ..."),
        ("views/holds", "class HoldsOut(Page[HoldOut]): ..."),
    ],
)
def test_a_model_in_its_place_is_not_reported(module, text, tmp_path):
    planted = tmp_path / f"{module}.py"
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(text)
    assert not list(misplaced([planted]))


@pytest.mark.parametrize(
    "text",
    [
        "await work.emit(event)",
        "await emit(connection, 'retention', event)",
        "await self._work.emit(event)",
        "announce = work.emit",
        "from shared.postgres.outbox import emit as announce",
        "getattr(work, 'emit')(event)",
        "async def announce(work):\n    await work.emit(HoldReleased())",
    ],
)
def test_an_event_of_a_route_is_found(text, tmp_path):
    planted = tmp_path / "holds.py"
    planted.write_text(text)
    assert list(emitting(planted))


@pytest.mark.parametrize(
    "text",
    [
        "@dataclass(frozen=True)\nclass Hold:\n    hold_id: UUID",
        "class Hold(TypedDict):\n    hold_id: UUID",
        "class Cursor(NamedTuple):\n    after: UUID",
        "Hold = TypedDict('Hold', {'hold_id': UUID})",
        "Hold = create_model('Hold', hold_id=(UUID, ...))",
        "Hold = dataclasses.make_dataclass('Hold', ['hold_id'])",
        "Cursor = collections.namedtuple('Cursor', 'after')",
        "def f():\n    class Hold:\n        hold_id: UUID",
    ],
)
def test_a_class_with_fields_beside_a_route_is_found(text, tmp_path):
    planted = tmp_path / "holds.py"
    planted.write_text(text)
    assert list(shaped(planted))


OF_ERRORS = (
    "from shared.core.errors import Conflict, InvalidInput, NotAuthorised, NotFound, TooLarge\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "def check():\n    raise Conflict(Code.HOLD_RELEASED)",
        "from shared.core import errors\nif taken:\n    raise errors.Conflict(Code.HOLD_RELEASED) from None",
        "raise NotAuthorised",
        "refusal = Conflict(Code.HOLD_RELEASED)\nraise refusal",
        "from shared.core.errors import Conflict as C\nraise C(Code.HOLD_RELEASED)",
        "import shared.core.errors as e\nraise e.Conflict(Code.HOLD_RELEASED)",
        "from shared.access.rule_refusals import RefusedByRule\nraise RefusedByRule(grant, Code.HOLD_RELEASED)",
        "if hold.area > most:\n    raise InvalidInput(Code.HOLD_TOO_WIDE)",
        "if hold.size > most:\n    raise TooLarge(Code.HOLD_TOO_WIDE)",
        "raise NotFound(Code.HOLD_UNKNOWN)",
        "if hold.released:\n    raise NotFound(Code.HOLD_UNKNOWN)",
        "if hold is None or hold.released:\n    raise NotFound(Code.HOLD_UNKNOWN)",
        "if hold.certificate is None:\n    raise NotFound(Code.HOLD_UNKNOWN)",
        "if hold is None:\n    raise Conflict(Code.HOLD_UNKNOWN)",
        "if hold is None:\n    pass\nelse:\n    raise NotFound(Code.HOLD_UNKNOWN)",
        "if hold is None:\n    if late:\n        raise NotFound(Code.HOLD_UNKNOWN)",
    ],
)
def test_a_domain_refusal_in_a_route_module_is_reported(text, tmp_path):
    planted = tmp_path / "holds.py"
    planted.write_text(OF_ERRORS + text)
    assert list(refusing(planted))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("holds", "if hold is None:\n    raise NotFound(Code.HOLD_UNKNOWN)"),
        ("holds", "try:\n    f()\nexcept Conflict as exc:\n    raise exc.at('plate') from None"),
        ("holds", "emitted = conflict(work)"),
        ("guard", "raise NotAuthorised(Code.RELEASE_NOT_OF_YOUR_AGENCY)"),
        ("fields", "raise InvalidInput(Code.FORM_FIELD_TWICE)"),
    ],
)
def test_allowed_code_in_a_route_is_not_reported(module, text, tmp_path):
    planted = tmp_path / f"{module}.py"
    planted.write_text(OF_ERRORS + text)
    assert not list(refusing(planted))
    assert not list(emitting(planted))
