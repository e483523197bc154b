"""A service declares itself: one folder, one line of the registry, one typed object for its app."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from fastapi import FastAPI

from deploy.openapi import app_of
from services.registry import NAMES, SPECS, names
from shared.kafka.topics import GUARDED
from shared.objects.rights import RIGHTS
from shared.service.running import Service, service_of
from shared.service.spec import Kind, ServiceSpec
from tests.architecture.source import ROOT, SERVICES, modules, tree

SOURCES = ("plateward", "services", "shared", "local", "deploy")
MANY = 3
"""A literal with so many names of services is a list of services."""

MAY_NAME_SERVICES = {
    "local/commands/administer.py": "those that sign, whose keys a command changes",
    "plateward/rotation.py": "the same",
    "services/registry.py": "the one list",
    "shared/kafka/topics.py": "who publishes and who consumes what; an image has it without the registry",
    "shared/objects/rights.py": "who may do what in the object store; as above",
    "tests/bench/video.py": "those that a frame passes through, which is all that the bench runs",
    "tests/deploy/test_kubernetes.py": "those that the manifests scale, which no declaration says",
}
NO_SERVICES = {
    ("shared/events/past.py", "recognition"): "a value of a field of an event",
    ("shared/events/reads.py", "recognition"): "the same value",
    ("shared/events/signed_captures.py", "recognition"): "the same value",
    ("shared/service/spec.py", "identity"): "the name of a dependency in /readyz",
}
"""Texts in shared/ that are also the name of a service, by module, with their meaning."""

ACCESSOR = ROOT / "shared" / "service" / "running.py"


def folders(services: Path) -> set[str]:
    """The services that there are, by their folders."""
    return {path.parent.name for path in services.glob("*/__init__.py")}


def words_of(node: ast.AST) -> list[object]:
    """The constants that a literal or a class is made of, the keywords of a call, or the words of a string."""
    match node:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            return constants(*elements)
        case ast.Dict(keys=keys, values=values):
            return [*constants(*filter(None, keys)), *constants(*values)]
        case ast.BinOp(left=left, right=right):
            return [*words_of(left), *words_of(right)]
        case ast.Call(keywords=words):
            return [word.arg for word in words]
        case ast.ClassDef(body=body):
            bound = [one for one in body if isinstance(one, ast.Assign | ast.AnnAssign)]
            targets = [
                target
                for one in bound
                for target in (one.targets if isinstance(one, ast.Assign) else [one.target])
            ]
            names = [ast.unparse(target).lower() for target in targets]
            return [*names, *constants(*(one.value for one in bound if one.value is not None))]
        case ast.Constant(value=str(text)) if re.fullmatch(r"[\w ,/|.-]*", text):
            return re.findall(r"\w+", text)
    return []


def constants(*nodes: ast.expr) -> list[object]:
    """The constants among some nodes, and those of pairs and other tuples among them."""
    found: list[object] = []
    for node in nodes:
        match node:
            case ast.Constant(value=value):
                found.append(value)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                found += constants(*elements)
    return found


def lists_of_services(path: Path) -> Iterator[int]:
    """Yield the lines at which a module lists services by hand."""
    for node in ast.walk(tree(path)):
        if len({word for word in words_of(node) if word in SPECS}) >= MANY:
            yield node.lineno


def names_of_services(path: Path) -> set[str]:
    """The names of services that a module has as texts of their own, in no longer text."""
    texts = (
        re.findall(r"\w+", node.value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    return {word for words in texts if set(words) <= set(SPECS) for word in words}


def states_of_apps(path: Path) -> Iterator[str]:
    """Yield what a module does with the state of an app: any `<app>.state`, or an attribute of it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Attribute) and (_is_state(node) or _is_state_of_some(node)):
            yield f"{ast.unparse(node)} at line {node.lineno}"


def _is_state(node: ast.Attribute) -> bool:
    """Return whether a node is the state of a variable called app: `x.app.state`, `apps[0].state`."""
    owner = node.value
    if isinstance(owner, ast.Subscript) and ast.unparse(owner.value).endswith("apps"):
        owner = owner.value
    return node.attr == "state" and bool(re.search(r"\bapps?\b(['\"]\])?$", ast.unparse(owner)))


def _is_state_of_some(node: ast.Attribute) -> bool:
    """Return whether a node is an attribute of a state; a request's state and an enumeration's value are allowed."""
    state = node.value
    return (
        isinstance(state, ast.Attribute)
        and state.attr == "state"
        and node.attr != "value"
        and not ast.unparse(state.value).endswith("request")
    )


def asserts(path: Path) -> list[int]:
    """The lines of a module's asserts: what cannot be is given a type, or raises."""
    return [node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Assert)]


