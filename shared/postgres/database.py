"""Postgres: engines, transactions, migrations, and the inbox, with which a redelivery has no second effect."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.core.errors import DependencyDown, InternalFault, Unavailable
from shared.core.problem_codes import Common
from shared.core.spans import Kind, span
from shared.kafka.event_mac import MacKey
from shared.postgres.settings import DatabaseLink

log = logging.getLogger(__name__)

SHARED_MIGRATIONS = Path(__file__).parent / "migrations"
SHARED_VERSIONS, OWN_VERSIONS = "alembic_version_shared", "alembic_version"
"""The tables with the migration version of a schema: of the shared tables, and of the service's own."""

GRANTS = "grants.sql"
"""The file beside the migrations with the working role's rights; `{role}` is replaced by its name (ADR-0016)."""

EMITTED = "plateward_emitted"
MADE_BY = "plateward_mac_key"
"""Keys of a connection's `info`: whether the transaction wrote to the outbox, and the service's MAC key."""

QUERY_CANCELED = "57014"
"""The SQLSTATE of a statement that its time limit ended (PostgreSQL documentation, appendix A)."""

POOL_TIMEOUT_S = 5.0
"""A request waits this long for a free connection, then fails."""


async def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """Return asyncpg's own connection, for COPY and cursors. Raises: TypeError for another driver's."""
    raw = (await connection.get_raw_connection()).driver_connection
    if not isinstance(raw, asyncpg.Connection):
        message = f"the driver must be asyncpg, not {type(raw).__name__}"
        raise TypeError(message)
    return raw


@contextmanager
def _unavailable() -> Iterator[None]:
    """Raise Unavailable for the errors of a Postgres that does not answer or cannot serve now."""
    try:
        yield
    except PoolTimeoutError as exc:
        raise Unavailable(Common.DATABASE_BUSY) from exc
    except (OSError, TimeoutError) as exc:
        raise Unavailable(Common.DATABASE_AWAY) from exc
    except asyncpg.InternalClientError as exc:  # an ended session, before its connection closes
        raise Unavailable(Common.DATABASE_AWAY) from exc
    except (DBAPIError, asyncpg.InterfaceError, asyncpg.PostgresError) as exc:
        if (unavailable := _refusal(exc)) is not None:
            raise unavailable from exc
        raise


@asynccontextmanager
async def _discarded_if_broken(connection: AsyncConnection) -> AsyncIterator[None]:
    """Discard a connection whose session ended before it closed, so that the pool does not lend it again."""
    try:
        yield
    except asyncpg.InternalClientError:
        await connection.invalidate()
        raise


@asynccontextmanager
async def database_of(
    where: DatabaseLink | str, schema: str, *, pool_size: int = 1, mac_key: MacKey | None = None
) -> AsyncIterator["Database"]:
    """Yield a database for one command, and close it at the end."""
    db = Database(where, schema, pool_size=pool_size, mac_key=mac_key)
    try:
        yield db
    finally:
        await db.close()


