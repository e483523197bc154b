"""Every `main.py` only wires, in one form: `build_app` makes the service, and its app runs the service's lifespan."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import CLIENTS, ROOT, SERVICES, tree

ARGUMENTS = {"settings": None, "runtime": "None"}
OF_CLIENTS = {"settings": None, "service": "None"}
"""A client has no runtime; its tests hand it the service."""


def faults(path: Path, arguments: dict[str, str | None]) -> Iterator[str]:
    """Yield the ways in which a `main.py` departs from the form."""
    definitions = [
        node
        for node in tree(path).body
        if not isinstance(node, ast.Expr | ast.Import | ast.ImportFrom)
    ]
    if [getattr(node, "name", "") for node in definitions] != ["build_app"]:
        yield "it has more than build_app"
        return
    [build] = definitions
    if not isinstance(build, ast.FunctionDef):
        yield "build_app is not a function"
        return
    given, defaults = build.args.args, build.args.defaults
    values = [None] * (len(given) - len(defaults)) + [ast.unparse(value) for value in defaults]
    if {argument.arg: value for argument, value in zip(given, values, strict=True)} != arguments:
        yield f"build_app has other arguments than {list(arguments)}"
    if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in build.body):
        yield "build_app defines functions"
    names = {ast.unparse(node.targets[0]) for node in build.body if isinstance(node, ast.Assign)}
    if not names <= {"runtime", "service", "app"} or "service" not in names:
        yield f"build_app assigns {sorted(names)}"
    lifespans = [ast.unparse(node.value) for node in ast.walk(build) if _is_lifespan(node)]
    if not lifespans or not all(one.startswith("lambda _: service.running(") for one in lifespans):
        yield f"its lifespan is {lifespans}"


def _is_lifespan(node: ast.AST) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "lifespan"


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_every_main_has_the_one_form(service):
    path = ROOT / "services" / service / "main.py"
    assert not list(faults(path, OF_CLIENTS if service in CLIENTS else ARGUMENTS))


FORM = """
def build_app(settings, runtime=None):
    runtime = runtime or ApiRuntime(SPEC, settings)
    service = AuditService.of(runtime, settings)
    app = create_app(SPEC, service, lifespan=lambda _: service.running(subscriptions(service)))
    add_routes(app, router)
    return app
"""


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("", "\ndef pool(settings): ..."),
        ("\n    service =", "\n    audit ="),
        (", runtime=None)", ", *, runtime=None)"),
        ("settings, runtime", "settings, service"),
        ("lambda _: service.running(subscriptions(service))", "lifespan"),
        ("    return app", "    async def lifespan(_): ...\n    return app"),
        ("    return app", "    pool = WorkerPool()\n    return app"),
    ],
)
def test_a_main_of_another_form_is_reported(text, other, tmp_path):
    planted = tmp_path / "main.py"
    planted.write_text(FORM.replace(text, other) if text else FORM + other)
    assert list(faults(planted, ARGUMENTS))


def test_a_main_of_the_standard_form_is_not_reported(tmp_path):
    planted = tmp_path / "main.py"
    planted.write_text(FORM)
    assert not list(faults(planted, ARGUMENTS))
