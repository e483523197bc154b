"""Services raise AlprErrors; `shared/http` alone turns them into statuses, and routes declare their good answers."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import CLIENTS, ROOT, SERVICES, modules, tree

KNOW_STATUSES = {
    "shared/limits/body_limit.py": "refuses a body while it comes in, before FastAPI could turn an error into a 400",
    "shared/limits/limiter.py": "answers before the guard, and counts what the app answered",
    "shared/objects/setup.py": "a client: reads what the object store answers",
    "shared/notices/receivers.py": "a client: reads what the receivers of notices answer",
    "services/console/actions/errors.py": "a client: reads what the services answer",
    "services/console/actions/services.py": "a client: reads what the services answer",
    "services/console/actions/sessions.py": "a client: a session ends where identity refuses it",
}
"""Modules beside `shared/http` that know statuses of errors, and why."""

NAMES = {"HTTPStatus", "HTTPException", "codes"}
"""What statuses are known by: of the standard library, of FastAPI, of httpx."""

MODULES = {"http.client", "starlette.status", "fastapi.status"}
OURS = re.compile(r"(?!HTTP)\w*(Status|State)")
"""Enumerations of the domain: where a request or a device stands."""

OF_STARLETTE = re.compile(r"(HTTP|WS)_\d{3,4}_")
ANSWER = re.compile(r"problem|\w*Response")
"""Calls that make an answer, whose arguments may be its status."""

KEYWORDS = {"status", "status_code"}
STATUSES = range(100, 600)
MAY_IMPORT_FASTAPI = {"api", "service", "main", "spec"}
"""Rooms of a service that see requests."""


def statuses(parsed: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield each status that a module answers with or compares with, 0 for one by a name, with its line."""
    held = names_of_statuses(parsed)
    for node in ast.walk(parsed):
        if by_name(node):
            yield 0, node.lineno
            continue
        for value in given(node):
            for one in alternatives(value):
                match one:
                    case ast.Constant(value=int(number)) if number in STATUSES:
                        yield number, one.lineno
                    case ast.Name(id=name) if name in held or (
                        name.isupper() and isinstance(node, ast.Call)
                    ):
                        yield 0, one.lineno
                    case ast.Attribute(value=of, attr=name) if (
                        name.isupper() and not OURS.fullmatch(last(of))
                    ):
                        yield 0, one.lineno


def last(node: ast.expr) -> str:
    return ast.unparse(node).split(".")[-1]


def by_name(node: ast.AST) -> bool:
    """Whether a node names what statuses are known by."""
    match node:
        case ast.alias(name=name):
            return (
                name in MODULES
                or name.split(".")[-1] in {*NAMES, "status"}
                or bool(OF_STARLETTE.match(name))
            )
        case ast.ImportFrom(module=module):
            return module in MODULES
        case ast.Attribute(attr=attr):
            return attr in NAMES or bool(OF_STARLETTE.match(attr))
        case ast.ClassDef(bases=bases):
            return any(map(is_of_numbers, bases)) and any(map(is_a_status, node.body))
    return False


def is_of_numbers(base: ast.expr) -> bool:
    return last(base) in {"IntEnum", "int"}


def is_a_status(node: ast.stmt) -> bool:
    """Whether a member of an enumeration has the number of a status."""
    match node:
        case ast.Assign(value=ast.Constant(value=int(number))):
            return number in STATUSES
    return False


def names_of_statuses(parsed: ast.Module) -> set[str]:
    """Names that a module gives to numbers of statuses, in whatever case: `gone = 410`, `for one in (404, 410)`."""
    return {
        target.id
        for node in ast.walk(parsed)
        for target, value in bound(node)
        if isinstance(target, ast.Name) and any(map(is_number, alternatives(value)))
    }


