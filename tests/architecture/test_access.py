"""No way around the guard: queries only in stores, grants made in one place, one permission a route."""

import ast
from pathlib import Path

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from deploy.openapi import app_of
from services.registry import SPECS
from shared.http.app import OPEN
from shared.http.openapi import credential_of, permissions
from shared.service.running import service_of
from shared.service.runtime import Runtime, RuntimeService
from shared.service.settings import CommonSettings
from tests.architecture.source import (
    HUMAN_SERVICES,
    ROOT,
    SERVICES,
    bindings,
    dotted,
    modules,
    tree,
)

QUERIES = {
    "copy_from_query", "copy_from_table", "copy_records_to_table", "copy_to_table", "exec_driver_sql", "execute",
    "executemany", "fetch", "fetchmany", "fetchrow", "fetchval", "run_sync", "scalar", "scalar_one",
    "scalar_one_or_none", "scalars", "stream_scalars",
}  # fmt: skip
"""Methods of connections and of what they answer; `stream` is one too, unless it is of `STREAMING`."""

STREAMING = {"broadcaster", "objects", "request"}
"""What streams no rows: alerts, an object, a body."""


def is_store(path):
    """Whether a module lies in a room whose modules may query."""
    return "store" in path.parts or "migrations" in path.parts


def queries(parsed):
    """Yield what a module has of queries: a method of a connection, called, in a variable or by its name in a text."""
    for node in ast.walk(parsed):
        match node:
            case ast.Attribute(value=of, attr=attr):
                streams = attr == "stream" and ast.unparse(of).split(".")[-1] not in STREAMING
                if attr in QUERIES or streams:
                    yield f"{ast.unparse(node)} at line {node.lineno}"
            case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=name), *_]):
                if name in QUERIES | {"stream"}:
                    yield f"{name} at line {node.lineno}"


@pytest.mark.parametrize("service", SERVICES)
def test_only_stores_contain_queries(service):
    for path in modules(f"services/{service}"):
        if not is_store(path):
            found = list(queries(tree(path)))
            assert not found, f"{path.relative_to(ROOT)}: {found}"


@pytest.mark.parametrize(
    "line",
    [
        "await connection.execute(text('SELECT 1'))",
        "rows = await connection.fetch('SELECT 1')",
        "await work.connection.scalars(query)",
        "await connection.exec_driver_sql('SELECT 1')",
        "async for row in connection.stream(query): ...",
        "async for one in connection.stream_scalars(query): ...",
        "run = connection.execute\nawait run(query)",
        "await getattr(connection, 'execute')(query)",
        "partial(connection.fetchrow, query)",
        "await raw.copy_records_to_table('reads', records=rows)",
        "await connection.run_sync(work)",
    ],
)
def test_a_query_outside_a_store_is_found(line):
    assert list(queries(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "async for piece in runtime.objects.stream(key): ...",
        "async for piece in request.stream(): ...",
        "broadcaster.stream(viewer)",
        "await Hits(connection).page(grant)",
        "viewer.fetched",
    ],
)
def test_code_without_a_query_is_not_reported(line):
    assert not list(queries(ast.parse(line)))


@pytest.mark.parametrize(
    ("path", "stores"),
    [
        ("services/audit/store/log.py", True),
        ("services/audit/migrations/versions/0001.py", True),
        ("services/audit/actions/writer.py", False),
        ("services/audit/actions/storeroom.py", False),
    ],
)
def test_a_module_is_a_store_by_its_folder(path, stores):
    assert is_store(Path(path)) is stores


def users_of(name, folders=("plateward", "shared", "services", "scenes", "local", "deploy")):
    """Modules that use a name, as a variable, an attribute or in an import."""
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in modules(folder)
        if name in names_used(tree(path))
    }


def names_used(parsed):
    """Each name in a module: variables, attributes and imports."""
    for node in ast.walk(parsed):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield from (node.name, node.asname)


def builds_a_grant(parsed):
    """Whether a module makes a Grant, or gives the class another name by which it could."""
    bound = bindings(parsed)
    for node in ast.walk(parsed):
        match node:
            case ast.Call(func=func, args=args):
                called = (dotted(func, bound) or "").split(".")
                if "Grant" in called:
                    return True
                if called[-1] in {"__new__", "partial"} and args and is_grant(args[0], bound):
                    return True
            case ast.Assign(value=value) | ast.NamedExpr(value=value):
                if is_grant(value, bound):
                    return True
            case ast.ClassDef(bases=bases):
                if any(is_grant(base, bound) for base in bases):
                    return True
    return False


def is_grant(node, bound):
    """Whether an expression is the class Grant."""
    return (dotted(node, bound) or "").split(".")[-1] == "Grant"


def test_a_grant_is_built_in_one_place():
    builders = {
        path.relative_to(ROOT).as_posix()
        for folder in ("plateward", "shared", "services", "scenes", "local", "deploy")
        for path in modules(folder)
        if builds_a_grant(tree(path))
    }
    assert builders == {"shared/access/grant.py"}


OF_GRANT = "from shared.access.grant import Grant\n"


