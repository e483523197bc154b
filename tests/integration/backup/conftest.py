"""An installation to back up, in the test's own database."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.postgres import Postgres
from tests.integration.backup.installing import Place
from tests.servers import memory


@pytest.fixture
def place(database_url: str, postgres: Postgres) -> Iterator[Place]:
    """An installation with the tables of all services, empty; its files are in memory, which has no slow fsync."""
    with tempfile.TemporaryDirectory(prefix="backup-", dir=memory()) as name:
        yield Place(database_url, postgres, Path(name))