def bound(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield what a statement binds, and to which value."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                pairs = (target, value)
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    yield from zip(target.elts, value.elts, strict=False)
                else:
                    yield pairs
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.NamedExpr(target=target, value=value) | ast.For(target=target, iter=value):
            yield target, value


def is_number(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=int(number)):
            return number in STATUSES
    return False


def alternatives(value: ast.expr) -> Iterator[ast.expr]:
    """Yield what a value may be: both ends of `a if b else c`, each element of a tuple, what is added."""
    match value:
        case ast.IfExp(body=body, orelse=other):
            yield from alternatives(body)
            yield from alternatives(other)
        case ast.Tuple(elts=elements) | ast.Set(elts=elements) | ast.List(elts=elements):
            for one in elements:
                yield from alternatives(one)
        case ast.BoolOp(values=values):
            for one in values:
                yield from alternatives(one)
        case ast.BinOp(left=left, right=right):
            yield from alternatives(left)
            yield from alternatives(right)
        case _:
            yield value


def given(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the statuses in a node: arguments, assigned values, sides of comparisons, cases, values of mappings."""
    match node:
        case ast.Call(func=func, args=args, keywords=words):
            yield from (word.value for word in words if word.arg in KEYWORDS)
            if ANSWER.fullmatch(last(func)):
                yield from args
        case ast.Raise(exc=ast.Call(args=args, keywords=words)):
            yield from (one for one in args if not isinstance(one, ast.Attribute))
        case ast.Assign() | ast.AnnAssign():
            yield from (value for target, value in bound(node) if names_a_status(target))
        case ast.Compare(left=left, comparators=others):
            if any(map(names_a_status, [left, *others])):
                yield from (left, *others)
        case ast.Match(subject=subject, cases=cases):
            patterns = [one for case in cases for one in ast.walk(case.pattern)]
            yield from (
                one.value
                for one in patterns
                if isinstance(one, ast.MatchValue)
                and (names_a_status(subject) or is_number(one.value))
            )
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            yield from (v for k, v in pairs if isinstance(k, ast.Constant) and k.value in KEYWORDS)


def names_a_status(node: ast.expr) -> bool:
    return last(node).lower() in KEYWORDS


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
def test_a_status_belongs_to_a_route_by_its_folder(module, status, its_own):
    assert is_a_routes(module, status) is its_own


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_only_modules_that_handle_requests_import_fastapi(service):
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
        ("raise Refused(409)", 409),
        ("raise errors.Refused('gone', 410) from None", 410),
        ("gone = 410\nraise Refused(gone)", 0),
        ("RedirectResponse('/', 303)", 303),
        ("HTMLResponse('', 409)", 409),
        ("responses.FileResponse(path, 206)", 206),
        ("match answer.status_code:\n    case 404:\n        pass", 404),
        ("match answer:\n    case Answer(code=404 | None):\n        pass", 404),
        ("gone = 410\nproblem(request, gone)", 0),
        ("for one in (404, 'x'):\n    problem(request, one)", 0),
        ("if (gone := 410):\n    Response(b'', status_code=gone)", 0),
        ("Response(b'', status_code=404 if gone else None)", 404),
        ("status = 400 + more", 400),
        ("problem(request, Codes.GONE)", 0),
        ("if answer.status == codes_of.GONE:\n    pass", 0),
        ("class Codes(IntEnum):\n    GONE = 410", 0),
        ("class Codes(int, enum.Enum):\n    GONE = 410", 0),
        ("x = httpx.codes.GONE", 0),
        ("from httpx import codes", 0),
        ("from http import client\nfrom http.client import GONE", 0),
        ("x = starlette.HTTP_404_NOT_FOUND", 0),
        ("from http import HTTPStatus as Status", 0),
    ],
)
def test_a_status_is_found(line, status):
    assert [found for found, _ in statuses(ast.parse(line))] == [status]


@pytest.mark.parametrize(
    "line",
    [
        "LIMIT = 404",
        "@router.get('/', responses={403: {'model': Problem}})\ndef f(): ...",
        "match event.count:\n    case 4:\n        pass",
        "class Ports(IntEnum):\n    INGEST = 8001",
        "raise Conflict(Code.GONE, most=404)",
        "match request.status:\n    case 'active':\n        pass",
        "if account.status == 'active':\n    pass",
        "body = {'status': 'active', 'count': 404}",
    ],
)
def test_code_without_a_response_has_no_status(line):
    assert not list(statuses(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["from fastapi import Request", "import starlette.responses", "import fastapi"]
)
def test_an_import_of_fastapi_is_reported(line):
    assert list(framework(ast.parse(line)))
