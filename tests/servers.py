"""Fixtures that start the real servers once a session: Postgres and a Kafka-protocol broker from wheels."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from local.stack.broker import Broker
from local.stack.postgres import Postgres
from local.stack.services import APIS
from shared.kafka.topics_admin import ensure_topics

_EMPTY = """
DO $$
DECLARE made text;
BEGIN
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND usename LIKE 'plateward%'; -- autovacuum is the superuser's, and not ours to end
    FOR made IN SELECT nspname FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')
    LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', made);
    END LOOP;
END $$
"""


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL for the whole session; a copy of a stopped one's folder if TESTS_POSTGRES names that."""
    with _folder(tmp_path_factory) as folder, Postgres(folder, fast_for_tests=True) as server:
        yield server


@contextmanager
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = os.environ.get("TESTS_POSTGRES")
    if not made:
        yield tmp_path_factory.mktemp("postgres")
        return
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=Path(made).parent) as name:
        subprocess.run(["cp", "-a", f"{made}/.", name], check=True)  # owners and all
        yield Path(name)


@pytest.fixture(scope="session")
def session_database(postgres: Postgres) -> str:
    """The session's database."""
    return postgres.create_database("tests")


@pytest.fixture
def database_url(postgres: Postgres, session_database: str) -> str:
    """An empty database for one test, for its owner: emptied rather than made, ten times quicker."""
    postgres._sql(_EMPTY, "tests")
    return session_database


@pytest.fixture
def services_url(postgres: Postgres, database_url: str, request: pytest.FixtureRequest) -> str:
    """The same database for the role of the service that a folder of tests is about."""
    folder = request.path.parent.name
    service = folder if folder in APIS else "identity" if folder == "console" else "audit"
    return postgres.service_url(service, make_url(database_url).database or "")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker that speaks Kafka's protocol, of a module's own: no event of another comes in.

    Its topics are made as an operator makes them; services make none.
    """
    with Broker(tmp_path_factory.mktemp("broker")) as server:
        asyncio.run(ensure_topics(server.bootstrap))
        yield server


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[1]
