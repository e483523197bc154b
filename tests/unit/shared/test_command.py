"""What makes a service's tables waits for a database that is slow to come up, as the service itself does."""

from pathlib import Path

import pytest

from shared.core import patience
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.postgres.database import Database
from shared.postgres.settings import DatabaseSettings
from shared.service import command


class SlowDatabase:
    """Answers the third time that it is asked to have its tables made."""

    def __init__(self) -> None:
        self.asked = 0

    async def prepare(self, db: Database, settings: DatabaseSettings, migrations: Path) -> None:
        self.asked += 1
        if self.asked < 3:
            raise Unavailable(Common.DATABASE_AWAY)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowDatabase:
    database = SlowDatabase()
    monkeypatch.setenv("DATABASE_URL", "postgresql://plateward_audit:x@127.0.0.1/plateward")
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(command, "prepare", database.prepare)
    return database


def test_making_the_tables_waits_for_the_database(slow: SlowDatabase) -> None:
    assert command.migrate("audit", Path("unused")) == 0
    assert slow.asked == 3


def test_making_the_tables_gives_up_and_says_why(
    slow: SlowDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("START_PATIENCE_S", "0")
    assert command.migrate("audit", Path("unused")) == 1
    assert slow.asked == 1
    assert "audit: the database does not answer" in capsys.readouterr().err
