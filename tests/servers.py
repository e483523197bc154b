"""Fixtures that start the real servers once a session: Postgres and a Kafka-protocol broker from wheels."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import Broker
from deploy.local.postgres import Postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL for the whole session."""
    with Postgres(tmp_path_factory.mktemp("postgres"), fast_for_tests=True) as server:
        yield server


@pytest.fixture
def database_url(postgres: Postgres) -> Iterator[str]:
    """An empty database of its own for one test."""
    name = f"test_{next(_numbers)}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker that speaks Kafka's protocol, for the whole session."""
    with Broker(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).parents[1]