class Database:
    """One service's schema. Tables are unqualified: the connection's search_path is the schema."""

    def __init__(
        self,
        where: DatabaseLink | str,
        schema: str,
        *,
        pool_size: int = 5,
        mac_key: MacKey | None = None,
    ) -> None:
        """`mac_key` is required to emit audited events (shared/kafka/event_mac.py)."""
        link = DatabaseLink.at(where)
        self.schema = schema
        self.mac_key = mac_key
        self._attributes = {"db.system.name": "postgresql", "db.namespace": schema}
        self.engine: AsyncEngine = create_async_engine(
            link.url.set(drivername="postgresql+asyncpg"),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_recycle=1800,
            pool_timeout=POOL_TIMEOUT_S,
            # A restart of Postgres breaks all pooled connections. The first error empties the pool, so a check
            # at every checkout is not worth its round trip.
            pool_pre_ping=False,
            hide_parameters=True,  # an error's text goes to the log, and values may be plates
            connect_args={
                "server_settings": {"search_path": schema, "application_name": f"alpr-{schema}"},
                "timeout": 5,
                "command_timeout": 60,
                "async_creator_fn": _log_in,
                **link.arguments,
            },
        )
        self._listeners: list[Callable[[], None]] = []

    def add_listener(self, listener: Callable[[], None]) -> None:
        """Call `listener`, which must not block, after each commit that wrote to the outbox."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; commit it at the end, roll it back on any error.

        Raises: Unavailable if Postgres does not answer or cannot serve it now.
        """
        with _unavailable(), span("transaction", Kind.CLIENT, self._attributes):
            async with self.engine.begin() as connection:
                connection.info.pop(EMITTED, None)
                connection.info[MADE_BY] = self.mac_key
                async with _discarded_if_broken(connection):
                    yield connection
                emitted = connection.info.pop(EMITTED, False)
        if emitted:
            for listener in self._listeners:
                listener()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection on which each statement is a transaction. Raises: Unavailable."""
        with _unavailable():
            async with self.engine.connect() as connection, _discarded_if_broken(connection):
                yield await connection.execution_options(isolation_level="AUTOCOMMIT")

    async def ping(self) -> None:
        """Return if Postgres answers. Raises: Unavailable, LoginRefused."""
        async with self.begin() as connection:
            await connection.execute(text("SELECT 1"))

    async def migrate(self, migrations: Path, *, role: str | None = None) -> None:
        """Migrate the schema, shared tables first; one process at a time, under an advisory lock.

        Args:
            migrations: the folder of the service's own migrations.
            role: the working role, which gets exactly the rights of the grants files. None if the owner works
                itself.
        Raises: Unavailable if Postgres does not answer.
        """
        async with self.begin() as connection:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(hashtext('plateward-ddl'))")
            )
            await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"'))
            await connection.run_sync(_upgrade, SHARED_MIGRATIONS, SHARED_VERSIONS)
            await connection.run_sync(_upgrade, migrations, OWN_VERSIONS)
            if role is not None:
                await _grant(connection, self.schema, role, migrations)

    async def is_current(self, migrations: Path) -> bool:
        """Whether the schema is exactly at this program's newest migrations. Raises: Unavailable."""
        async with self.begin() as connection:
            shared = await connection.run_sync(_is_at_head, SHARED_MIGRATIONS, SHARED_VERSIONS)
            return shared and await connection.run_sync(_is_at_head, migrations, OWN_VERSIONS)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


class LoginRefused(DependencyDown):
    """Postgres answers, and refuses the role, its password or the database. Callers may retry, a start may not."""


_LOGIN_FAULTS = {
    "28": "the role or its password",
    "3D": "the name of the database",
    "42501": "the role, which may not connect to the database,",
}
"""What Postgres refuses at a login, by prefixes of SQLSTATEs."""


async def _log_in(*given: Any, **more: Any) -> asyncpg.Connection:
    """Open a connection. Raises: LoginRefused; asyncpg's errors and OSError if Postgres cannot serve now."""
    try:
        return await asyncpg.connect(*given, **more)
    except asyncpg.PostgresError as exc:
        state = str(exc.sqlstate or "")
        for prefix, what in _LOGIN_FAULTS.items():
            if state.startswith(prefix):
                raise LoginRefused(f"Postgres refuses {what} (SQLSTATE {state})") from exc
        raise


_FAULTS = (
    "InterfaceError",
    "ConnectionDoesNotExistError",
    "CannotConnectNowError",
    "AdminShutdownError",
)


_PASSING = ("08", "40", "53", "57P", "58", "25006")
"""Prefixes of SQLSTATEs that are not the query's fault: connection, deadlock, disk or memory or connections
spent, shutdown, I/O error, and a read-only standby."""


_VALUE_FAULTS = ("22", "54")
"""Prefixes of SQLSTATEs of a value's fault: data exception, program limit exceeded."""


def sqlstate(exc: DBAPIError) -> str:
    """Return a database error's SQLSTATE (PostgreSQL documentation, appendix A); empty if it has none."""
    return str(getattr(exc.orig, "sqlstate", None) or "")


def is_timed_out(exc: DBAPIError) -> bool:
    """Whether a statement was ended because it exceeded its time limit."""
    return sqlstate(exc) == QUERY_CANCELED


def _refusal(exc: Exception) -> Unavailable | None:
    """Return the refusal for a Postgres that cannot serve now; None if the statement is at fault."""
    fault = (
        exc.orig if isinstance(exc, DBAPIError) else exc
    )  # the latter is of asyncpg's own connection
    named = f"{type(fault).__name__} {str(fault)[:80]}"
    ended = isinstance(exc, DBAPIError) and exc.connection_invalidated
    if ended or any(name in named for name in _FAULTS):
        return Unavailable(Common.DATABASE_AWAY)
    passing = str(getattr(fault, "sqlstate", None) or "").startswith(_PASSING)
    return Unavailable(Common.DATABASE_READ_ONLY) if passing else None


