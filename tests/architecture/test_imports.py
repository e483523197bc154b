"""Who may import whom."""

import ast
from functools import partial
from pathlib import Path

import pytest

from tests.architecture.source import (
    CLIENTS,
    IMPORTERS,
    ROOT,
    SERVICES,
    imports,
    modules,
    tree,
    uses,
)

BY_TEXT = {
    "deploy/kafka/java.py": "finds a program in a package",
    "plateward/catalogue.py": "imports a command once it is used; an image lacks most",
    "plateward/image.py": "imports the declaration of the one service that an image holds",
    "services/recognition/engine/weights.py": "finds the weights in a package",
    "services/registry.py": "reads the declarations of the services that are registered",
    "shared/service/spec.py": "imports the service of a declaration once it starts",
    "training/faces.py": "finds fonts in a package",
}
"""Modules that import by a text, and why; what others import is in their source."""

WAYS_TO_DATA = (
    "shared.access",
    "shared.kafka.bus",
    "shared.kafka.consumer",
    "shared.postgres.database",
    "shared.objects.local",
    "shared.objects.obstore_objects",
    "shared.objects.opening",
    "shared.objects.store",
    "shared.postgres.outbox",
    "shared.service.runtime",
    "shared.service.api_runtime",
    "shared.accounts.tokens",
    "shared.kafka.topics",
    "shared.postgres.unit_of_work",
    "sqlalchemy",
    "asyncpg",
    "aiokafka",
)
"""What the services read data by, and a client does not."""


def crossing(service: str, path: Path) -> list[str]:
    """What a module of a service imports of other services."""
    others = tuple(f"services.{other}" for other in (*SERVICES, *CLIENTS) if other != service)
    return [name for name in imports(path) if f"{name}.".startswith(tuple(f"{o}." for o in others))]


def data_imports(path: Path) -> list[str]:
    """What a module imports to read data by."""
    return [name for name in imports(path) if name.startswith(WAYS_TO_DATA)]


def fakes(path: Path) -> list[str]:
    """What a module imports of the fakes for tests."""
    return [name for name in imports(path) if name.startswith("shared.testing")]


def is_of_jose(path: Path) -> bool:
    """Whether a module imports the library that signs tokens."""
    return any(name.split(".")[0] == "jose" for name in imports(path))


def by_text(path: Path) -> list[str]:
    """What a module has to import by a text: the importers that it names, called or not."""
    return [
        name for name in (*imports(path), *(name for name, _ in uses(path))) if name in IMPORTERS
    ]


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_no_service_imports_another(service):
    for path in modules(f"services/{service}"):
        assert not crossing(service, path), path.relative_to(ROOT)


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_service_reads_data_only_through_other_services(client):
    for path in modules(f"services/{client}"):
        assert not data_imports(path), path.relative_to(ROOT)


def test_services_do_not_use_the_test_fakes():
    for path in modules("services"):
        assert not fakes(path), path.relative_to(ROOT)


def test_only_tokens_imports_jose():
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in ("plateward", "shared", "services", "local", "deploy")
        for path in modules(folder)
        if is_of_jose(path)
    }
    assert users == {"shared/accounts/tokens.py", "shared/testing/authority.py"}


def imported_tests(path: Path) -> list[str]:
    """The modules of tests that a module imports, whole or in part; helpers have modules of their own."""
    names = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    files = {name: ROOT / f"{name.replace('.', '/')}.py" for name in names}
    return [name for name, file in files.items() if file.name.startswith("test_") and file.exists()]


def test_no_test_imports_another():
    for path in modules("tests"):
        assert not imported_tests(path), path.relative_to(ROOT)


def test_an_import_of_a_test_is_found(tmp_path):
    planted = tmp_path / "planted.py"
    folder = "tests.integration.audit"
    planted.write_text(
        f"from {folder}.test_log import message_of\n"
        f"from {folder} import erasing, test_sealed\n"
        f"import {folder}.test_outsider\n"
    )
    found = [name.removeprefix(f"{folder}.") for name in imported_tests(planted)]
    assert found == ["test_log", "test_sealed", "test_outsider"]


def test_only_listed_modules_import_by_a_text():
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("plateward", "shared", "services", "scenes", "local", "deploy", "training")
        for path in modules(folder)
        if by_text(path)
    }
    assert found == BY_TEXT.keys()


@pytest.mark.parametrize(
    ("judge", "text"),
    [
        (partial(crossing, "audit"), "from services.release.domain import rules"),
        (partial(crossing, "audit"), "import services.console"),
        (partial(crossing, "audit"), "from services import ingest"),
        (partial(crossing, "audit"), "import services\nservices.release.domain.rules"),
        (
            partial(crossing, "audit"),
            "import importlib as il\nil.import_module('services.release')",
        ),
        (partial(crossing, "audit"), "command = ('python', '-m', 'services.release')"),
        (data_imports, "from shared.access.guard import access"),
        (data_imports, "from shared.postgres import database"),
        (data_imports, "import sqlalchemy as sa"),
        (data_imports, "import asyncpg"),
        (data_imports, "import shared\nshared.objects.store.ObjectStore"),
        (fakes, "from shared.testing import FakeBus"),
        (fakes, "from shared import testing"),
        (fakes, "import shared\nshared.testing.FakeBus()"),
        (is_of_jose, "from jose import jwt"),
        (is_of_jose, "import jose.jws as signing"),
        (is_of_jose, "__import__('jose')"),
        (by_text, "from importlib import import_module as im\nim(name)"),
        (by_text, "import importlib as il\nload = il.import_module"),
        (by_text, "__import__(name)"),
        (by_text, "from runpy import run_module"),
        (by_text, "import pkgutil\npkgutil.resolve_name(name)"),
    ],
)
def test_a_forbidden_import_is_reported(judge, text, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{text}\n")
    assert judge(planted)


@pytest.mark.parametrize(
    ("judge", "text"),
    [
        (partial(crossing, "audit"), "from services.audit.domain import rules"),
        (partial(crossing, "audit"), "from services.auditing import rules"),
        (data_imports, "from shared.http.app import create_app"),
        (fakes, "from shared.core import tested"),
        (is_of_jose, "import josephus"),
        (by_text, "from importlib.resources import files"),
    ],
)
def test_an_allowed_import_is_not_reported(judge, text, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{text}\n")
    assert not judge(planted)


def relative(path: Path) -> list[int]:
    """The lines of a module's relative imports, which the other tests do not follow."""
    return [n.lineno for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and n.level]


def test_every_import_is_absolute():
    for folder in ("plateward", "services", "shared", "local", "deploy", "scenes", "training"):
        for path in modules(folder):
            assert not relative(path), path.relative_to(ROOT)


def test_a_relative_import_is_found(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("from . import store\n")
    assert relative(planted) == [1]
