"""Services raise AlprErrors; `shared/http` alone turns them into statuses, and routes declare their good answers."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import CLIENTS, ROOT, SERVICES, modules, tree

KNOW_STATUSES = {
    "shared/limits/body_limit.py": "refuses a body while it comes in, before FastAPI could turn an error into a 400",
    "shared/limits/limiter.py": "answers before the guard, and counts what the app answered",
    "shared/objects/setup.py": "a client: reads what the object store answers",
    "services/console/actions/errors.py": "a client: reads what the services answer",
    "services/console/actions/services.py": "a client: reads what the services answer",
    "services/console/actions/sessions.py": "a client: a session ends where identity refuses it",
}
"""Modules beside `shared/http` that know statuses of errors, and why."""

NAMES = {"HTTPStatus", "HTTPException"}
ANSWERS = {"problem", "Response", "JSONResponse", "PlainTextResponse", "StreamingResponse"}
KEYWORDS = {"status", "status_code"}
STATUSES = range(100, 600)
MAY_IMPORT_FASTAPI = {"api", "service", "main", "spec"}
"""Rooms of a service that see requests."""


def statuses(parsed: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield each status that a module answers with or compares with, 0 for one by a name, with its line."""
    for node in ast.walk(parsed):
        if (isinstance(node, ast.alias) and node.name.split(".")[-1] in {*NAMES, "status"}) or (
            isinstance(node, ast.Attribute) and node.attr in NAMES
        ):
            yield 0, node.lineno
            continue
        for value in _given(node):
            if isinstance(value, ast.Constant):
                if isinstance(value.value, int) and value.value in STATUSES:
                    yield value.value, value.lineno
            elif _by_a_name(node, value):
                yield 0, value.lineno


def _given(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a node gives a status: an argument, an assigned value, a side of a comparison, a value of a mapping."""
    if isinstance(node, ast.Call):
        yield from (word.value for word in node.keywords if word.arg in KEYWORDS)
        if ast.unparse(node.func).split(".")[-1] in ANSWERS:
            yield from node.args
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(_names_a_status(target) for target in targets):
            yield node.value
    elif isinstance(node, ast.Compare) and any(
        map(_names_a_status, [node.left, *node.comparators])
    ):
        for side in (node.left, *node.comparators):
            yield from side.elts if isinstance(side, ast.Tuple | ast.Set | ast.List) else [side]
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (v for k, v in pairs if isinstance(k, ast.Constant) and k.value in KEYWORDS)


def _names_a_status(node: ast.expr) -> bool:
    return ast.unparse(node).split(".")[-1].lower() in KEYWORDS


def _by_a_name(node: ast.AST, value: ast.expr) -> bool:
    """Whether a status is given by a constant's name, as in `problem(request, GONE)` or `status_code=GONE`."""
    return isinstance(node, ast.Call) and isinstance(value, ast.Name) and value.id.isupper()


def knowing() -> dict[str, list[tuple[int, int]]]:
    """Return what knows statuses of errors, or of any answer outside a service's `api`."""
    paths = [path for path in modules("shared") if ROOT / "shared/http" not in path.parents]
    paths += [path for name in (*SERVICES, *CLIENTS) for path in modules(f"services/{name}")]
    found = {}
    for path in paths:
        name = path.relative_to(ROOT).as_posix()
        if errors := [one for one in statuses(tree(path)) if not is_a_routes(name, one[0])]:
            found[name] = errors
    return found


def is_a_routes(module: str, status: int) -> bool:
    """Whether a route may give this status: a good one, or in a client any, since its pages show errors (ADR-0008)."""
    folder, _, rest = module.removeprefix("services/").partition("/")
    return rest.startswith("api/") and (folder in CLIENTS or 200 <= status < 300)


def test_only_http_knows_statuses():
    found = knowing()
    assert found.keys() == KNOW_STATUSES.keys(), found


@pytest.mark.parametrize(
    ("module", "status", "its_own"),
    [
        ("services/audit/api/entries.py", 201, True),
        ("services/audit/api/entries.py", 409, False),
        ("services/audit/actions/export.py", 200, False),
        ("services/console/api/pages.py", 409, True),
        ("services/console/actions/seal.py", 401, False),
        ("services/console/domain/navigation.py", 200, False),
        ("shared/access/api/guard.py", 200, False),
    ],
)
def test_a_status_is_a_routes_by_its_folder(module, status, its_own):
    assert is_a_routes(module, status) is its_own


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_only_what_sees_requests_imports_the_framework(service):
    checked = 0
    for path in modules(f"services/{service}"):
        room = path.relative_to(ROOT / "services" / service).parts[0].removesuffix(".py")
        if room not in MAY_IMPORT_FASTAPI:
            checked += 1
            assert not list(framework(tree(path))), path.relative_to(ROOT)
    assert checked


def framework(parsed: ast.Module) -> Iterator[str]:
    """Yield what a module imports of the web framework."""
    for node in ast.walk(parsed):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (name for name in names if name.split(".")[0] in {"fastapi", "starlette"})


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("from http import HTTPStatus", 0),
        ("import http\nx = http.HTTPStatus.CONFLICT", 0),
        ("from fastapi import HTTPException as Fault", 0),
        ("from starlette import status", 0),
        ("problem(request, 403, 'Not permitted')", 403),
        ("return_ = JSONResponse({}, status_code=404)", 404),
        ("app.problem(request, status=409)", 409),
        ("Response(b'', 202)", 202),
        ("response.status_code = 503", 503),
        ("Response(b'', status_code=GONE)", 0),
        ("problem(request, GONE)", 0),
        ("STATUS = 503", 503),
        ("class Fault:\n    status = 409", 409),
        ("class Fault:\n    status: int = 409", 409),
        ("if answer.status_code == 404:\n    pass", 404),
        ("if answer.status in (401, 'gone'):\n    pass", 401),
        ("body = {'status': 404}", 404),
    ],
)
def test_a_status_is_found(line, status):
    assert [found for found, _ in statuses(ast.parse(line))] == [status]


@pytest.mark.parametrize(
    "line",
    [
        "LIMIT = 404",
        "@router.get('/', responses={403: {'model': Problem}})\ndef f(): ...",
        "if account.status == 'active':\n    pass",
        "body = {'status': 'active', 'count': 404}",
    ],
)
def test_what_is_no_answer_is_no_status(line):
    assert not list(statuses(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["from fastapi import Request", "import starlette.responses", "import fastapi"]
)
def test_the_framework_is_found(line):
    assert list(framework(ast.parse(line)))
