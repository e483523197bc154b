"""Who may import whom."""

import ast
from pathlib import Path

import pytest

from tests.architecture.source import CLIENTS, ROOT, SERVICES, imports, modules, tree


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_no_service_imports_another(service):
    others = tuple(f"services.{other}" for other in (*SERVICES, *CLIENTS) if other != service)
    for path in modules(f"services/{service}"):
        crossing = [name for name in imports(path) if name.startswith(others)]
        assert not crossing, f"{path.relative_to(ROOT)} imports {crossing}"


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_has_no_way_to_data_but_the_services(client):
    ways = (
        "shared.access",
        "shared.kafka.bus",
        "shared.kafka.consumer",
        "shared.postgres.database",
        "shared.objects.store",
    )
    ways += (
        "shared.postgres.outbox",
        "shared.service.runtime",
        "shared.service.api_runtime",
        "shared.accounts.tokens",
        "shared.kafka.topics",
        "shared.postgres.unit_of_work",
    )
    for path in modules(f"services/{client}"):
        found = [name for name in imports(path) if name.startswith((*ways, "sqlalchemy"))]
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_services_do_not_use_the_test_fakes():
    for path in modules("services"):
        assert not [name for name in imports(path) if name.startswith("shared.testing")], path


def test_only_tokens_imports_jose():
    users = {
        path.relative_to(ROOT).as_posix()
        for folder in ("shared", "services", "local", "deploy")
        for path in modules(folder)
        if any(name.split(".")[0] == "jose" for name in imports(path))
    }
    assert users == {"shared/accounts/tokens.py", "shared/testing/authority.py"}


def imported_tests(path: Path) -> list[str]:
    """What a module imports from a module of tests, which is to have its helpers beside it."""
    names = [n.module for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and n.module]
    return [name for name in names if name.rpartition(".")[2].startswith("test_")]


def test_no_test_imports_another():
    for path in modules("tests"):
        assert not imported_tests(path), path.relative_to(ROOT)


def test_an_import_of_a_test_is_found(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("from tests.integration.audit.test_log import message_of\n")
    assert imported_tests(planted)


def relative(path: Path) -> list[int]:
    """The lines of a module's relative imports, which the other tests do not follow."""
    return [n.lineno for n in ast.walk(tree(path)) if isinstance(n, ast.ImportFrom) and n.level]


def test_every_import_is_absolute():
    for folder in ("services", "shared", "local", "deploy", "scenes", "training"):
        for path in modules(folder):
            assert not relative(path), path.relative_to(ROOT)


def test_a_relative_import_is_found(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("from . import store\n")
    assert relative(planted) == [1]
