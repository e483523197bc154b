"""No way around the guard: queries only in stores, grants made in one place, one permission a route."""

import ast

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from deploy.openapi import app_of
from services.registry import SPECS
from shared.http.app import OPEN
from shared.http.openapi import permissions
from shared.service.running import service_of
from shared.service.runtime import Runtime, RuntimeService
from shared.service.settings import CommonSettings
from tests.architecture.source import HUMAN_SERVICES, ROOT, SERVICES, called_names, modules, tree

QUERY_CALLS = {"execute", "executemany", "fetch", "fetchrow", "fetchval", "copy_records_to_table"}


def is_store(path):
    return path.stem.startswith("store") or "store" in path.parts or "migrations" in path.parts


@pytest.mark.parametrize("service", SERVICES)
def test_queries_stand_only_in_stores(service):
    for path in modules(f"services/{service}"):
        if is_store(path):
            continue
        found = [
            f"{name} at line {line}" for name, line in called_names(path) if name in QUERY_CALLS
        ]
        assert not found, f"{path.relative_to(ROOT)}: {found}"


def users_of(name, folders=("shared", "services", "scenes", "local", "deploy")):
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


def test_a_grant_is_built_in_one_place():
    builders = {
        path.relative_to(ROOT).as_posix()
        for folder in ("shared", "services", "scenes", "local", "deploy")
        for path in modules(folder)
        if any(name == "Grant" for name, _ in called_names(path))
    }
    assert builders == {"shared/access/grant.py"}


def test_the_seal_of_a_grant_is_used_nowhere_else():
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
def test_a_use_of_a_name_is_found(line):
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
    """The guards of a route: permissions, and the device credential of ingest."""
    devices = []

    def walk(dependant):
        if getattr(dependant.call, "device", False) is True:
            devices.append("device")
        for child in dependant.dependencies:
            walk(child)

    walk(route.dependant)
    return [*permissions(route.dependant), *devices]


@pytest.mark.clause("468.2/official-use")
@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_exactly_one_guard_or_is_named_as_open(service, app):
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
def test_no_route_hides_outside_the_walk(app):
    """A mounted sub-application or a bare Starlette route would not be seen by the test above."""
    known = {"/openapi.json"}
    for context in iter_route_contexts(app.routes):
        assert isinstance(context.route, APIRoute) or context.path in known, context.path


@pytest.mark.parametrize("service", SERVICES)
def test_the_runtime_is_the_shared_one(service, app):
    assert isinstance(service_of(app, RuntimeService).runtime, Runtime)
    assert issubclass(SPECS[service].settings_class(), CommonSettings)
