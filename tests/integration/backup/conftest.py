"""An installation to back up, in the test's own database, and the commands that an operator types."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack.postgres import Postgres
from plateward.__main__ import status
from tests.integration.backup.installing import KEYS, Place
from tests.servers import memory


@pytest.fixture
def place(database_url: str, postgres: Postgres) -> Iterator[Place]:
    """An installation with the tables of all services, empty; its files are in memory, which has no slow fsync."""
    with tempfile.TemporaryDirectory(prefix="backup-", dir=memory()) as name:
        yield Place(database_url, postgres, Path(name))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run a command with --json; return its exit status and answer."""

    def said(*words: str) -> tuple[int, dict[str, Any]]:
        code = status([*words, "--json"])
        out, err = capsys.readouterr()
        return code, json.loads(out or err)

    return said


@pytest.fixture
def as_live(place: Place, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment to the live installation."""
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "EVENT_MAC_KEY", "ROOT_PUBLIC_KEYS"):
        monkeypatch.delenv(name, raising=False)
    given = {
        **KEYS,
        "POLICY_FILE": str(repository / "policy.toml"),
        "DATABASE_OWNER_URL": place.live.database.dsn,
        "OBJECT_STORE_URL": (place.folder / "objects").as_uri(),
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