def _upgrade(connection: Connection, migrations: Path, version_table: str) -> None:
    if _heads(migrations) and _is_at_head(connection, migrations, version_table):
        return  # the newest version; an empty folder continues, which creates its version table
    config = _alembic(migrations)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = version_table
    command.upgrade(config, "head")


def _is_at_head(connection: Connection, migrations: Path, version_table: str) -> bool:
    there = MigrationContext.configure(connection, opts={"version_table": version_table})
    return set(there.get_current_heads()) == _heads(migrations)


@lru_cache
def _heads(migrations: Path) -> frozenset[str]:
    """Return the newest versions in a folder; cached, since they do not change while the program runs."""
    return frozenset(ScriptDirectory.from_config(_alembic(migrations)).get_heads())


def _alembic(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(SHARED_MIGRATIONS))
    config.set_main_option("version_locations", str(migrations / "versions"))
    config.set_main_option("path_separator", "newline")
    return config


# Roles with any grant in a schema: on the schema, its tables and sequences, their columns, its functions.
_GRANTEES = text(
    """
    SELECT DISTINCT pg_get_userbyid(granted.grantee)::text
    FROM (
        SELECT (aclexplode(nspacl)).* FROM pg_namespace WHERE nspname = :schema
        UNION ALL SELECT (aclexplode(relacl)).* FROM pg_class WHERE relnamespace = to_regnamespace(:schema)
        UNION ALL SELECT (aclexplode(attacl)).* FROM pg_attribute
            WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace(:schema))
        UNION ALL SELECT (aclexplode(proacl)).* FROM pg_proc WHERE pronamespace = to_regnamespace(:schema)
    ) AS granted
    WHERE granted.grantee <> 0 AND pg_get_userbyid(granted.grantee) <> current_user
    """
)


async def _grant(connection: AsyncConnection, schema: str, role: str, migrations: Path) -> None:
    """Grant `role` the rights of the grants files, and revoke all other grants of the owner.

    The role that all services once shared, or another service's role, thus loses its rights (ADR-0021).
    """
    quote = connection.dialect.identifier_preparer.quote_identifier
    found = (await connection.execute(_GRANTEES, {"schema": schema})).scalars()
    statements = [
        f'REVOKE ALL ON {kind} "{schema}" FROM {quote(grantee)}'
        for grantee in {role, *found}
        for kind in (
            "SCHEMA",
            "ALL TABLES IN SCHEMA",
            "ALL SEQUENCES IN SCHEMA",
            "ALL FUNCTIONS IN SCHEMA",
        )
    ]
    statements.append(f'GRANT USAGE ON SCHEMA "{schema}" TO {{role}}')
    for folder in (SHARED_MIGRATIONS, migrations):
        if (file := folder / GRANTS).exists():
            statements += [part for part in file.read_text().split(";\n") if part.strip()]
    for statement in statements:
        await connection.exec_driver_sql(statement.replace("{role}", quote(role)))


@contextmanager
def refused_if_unstorable() -> Iterator[None]:
    """Raise InternalFault for an event with a value that Postgres cannot have, so that it is put aside.

    A consumer's handler would otherwise try it again for ever: a NUL character, a number out of range.
    """
    try:
        yield
    except DBAPIError as exc:
        if sqlstate(exc).startswith(_VALUE_FAULTS):
            raise InternalFault(f"Postgres cannot store a value: {sqlstate(exc)}") from exc
        raise


async def is_seen(connection: AsyncConnection, group: str, event_id: UUID) -> bool:
    """Return whether an event is in a group's inbox."""
    statement = text("SELECT 1 FROM inbox WHERE consumer = :consumer AND event_id = :event_id")
    result = await connection.execute(statement, {"consumer": group, "event_id": event_id})
    return result.first() is not None


async def first_sight(connection: AsyncConnection, group: str, event_id: UUID) -> bool:
    """Add an event to a group's inbox; return False if it is there already. Commits with the caller's transaction."""
    statement = text(
        "INSERT INTO inbox (consumer, event_id) VALUES (:consumer, :event_id) ON CONFLICT DO NOTHING"
    )
    result = await connection.execute(statement, {"consumer": group, "event_id": event_id})
    return result.rowcount == 1
