"""`plateward verify-audit` verifies the data of a stack that is up, down, or was never there."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from local.stack.data import database
from local.stack.keys import stored_keys
from local.stack.postgres import Postgres, role_of
from plateward.__main__ import status
from shared.postgres.database import Database


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="plateward-") as name:
        yield Path(name)


async def made(server, repository):
    """Make the log, empty."""
    audit = Database(server.url(), "audit")
    await audit.migrate(repository / "services/audit/migrations", role=role_of("audit"))
    await audit.close()


def test_the_log_is_recomputed_whether_the_stack_is_up_or_down(
    folder, repository, monkeypatch, capsys
):
    for name, key in stored_keys(folder / "keys", {}, first_start=True).items():
        monkeypatch.setenv(name, key)
    monkeypatch.setenv("POLICY_FILE", str(repository / "policy.toml"))
    with Postgres(folder / "postgres") as server:
        asyncio.run(made(server, repository))
        with database(folder, {}) as up:
            assert up["DATABASE_URL"] == server.service_url("audit")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with database(folder, {}) as down:
        monkeypatch.setenv("DATABASE_URL", down["DATABASE_URL"])
        assert status(["verify-audit", "--folder", str(folder)]) == 1
    assert "there are no entries" in capsys.readouterr().out


def test_verify_audit_reports_a_folder_without_a_stack(folder, monkeypatch, capsys):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert status(["verify-audit", "--folder", str(folder)]) == 2
    assert f"no stack has run on {folder}" in capsys.readouterr().err
