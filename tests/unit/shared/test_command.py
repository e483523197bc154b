"""The command line of a service: its tables wait for a slow database, and every command fails alike."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import DBAPIError

from services.registry import SPECS
from shared.core import patience
from shared.core.errors import InternalFault, Unavailable
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


def test_the_migrate_command_waits_for_the_database(slow: SlowDatabase) -> None:
    assert command.status_of(SPECS["audit"], {}, ["migrate"]) == 0
    assert slow.asked == 3


def test_the_migrate_command_ends_with_an_error_if_the_database_does_not_answer(
    slow: SlowDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("START_PATIENCE_S", "0")
    assert command.status_of(SPECS["audit"], {}, ["migrate"]) == 2
    assert slow.asked == 1
    assert "audit: the database does not answer" in capsys.readouterr().err


class BadPaper(ValueError):
    """A refusal of the test's command, with a text of its own."""


def commands_with(error: BaseException | None, status: int = 0) -> dict[str, click.Command]:
    """Return one command, `work`, that raises an error or ends with a status."""

    @command.command("work", *command.PERSON, faults=(BadPaper,))
    def work(**who: str) -> command.Answer:
        """Do it."""
        if error is not None:
            raise error
        name = command.person_of(who, "CA0520100").name
        return command.Answer(name, {"name": name}, status)

    return command.by_name(work)


WHO = ("--person-id", "p-1", "--name", "Ada Min", "--title", "Sergeant", "--reason", "a change")


@pytest.mark.parametrize("status", [0, 1])
def test_a_command_receives_its_arguments_and_its_status_is_the_exit_status(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.status_of(SPECS["audit"], commands_with(None, status), ["work", *WHO]) == status
    assert capsys.readouterr().out == "Ada Min\n"


@pytest.mark.parametrize("status", [0, 1])
def test_json_output_is_one_object_with_the_same_exit_status(
    status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["work", *WHO, "--json"]
    assert command.status_of(SPECS["audit"], commands_with(None, status), words) == status
    assert json.loads(capsys.readouterr().out) == {"name": "Ada Min"}


def test_json_errors_are_one_object_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    torn = commands_with(BadPaper("the paper is torn"))
    assert command.status_of(SPECS["audit"], torn, ["work", *WHO, "--json"]) == 2
    said = capsys.readouterr()
    assert (said.out, json.loads(said.err)) == ("", {"errors": ["the paper is torn"]})


def test_an_interrupted_command_ends_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    interrupted = commands_with(KeyboardInterrupt())
    assert command.status_of(SPECS["audit"], interrupted, ["work", *WHO]) == 130
    assert "audit: interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (BadPaper("the paper is torn"), "audit: the paper is torn"),
        (InternalFault("give the next key"), "audit: give the next key"),
        (FileNotFoundError(2, "No such file", "a.zip"), "audit: [Errno 2] No such file: 'a.zip'"),
    ],
)
def test_a_command_that_cannot_finish_says_why_and_ends_with_2(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.status_of(SPECS["audit"], commands_with(error), ["work", *WHO]) == 2
    assert capsys.readouterr().err == f"{said}\n"


def test_a_missing_setting_is_named_without_values(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValidationError) as missing:
        TypeAdapter(dict[str, int]).validate_python({"port": "secret"})
    assert command.status_of(SPECS["audit"], commands_with(missing.value), ["work", *WHO]) == 2
    err = capsys.readouterr().err
    assert err.startswith("audit: port: Input should be a valid integer")
    assert "secret" not in err


def test_an_error_of_the_database_is_named_without_statement_and_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    fault = DBAPIError("SELECT :plate", {"plate": "7ABC123"}, OSError(111, "7ABC123 refused"))
    assert command.status_of(SPECS["audit"], commands_with(fault), ["work", *WHO]) == 2
    assert capsys.readouterr().err == "audit: builtins.ConnectionRefusedError (errno=111)\n"


def test_an_unexpected_error_of_a_command_is_no_fault_that_it_found_and_is_not_hidden(
    capsys: pytest.CaptureFixture[str],
) -> None:
    torn = commands_with(ZeroDivisionError())
    assert command.status_of(SPECS["audit"], torn, ["work", *WHO]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.rstrip().endswith("ZeroDivisionError")


@pytest.mark.parametrize("found", [0, 1])
def test_a_reader_that_has_gone_does_not_change_what_a_command_found(found: int) -> None:
    program = (
        "import sys; from services.registry import SPECS; from shared.service import command as c;"
        f"work = c.command('work')(lambda: c.Answer('x' * 1_000_000, {{}}, {found}));"
        "sys.exit(c.status_of(SPECS['audit'], c.by_name(work), ['work']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == found


@pytest.mark.parametrize("words", [["work"], ["other"], ["work", *WHO, "--more"]])
def test_a_wrong_call_ends_with_2_and_the_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.status_of(SPECS["audit"], commands_with(None), words) == 2
    assert "Usage: python -m services.audit" in capsys.readouterr().err


def test_migrating_a_service_without_tables_is_refused() -> None:
    assert command.status_of(SPECS["recognition"], {}, ["migrate"]) == 2
