"""A logged error reveals no value, for any text that Postgres gives it."""

import io
import logging
import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.core.errors import InternalFault
from shared.core.logs import DiscreetFormatter, Seldom
from shared.postgres.database import Database

PLATE = "7ABC123"


@pytest.fixture
async def db(database_url, repository):
    database = Database(database_url, "logged")
    await database.migrate(repository / "shared" / "postgres" / "migrations" / "none")
    async with database.begin() as connection:
        await connection.execute(
            text("CREATE TABLE plates (plate text PRIMARY KEY, n int CHECK (n > 0))")
        )
        await connection.execute(text("INSERT INTO plates VALUES (:plate, 1)"), {"plate": PLATE})
    yield database
    await database.close()


def said_of(action):
    """Return the log line that our formatter writes of the error that `action` handles."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(DiscreetFormatter())
    log = logging.getLogger("of a test")
    log.addHandler(handler)
    action(log)
    log.removeHandler(handler)
    return written.getvalue()


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("INSERT INTO plates VALUES (:plate, 1)", "UniqueViolationError (sqlstate=23505"),
        ("UPDATE plates SET n = -1 WHERE plate = :plate", "CheckViolationError (sqlstate=23514"),
        ("SELECT CAST(CAST(:plate AS text) AS uuid)", "InvalidTextRepresentationError"),
        ("SELECT CAST(:plate AS int)", "DataError"),
    ],
    ids=["not unique", "against a check", "no uuid", "no number"],
)
async def test_a_database_error_is_logged_by_its_kind_and_without_values(db, statement, kind):
    async def fail():
        async with db.begin() as connection:
            await connection.execute(text(statement), {"plate": PLATE})

    with pytest.raises(DBAPIError) as caught:
        await fail()
    error = caught.value
    said = said_of(lambda log: log.error("failed", exc_info=error))
    usual = "".join(traceback.format_exception(error))
    assert PLATE in usual, "the text holds the value, so it must not be shown"
    assert PLATE not in said
    assert kind in said
    assert "test_logs.py" in said, "where it came from is shown"


def test_a_log_line_of_an_exception_contains_its_groups_causes_and_our_messages():
    def fail(log):
        try:
            try:
                raise ExceptionGroup(PLATE, [ValueError(PLATE), InternalFault("no such list")])
            except ExceptionGroup as exc:
                raise RuntimeError(PLATE) from exc
        except RuntimeError:
            log.exception("failed")

    said = said_of(fail)
    assert PLATE not in said
    assert said.index("no such list") < said.index("builtins.RuntimeError")
    assert "builtins.ValueError" in said


def test_repeated_messages_of_a_library_are_logged_at_intervals():
    seldom = Seldom("aiokafka", every_s=30)

    def heard(name, at_s, message="Unable connect to node with id %s"):
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, ("1",), None)
        record.created = 1_000_000 + at_s
        return seldom.filter(record)

    assert [heard("aiokafka", at_s) for at_s in (0, 1, 29, 31, 32)] == [1, 0, 0, 1, 0]
    assert heard("aiokafka", 33, "another thing")
    assert heard("aiokafka.consumer", 33)
    assert all(heard("shared.postgres.outbox", at_s) for at_s in (40, 40, 41))