@pytest.fixture
def planted(tmp_path):
    def plant(text: str) -> Path:
        path = tmp_path / "planted.py"
        path.write_text(text)
        return path

    return plant


def test_every_folder_is_registered_and_every_name_has_a_folder():
    assert folders(ROOT / "services") == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


def test_a_folder_that_is_not_registered_is_found(tmp_path):
    for name in (*NAMES, "another"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    assert folders(tmp_path) != set(NAMES)


@pytest.mark.parametrize("service", NAMES)
def test_a_declaration_imports_only_the_spec_module_and_its_problem_codes(service):
    """The locks, the local stack and the tests read the registry: that must import no service, only its problems."""
    found = {
        alias
        for node in ast.walk(tree(ROOT / "services" / service / "spec.py"))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in [getattr(node, "module", None) or node.names[0].name]
    }
    problems = f"services.{service}.domain.problem_codes"
    assert found - {problems} == {"shared.service.spec"}
    if problems in found:
        own = ROOT / "services" / service / "domain" / "problem_codes.py"
        modules_of_own = {
            node.module for node in ast.walk(tree(own)) if isinstance(node, ast.ImportFrom)
        }
        assert modules_of_own == {"enum", "shared.core.errors"}
        assert not any(isinstance(node, ast.Import) for node in ast.walk(tree(own)))


@pytest.mark.parametrize("service", NAMES)
def test_a_service_starts_from_its_declaration(service):
    main = tree(ROOT / "services" / service / "__main__.py")
    called = [ast.unparse(n) for n in ast.walk(main) if isinstance(n, ast.Call)]
    assert any(re.match(r"(command\.)?run\(SPEC\b", call) for call in called)
    assert SPECS[service].migrations.is_dir() == SPECS[service].has_tables


def changeable(module: ModuleType) -> list[str]:
    """The objects of a service that a module defines whose fields can change; "none" if it does not define just one."""
    own = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, Service)
        and kind.__module__ == module.__name__
    ]
    if len(own) != 1:
        return ["none"]
    return [kind.__name__ for kind in own if not is_frozen(kind)]


def is_frozen(kind: type) -> bool:
    """Whether a class is a frozen dataclass itself, whatever it inherits from."""
    parameters = vars(kind).get("__dataclass_params__")
    return parameters is not None and parameters.frozen


@pytest.mark.parametrize("service", NAMES)
def test_the_object_of_a_service_is_frozen(service):
    assert not changeable(import_module(f"services.{service}.service"))


@pytest.mark.parametrize(
    "text",
    [
        "class Mine(Service): ...",
        "@dataclass(frozen=True)\nclass Base(Service): ...\nclass Mine(Base): ...",
        "@dataclass(frozen=True)\nclass Mine(Service): ...\n@dataclass(frozen=True)\nclass Other(Service): ...",
        "class Mine: ...",
    ],
)
def test_an_object_of_a_service_that_can_change_is_found(text):
    module = ModuleType("planted")
    given = {"__name__": "planted", "dataclass": dataclasses.dataclass, "Service": Service}
    vars(module).update(given)
    exec(text, vars(module))
    assert changeable(module)


@pytest.mark.parametrize("service", SERVICES)
def test_an_app_state_contains_only_its_service(service, tmp_path):
    app = app_of(service, tmp_path)
    assert set(app.state._state) == {"service"}
    assert type(service_of(app, Service)).__module__ == f"services.{service}.service"


def test_an_app_of_another_service_is_refused(tmp_path):
    audit = type(service_of(app_of("audit", tmp_path / "audit"), Service))
    with pytest.raises(TypeError, match="ReleaseService, not AuditService"):
        service_of(app_of("release", tmp_path / "release"), audit)


def test_no_list_of_services_is_hard_coded():
    found = {
        path.relative_to(ROOT).as_posix(): list(lists_of_services(path))
        for folder in (*SOURCES, "tests")
        for path in modules(folder)
    }
    assert {name for name, lines in found.items() if lines} == set(MAY_NAME_SERVICES)


def test_lists_of_services_name_only_existing_services():
    assert set(names(Kind.API)) == GUARDED
    assert set(RIGHTS) <= set(SPECS)


def test_shared_code_names_no_service_outside_the_registries():
    """A fact about one service is a field of its declaration, which its runtime receives."""
    found = {
        (name, service)
        for path in modules("shared")
        if (name := path.relative_to(ROOT).as_posix()) not in MAY_NAME_SERVICES
        for service in names_of_services(path)
    }
    assert found == set(NO_SERVICES)


