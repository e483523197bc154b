"""An installation to back up, in the test's own database."""

from pathlib import Path

import pytest

from local.stack.postgres import Postgres
from tests.integration.backup.installing import Place


@pytest.fixture
def place(database_url: str, postgres: Postgres, tmp_path: Path) -> Place:
    """An installation with the tables of all services, empty."""
    return Place(database_url, postgres, tmp_path)