@pytest.mark.parametrize(
    "text",
    [
        OF_GRANT + "grant = Grant(attempt_id=attempt_id)",
        "from shared.access import grant\ngrant.Grant(attempt_id=attempt_id)",
        "import shared.access.grant as g\ng.Grant()",
        "from shared.access.grant import Grant as Permit\nPermit()",
        OF_GRANT + "make = Grant\nmake()",
        OF_GRANT + "object.__new__(Grant)",
        OF_GRANT + "Grant.__new__(Grant)",
        OF_GRANT + "partial(Grant, seal)()",
        OF_GRANT + "class Mine(Grant): ...",
    ],
)
def test_code_that_builds_a_grant_elsewhere_is_reported(text):
    assert builds_a_grant(ast.parse(text))


@pytest.mark.parametrize(
    "text",
    [
        OF_GRANT + "async def f(grant: Grant) -> Grant:\n    return grant",
        OF_GRANT + "HoldRead = Annotated[Grant, access(Permission.HOLD_READ)]",
        OF_GRANT + "isinstance(grant, Grant)",
    ],
)
def test_code_that_only_uses_a_grant_is_not_reported(text):
    assert not builds_a_grant(ast.parse(text))


def test_only_the_grant_module_uses_the_seal_of_a_grant():
    assert users_of("_SEAL") == {"shared/access/grant.py"}


def test_a_grant_is_issued_only_where_its_attempt_is_recorded():
    issuers = {"shared/access/guard.py", "shared/access/system_grant.py"}
    assert users_of("issue_grant") == issuers
    assert issuers <= users_of("record_attempt")


@pytest.mark.parametrize(
    "line",
    [
        "from shared.access.grant import issue_grant as other",
        "from shared.access import grant; grant.issue_grant()",
        "issue_grant(runtime)",
    ],
)
def test_a_use_of_a_name_is_reported(line):
    assert "issue_grant" in names_used(ast.parse(line))


SUFFIXES = {"purpose_needed": "ForPurpose", "scope_by_record": "OfRecord", "picture_of": "Picture"}
"""What a guard asks besides the permission, as the name of a grant says it."""


def misnamed_grants(parsed):
    """Yield each name given to a guarded grant that is not that of its permission, with the right one."""
    for node in parsed.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            continue
        for call in ast.walk(node.value):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "access":
                words = call.args[0].attr.split("_")
                given = {keyword.arg for keyword in call.keywords}
                right = "".join(map(str.capitalize, words))
                right += "".join(suffix for name, suffix in SUFFIXES.items() if name in given)
                if node.targets[0].id != right:
                    yield node.targets[0].id, right


def test_a_grant_has_the_name_of_its_permission_everywhere():
    paths = [path for path in modules("services") if "access" in names_used(tree(path))]
    assert len(paths) >= 20, "found hardly any: the walk is broken"
    for path in paths:
        assert not list(misnamed_grants(tree(path))), path.relative_to(ROOT)


@pytest.mark.parametrize(
    ("line", "right"),
    [
        ("Reader = Annotated[Grant, access(Permission.HOLD_READ)]", "HoldRead"),
        (
            "HoldRead = Annotated[Grant, access(Permission.HOLD_READ, purpose_needed=True)]",
            "HoldReadForPurpose",
        ),
        (
            "Seen = Annotated[Grant, access(Permission.IMAGE_READ, picture_of='x', scope_by_record=True)]",
            "ImageReadOfRecordPicture",
        ),
    ],
)
def test_another_name_for_a_grant_is_found(line, right):
    assert [one for _, one in misnamed_grants(ast.parse(line))] == [right]


@pytest.fixture
def app(service, tmp_path):
    """A service's app, built but not started."""
    return app_of(service, tmp_path)


def guards_of(route: APIRoute):
    """The guards of a route: permissions, and the credentials of machines."""
    machines = []

    def walk(dependant):
        if (kind := credential_of(dependant.call)) is not None:
            machines.append(kind)
        for child in dependant.dependencies:
            walk(child)

    walk(route.dependant)
    return [*permissions(route.dependant), *machines]


@pytest.mark.clause("468.2/official-use")
@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_exactly_one_guard_or_is_declared_open(service, app):
    declared_open = OPEN | SPECS[service].open_routes
    routes = [
        (context.path, context.route)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.route, APIRoute)
    ]
    assert routes, "found no routes: the walk is broken, not the service clean"
    guarded = [(path, route) for path, route in routes if path not in declared_open]
    if service in HUMAN_SERVICES:
        assert guarded, f"{service} has no guarded route"
    for path, route in guarded:
        assert len(guards_of(route)) == 1, f"{service} {path}: {guards_of(route)}"
    for path, route in routes:
        if path in declared_open:
            assert not permissions(route.dependant), f"{service} {path} is open and guarded"


@pytest.mark.clause("468.2/official-use")
@pytest.mark.parametrize("service", SERVICES)
def test_every_route_is_visible_to_the_guard_check(app):
    """A mounted sub-application or a bare Starlette route would not be seen by the test above."""
    known = {"/openapi.json"}
    for context in iter_route_contexts(app.routes):
        assert isinstance(context.route, APIRoute) or context.path in known, context.path


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_uses_the_shared_runtime(service, app):
    assert isinstance(service_of(app, RuntimeService).runtime, Runtime)
    assert issubclass(SPECS[service].settings_class(), CommonSettings)
