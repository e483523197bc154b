"""A Postgres that refuses a service's login: callers are to retry, readiness names it, and no start waits for it."""

import httpx
import pytest
from fastapi import APIRouter
from sqlalchemy import text

from local.stack.postgres import ROLE, Postgres
from shared.core import patience
from shared.http.app import Work
from shared.postgres.database import Database, LoginRefused
from shared.postgres.schema import SchemaFault

router = APIRouter()


@router.get("/v1/rows")
async def rows(work: Work) -> int:
    """Answer from the database."""
    return (await work.connection.execute(text("SELECT 1"))).scalar_one()


@pytest.fixture
def server(tmp_path):
    tmp_path.chmod(0o755)
    with Postgres(tmp_path / "postgres", fast_for_tests=True) as server:
        yield server


PASSWORD = f"ALTER ROLE {ROLE} PASSWORD 'another'"
REFUSED = {
    "the password": [PASSWORD],
    "the role": [f"ALTER ROLE {ROLE} NOLOGIN"],
    "the database": ["ALTER DATABASE refusing RENAME TO renamed"],
    "the right to connect": [
        "ALTER DATABASE refusing OWNER TO postgres",
        "REVOKE CONNECT ON DATABASE refusing FROM PUBLIC",
    ],
    "one more connection": [f"ALTER ROLE {ROLE} CONNECTION LIMIT 0"],
}
END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'refusing'"


@pytest.mark.parametrize("what", REFUSED)
async def test_a_running_service_answers_503_and_names_postgres(server, settings, sample_app, what):
    url = server.create_database("refusing")
    by = settings.model_copy(update={"database_url": url, "database_owner_url": None})
    app = sample_app(router, by=by)
    through = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=through, base_url="http://test") as client,
    ):
        assert (await client.get("/v1/rows")).json() == 1
        for statement in (END, *REFUSED[what], END):
            server._sql(statement)
        await client.get("/v1/rows")  # of a connection of before, which ends
        refused = await client.get("/v1/rows")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert "Postgres" not in refused.text, "how it is misconfigured is for operations"
        ready = await client.get("/readyz")
        assert ready.status_code == 503
        assert "SQLSTATE" in ready.json()["postgres"] or what == "one more connection"
        assert not ready.json()["postgres"].startswith("ok")
        assert ready.json()["objects"] == "ok"


async def test_a_start_whose_password_is_wrong_ends_at_once_and_says_so(
    server, settings, sample_app, monkeypatch
):
    async def slept(seconds):
        pytest.fail("it waited")

    monkeypatch.setattr(patience.asyncio, "sleep", slept)
    url = server.create_database("refusing")
    server._sql(PASSWORD)
    by = settings.model_copy(update={"database_url": url, "database_owner_url": None})
    app = sample_app(router, by=by)
    with pytest.raises(SchemaFault, match=r"password \(SQLSTATE 28P01\): compare DATABASE_URL"):
        async with app.router.lifespan_context(app):
            pass


async def test_a_role_that_lacks_a_right_to_a_table_is_not_taken_for_a_refused_login(server):
    database = Database(server.service_url("audit"), "public", pool_size=1)
    with pytest.raises(Exception, match="permission denied") as refused:
        async with database.begin() as connection:
            await connection.execute(text("CREATE TABLE public.more ()"))
    assert not isinstance(refused.value, LoginRefused)
    await database.close()
