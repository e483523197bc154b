"""Integration tests use a real Postgres; the broker is real where a test asks for it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.policy import Policy
from shared.http.app import create_app
from shared.postgres.database import Database
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.testing import (
    FakeBus,
    FakeClock,
    FakeObjects,
    TestAuthority,
    TestRoot,
    mac_key_text,
)
from shared.testing.authority import committed_policy
from shared.testing.sample import SAMPLE, SampleSettings
from tests.mail_server import certificate, mail_box, mailing
from tests.servers import (
    broker,
    database_url,
    has_tables,
    postgres,
    repository,
    services_url,
    templates,
    whole_database_url,
)

__all__ = [
    "broker",
    "certificate",
    "database_url",
    "mail_box",
    "mailing",
    "postgres",
    "repository",
    "services_url",
    "templates",
    "whole_database_url",
]


@pytest.fixture(scope="session", autouse=True)
def _certified_keys() -> Iterator[None]:
    """The environment of a service that trusts the tests' root; processes that a test starts inherit it."""
    captures = TestRoot().settings("ingest_signing", "captures")
    given = {name.upper(): value for name, value in (TestRoot().settings() | captures).items()}
    given["ROOT_PUBLIC_KEYS"] = TestRoot().public
    given["EVENT_MAC_KEY"] = mac_key_text("sample")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in given.items():
            patched.setenv(name, value)
        yield


@pytest.fixture
def clock() -> FakeClock:
    """A clock that shows noon, 1 June 2026, until the test moves it."""
    return FakeClock()


@pytest.fixture
def authority(clock: FakeClock) -> TestAuthority:
    """Signs tokens that the runtime under test accepts."""
    return TestAuthority(clock)


@pytest.fixture
def bus() -> FakeBus:
    """A fake of Kafka whose messages a test can read."""
    return FakeBus()


@pytest.fixture
def objects() -> FakeObjects:
    """A fake object store whose objects a test can read."""
    return FakeObjects()


@pytest.fixture
def policy() -> Policy:
    """The department's policy as committed."""
    return committed_policy()


@pytest.fixture
def settings(
    database_url: str,
    services_url: str,
    repository: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> SampleSettings:
    """Settings of the test's own database. If its tables are not made yet, the service makes them as their owner."""
    return SampleSettings(
        database_url=services_url,
        database_owner_url=None if has_tables(request.path) else database_url,
        database_pool_size=3,
        root_public_keys=TestRoot().public,
        policy_file=repository / "policy.toml",
        event_mac_key=mac_key_text("sample"),
        object_store_url=f"file://{tmp_path}/objects",
    )


@pytest.fixture
def as_owner(database_url: str) -> Callable[[str], AbstractAsyncContextManager[AsyncConnection]]:
    """A transaction on a service's tables by the role that owns them, which no service works as."""

    @asynccontextmanager
    async def connected(schema: str) -> AsyncIterator[AsyncConnection]:
        db = Database(database_url, schema, pool_size=1)
        try:
            async with db.begin() as connection:
                yield connection
        finally:
            await db.close()

    return connected


@pytest.fixture
def sampled(
    as_owner: Callable[[str], AbstractAsyncContextManager[AsyncConnection]],
) -> Callable[..., Awaitable[str]]:
    """The planner's samples of all columns of a schema as one text; `anew` takes samples first, as autovacuum does."""
    columns = ("most_common_vals", "most_common_elems", "histogram_bounds")
    samples = " || ' ' || ".join(f"coalesce({name}::text, '')" for name in columns)

    async def found(schema: str, *, anew: bool = False) -> str:
        async with as_owner(schema) as connection:
            if anew:
                await connection.execute(text("ANALYZE"))
            of_all = text(
                f"SELECT tablename, attname, {samples} FROM pg_stats WHERE schemaname = :schema"
            )
            return str((await connection.execute(of_all, {"schema": schema})).all())

    return found


@pytest.fixture
def sample_app(
    settings: SampleSettings,
    bus: FakeBus,
    objects: FakeObjects,
    clock: FakeClock,
    authority: TestAuthority,
    policy: Policy,
    repository: Path,
) -> Callable[..., FastAPI]:
    """Makes the app of a service that has a router and no tables of its own."""

    def make(router: APIRouter, *, by: SampleSettings = settings, **more: Any) -> FastAPI:
        runtime = ApiRuntime(
            SAMPLE,
            by,
            bus=bus,
            objects=objects,
            clock=clock,
            people=authority.people,
            policy=policy,
            migrations=repository / "shared/postgres/migrations/none",
            **more,
        )

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            await runtime.start()
            yield
            await runtime.stop()

        app = create_app(SAMPLE, ApiService(runtime), lifespan=lifespan)
        app.include_router(router)
        return app

    return make
