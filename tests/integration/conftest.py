"""Integration tests use a real Postgres; the broker is real where a test asks for it."""

from pathlib import Path

import pytest

from shared.policy import Policy, load_policy
from shared.settings import CommonSettings
from shared.testing import FakeBus, FakeClock, FakeObjects, TestAuthority
from tests.servers import broker, database_url, postgres, repository, session_database

__all__ = ["broker", "database_url", "postgres", "repository", "session_database"]


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still at noon, 1 June 2026, until told to move."""
    return FakeClock()


@pytest.fixture
def authority(clock: FakeClock) -> TestAuthority:
    """Signs tokens that the runtime under test accepts."""
    return TestAuthority(clock)


@pytest.fixture
def bus() -> FakeBus:
    """Kafka that can be looked into."""
    return FakeBus()


@pytest.fixture
def objects() -> FakeObjects:
    """An object store that can be looked into."""
    return FakeObjects()


@pytest.fixture
def policy(repository: Path) -> Policy:
    """The department's policy as committed."""
    return load_policy(repository / "policy.toml")


@pytest.fixture
def settings(database_url: str, repository: Path, tmp_path: Path) -> CommonSettings:
    """Settings of the test's own database."""
    return CommonSettings(
        database_url=database_url,
        database_pool_size=3,
        policy_file=repository / "policy.toml",
        object_store_url=f"file://{tmp_path}/objects",
    )
