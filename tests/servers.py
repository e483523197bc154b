"""Fixtures that start the real servers once a session: Postgres and a Kafka-protocol broker from wheels."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from local.stack.broker import Broker
from local.stack.postgres import ROLE, Postgres, role_of
from local.stack.services import APIS
from services.registry import SPECS
from shared.kafka.topics_admin import ensure_topics
from shared.postgres.schema import migrate_as
from shared.postgres.settings import DatabaseLink

TESTS = "tests"
"""The database of the test that runs."""

TEMPLATES: Mapping[str, Sequence[str]] = {
    "empty": (),
    "tables_of_all": APIS,
    **{f"tables_of_{service}": (service,) for service in APIS},
}
"""By name, the services whose tables a database has that tests' own are copied from."""

TEMPLATE_OF = {
    "console": "tables_of_all",
    "backup": "tables_of_all",
    "insiders": "tables_of_all",
    **{service: f"tables_of_{service}" for service in APIS},
}
"""By folder, the source from which its tests' database is copied; the other folders' is empty."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real PostgreSQL for the whole session; a copy of a stopped one's folder if TESTS_POSTGRES names that."""
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=memory()) as name:
        folder = Path(name)
        folder.chmod(0o711)  # the server's account passes through
        if made := os.environ.get("TESTS_POSTGRES"):
            subprocess.run(["cp", "-a", f"{made}/.", folder], check=True)  # owners and all
        with Postgres(folder, fast_for_tests=True) as server:
            yield server


def memory() -> str | None:
    """Return a folder in memory with room for a server, if there is one: copies are made there six times as fast."""
    there = Path("/dev/shm")
    if not (there.is_dir() and os.access(there, os.W_OK)):
        return None
    return str(there) if shutil.disk_usage(there).free > 2**30 else None


@pytest.fixture(scope="session")
def templates(postgres: Postgres, request: pytest.FixtureRequest) -> None:
    """Makes the databases from which this session's databases are copied, unless they exist."""
    _make_templates(postgres, {_template_of(item.path) for item in request.session.items})


def _make_templates(postgres: Postgres, wanted: set[str]) -> None:
    """Make the databases to copy from that are missing."""
    for name in sorted(wanted - set(asyncio.run(_databases(postgres)))):
        make_database(postgres, name, TEMPLATES[name])


def make_database(postgres: Postgres, name: str, services: Sequence[str]) -> str:
    """Make a database with the tables of some services, by their migrations, without rows; return its owner's URL."""
    url = postgres.create_database(name)
    for service in services:
        migrations = SPECS[service].migrations
        asyncio.run(migrate_as(DatabaseLink.at(url), service, migrations, role=role_of(service)))
    return url


def has_tables(test: Path) -> bool:
    """Whether the database of a test begins with the tables that its folder is about."""
    return bool(TEMPLATES[_template_of(test)])


def _template_of(test: Path) -> str:
    return TEMPLATE_OF.get(test.parent.name, "empty")


async def _databases(postgres: Postgres) -> list[str]:
    async with _as_superuser(postgres) as connection:
        return [row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")]


@asynccontextmanager
async def _as_superuser(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.superuser_url("postgres"))
    try:
        yield connection
    finally:
        await connection.close()


async def _copy(postgres: Postgres, template: str) -> None:
    """Make the tests' database anew; who may connect is copied too, which Postgres itself does not do."""
    async with _as_superuser(postgres) as connection:
        await connection.execute(f'DROP DATABASE IF EXISTS "{TESTS}" WITH (FORCE)')
        await connection.execute(
            f'CREATE DATABASE "{TESTS}" TEMPLATE "{template}" STRATEGY file_copy OWNER {ROLE}'
        )
        await connection.execute(
            "UPDATE pg_database SET datacl = template.datacl FROM pg_database AS template"
            " WHERE pg_database.datname = $1 AND template.datname = $2",
            TESTS,
            template,
        )


@pytest.fixture
def database_url(postgres: Postgres, templates: None, request: pytest.FixtureRequest) -> str:
    """A database of one test's own, for its owner; with the tables of the service that its folder is about."""
    asyncio.run(_copy(postgres, _template_of(request.path)))
    return postgres.url(TESTS)


@pytest.fixture
def whole_database_url(database_url: str, postgres: Postgres) -> str:
    """The test's database with the tables of all services, whatever folder the test is in."""
    _make_templates(postgres, {"tables_of_all"})
    asyncio.run(_copy(postgres, "tables_of_all"))
    return database_url


@pytest.fixture
def services_url(postgres: Postgres, database_url: str, request: pytest.FixtureRequest) -> str:
    """The same database for the role of the service that a folder of tests is about."""
    folder = request.path.parent.name
    service = folder if folder in APIS else "identity" if folder == "console" else "audit"
    return postgres.service_url(service, make_url(database_url).database or "")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker that speaks Kafka's protocol, one per module, so that events of others never arrive.

    Its topics are made as an operator makes them; services make none.
    """
    with Broker(tmp_path_factory.mktemp("broker")) as server:
        asyncio.run(ensure_topics(server.bootstrap))
        yield server


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[1]