@pytest.mark.parametrize(
    ("text", "services"),
    [
        ('if self.service == "ingest":\n    pass', {"ingest"}),
        ('READY_WITHOUT = frozenset({"audit"})', {"audit"}),
        ('match service:\n    case "hotlist":\n        pass', {"hotlist"}),
        ('SOME = "release retention".split()', {"release", "retention"}),
        ('ALL = f"{GUARDED} recognition"', {"recognition"}),
        ('path = f"{site}/console/"', {"console"}),
    ],
)
def test_a_service_that_shared_code_names_is_found(text, services, planted):
    assert names_of_services(planted(text)) == services


@pytest.mark.parametrize(
    "text",
    [
        '"""Ingest stays ready: audit may be behind."""',
        'TOPIC = "alpr.release.approved"',
        'retention = policy.retention["days"]',
        'scope = {"app": "audited"}',
        'empty = ""',
    ],
)
def test_a_word_inside_a_longer_text_is_not_a_service_name(text, planted):
    assert not names_of_services(planted(text))


@pytest.mark.parametrize(
    "text",
    [
        'SERVICES = ("identity", "ingest", "audit")',
        'def f():\n    return ["hotlist", "release", "console", "other"]',
        'SOME = frozenset({"hotlist", "retention", "recognition"})',
        'PORTS = {"ingest": 1, "hotlist": 2, "retention": 3}',
        'GUARDED = "ingest hotlist retention"',
        'DEFAULT = "ingest,hotlist,retention"',
        'WAITS = [("ingest", False), ("hotlist", True), ("audit", True)]',
        'WAITS = (("hotlist", ["ingest"]), ("audit", []))',
        'KINDS = {1: "ingest", 2: "hotlist", 3: "audit"}',
        "PORTS = dict(ingest=1, hotlist=2, audit=3)",
        "start(ingest=1, hotlist=2, audit=3)",
        'class Services(StrEnum):\n    INGEST = "ingest"\n    HOTLIST = "hotlist"\n    AUDIT = "audit"',
        "class Ports:\n    ingest: int\n    hotlist: int\n    audit: int",
        "class Ports:\n    ingest = hotlist = audit = 0",
        'SOME = ("ingest", "hotlist") + ("audit",)',
    ],
)
def test_a_hard_coded_list_of_services_is_reported(text, planted):
    assert list(lists_of_services(planted(text)))


def test_prose_that_names_services_is_not_reported_as_a_list(planted):
    assert not list(
        lists_of_services(planted('"""Hears: identity, hotlist and audit; no more."""'))
    )


def test_only_the_accessor_module_uses_the_state_of_an_app():
    found = {
        path.relative_to(ROOT).as_posix(): list(states_of_apps(path))
        for folder in (*SOURCES, "tests")
        for path in modules(folder)
        if path not in {ACCESSOR, Path(__file__)}
    }
    assert not {name: uses for name, uses in found.items() if uses}
    assert {use.split(" at ")[0] for use in states_of_apps(ACCESSOR)} == {
        "app.state",
        "app.state.service",
    }


@pytest.mark.parametrize(
    "text",
    [
        "app.state.parts = 1",
        "wake = request.app.state.wake",
        "state = request.app.state",
        'setattr(app.state, "writer", 1)',
        'getattr(self.app.state, "writer")',
        'x = scope["app"].state.x',
        'apps["retention"].state.packager.work()',
        "apps[0].state",
        "retention.state.purger.work()",
    ],
)
def test_a_use_of_an_apps_state_is_reported(text, planted):
    assert list(states_of_apps(planted(text)))


@pytest.mark.parametrize("text", ["request.state.request_id", "run.state.value", "self.state"])
def test_the_state_of_another_object_is_not_reported(text, planted):
    assert not list(states_of_apps(planted(text)))


def test_source_folders_contain_no_assert_statements():
    found = {
        path.relative_to(ROOT).as_posix(): asserts(path)
        for folder in SOURCES
        for path in modules(folder)
    }
    assert not {name: lines for name, lines in found.items() if lines}


def test_an_assert_is_found(planted):
    assert asserts(planted("def f(x):\n    assert x is not None  # noqa: S101 - it is there\n"))


def test_a_service_with_a_wrong_app_or_settings_is_refused(monkeypatch):
    """What a declaration promises is checked when it is asked for, not believed."""
    main = import_module("services.release.main")
    monkeypatch.setattr(main, "build_app", lambda settings: object())
    with pytest.raises(TypeError, match="returns a FastAPI app"):
        SPECS["release"].build_app(None)
    monkeypatch.setattr(import_module("services.release.settings"), "Settings", FastAPI)
    with pytest.raises(TypeError, match="a class of CommonSettings"):
        SPECS["release"].settings_class()
    with pytest.raises(ModuleNotFoundError):
        ServiceSpec(name="absent", description="").settings_class()
