"""Links to a real Postgres by TLS: the one with the right signer's certificate is spoken to, no other."""

import asyncio
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.compose.make_tls import Signer
from local.stack.postgres import Postgres
from local.stack.process import unprivileged_account
from services.hotlist.workers.notices import Notices
from shared.core.errors import Unavailable
from shared.core.logs import named
from shared.postgres.database import Database
from shared.postgres.settings import DatabaseSettings

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("ours")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Iterator[Postgres]:
    """A server that shows a certificate for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("postgres-tls")
    with Postgres(folder, fast_for_tests=True) as server:
        shown = signer.sign("postgres", ["127.0.0.1"])
        data = (folder / "data").resolve()
        for name, content in (("tls.pem", shown.certificate), ("tls.key", shown.key)):
            path = data / name
            path.write_bytes(content)
            path.chmod(0o600)
            if (account := unprivileged_account()) is not None:
                os.chown(path, account.uid, account.gid)
        for name, value in (("cert_file", "tls.pem"), ("key_file", "tls.key")):
            server._sql(f"ALTER SYSTEM SET ssl_{name} = '{data / value}'")
        server._sql("ALTER SYSTEM SET ssl = on")
        server._sql("SELECT pg_reload_conf()")
        yield server


def settings(server: Postgres, folder: Path, signer: Signer, host: str = "127.0.0.1"):
    ca = folder / "ca.pem"
    ca.write_bytes(signer.certificate)
    url = server.url().replace("127.0.0.1", host)
    return DatabaseSettings(database_url=url, database_ca_file=ca)


@pytest.mark.clause("468.5/encrypted")
async def test_statements_go_by_tls(server: Postgres, tmp_path: Path, signer: Signer) -> None:
    database = Database(settings(server, tmp_path, signer).database_link(), "public")
    try:
        async with database.begin() as connection:
            query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            [(encrypted, version)] = await connection.execute(text(query))
    finally:
        await database.close()
    assert encrypted is True
    assert version in {"TLSv1.2", "TLSv1.3"}


async def test_notices_arrive_over_tls(server: Postgres, tmp_path: Path, signer: Signer) -> None:
    heard = asyncio.Event()
    link = settings(server, tmp_path, signer).database_link()
    notices = Notices(link, {"sample": (heard.set,)}, "own")
    database = Database(link, "public")
    notices.task.start()
    try:
        async with asyncio.timeout(20):
            await notices.connected()
            heard.clear()
            async with database.begin() as connection:
                await connection.execute(text("SELECT pg_notify('sample', 'other')"))
            await heard.wait()
    finally:
        await notices.task.stop()
        await database.close()


@pytest.mark.parametrize(
    ("other", "host", "reason"),
    [(True, "127.0.0.1", "issuer"), (False, "localhost", "mismatch")],
)
async def test_a_server_with_another_name_or_signer_is_refused(
    server: Postgres, tmp_path: Path, signer: Signer, other: bool, host: str, reason: str
) -> None:
    trusted = Signer("another") if other else signer
    database = Database(settings(server, tmp_path, trusted, host).database_link(), "public")
    try:
        with pytest.raises(Unavailable) as refused:
            await database.ping()
    finally:
        await database.close()
    cause = refused.value.__cause__
    assert isinstance(cause, ssl.SSLCertVerificationError)
    assert reason in named(cause)
