"""A service builds the resources that it uses, and no other: a worker has no Postgres and no users."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.openapi import app_of
from services.registry import names
from shared.accounts.known_accounts import People
from shared.core.policy import load_policy
from shared.limits.refusal_log import RefusalLog
from shared.postgres.database import Database
from shared.postgres.outbox import Relay
from shared.service.api_runtime import ApiRuntime
from shared.service.spec import Kind
from shared.testing import FakeBus, FakeObjects, TestRoot, mac_key_text
from shared.testing.sample import SampleSettings
from tests.architecture.source import ROOT, imports

OF_APIS = (Database, Relay, RefusalLog, People)
"""What only a service with tables and users builds."""

WITHOUT_POSTGRES = ("resources.py", "runtime.py")
"""Modules of shared/service/ that every runtime is made of."""

POSTGRES_AND_USERS = ("shared.postgres", "shared.accounts", "shared.limits", "sqlalchemy")


def climbs(path: Path) -> Iterator[str]:
    """Yield what a module imports of Postgres, accounts and refusals."""
    yield from (name for name in imports(path) if name.startswith(POSTGRES_AND_USERS))


@pytest.fixture
def built(monkeypatch):
    """The names of the classes of OF_APIS whose objects were built since the start of the test."""
    found: set[str] = set()

    def watch(kind: type) -> None:
        build = kind.__init__

        def recorded(self, *args, **kwargs):
            found.add(kind.__name__)
            build(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", recorded)

    for kind in OF_APIS:
        watch(kind)
    return found


@pytest.mark.parametrize("service", names(Kind.WORKER))
def test_a_worker_creates_no_database_and_no_accounts(service, built, tmp_path):
    app_of(service, tmp_path)
    assert not built


@pytest.mark.parametrize("service", names(Kind.API))
def test_an_api_creates_the_database_and_accounts(service, built, tmp_path):
    app_of(service, tmp_path)
    assert built == {kind.__name__ for kind in OF_APIS}


def test_a_worker_with_the_runtime_of_an_api_is_detected(built, monkeypatch, tmp_path):
    """As recognition was before: a runtime without Postgres that inherits from the one with it."""

    class Inherits(ApiRuntime):
        def __init__(self, service, settings):
            settings = SampleSettings(
                root_public_keys=TestRoot().public, event_mac_key=mac_key_text(service)
            )
            policy = load_policy(ROOT / "policy.toml")
            super().__init__(service, settings, bus=FakeBus(), objects=FakeObjects(), policy=policy)
            self.resources = []

    monkeypatch.setattr("services.recognition.main.Runtime", Inherits)
    app_of("recognition", tmp_path)
    assert {"Database", "Relay", "RefusalLog"} <= built


@pytest.mark.parametrize("module", WITHOUT_POSTGRES)
def test_the_common_runtime_imports_neither_postgres_nor_accounts(module):
    assert not list(climbs(ROOT / "shared" / "service" / module))


def test_an_import_of_postgres_is_found(tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text("from shared.postgres.database import Database\n")
    assert list(climbs(planted))
