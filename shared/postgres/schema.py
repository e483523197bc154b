"""A service's tables: their owner creates and changes them; the working role owns none (ADR-0016)."""

import logging
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import DependencyDown, InternalFault
from shared.postgres.database import OWN_VERSIONS, Database, LoginRefused, database_of
from shared.postgres.settings import DatabaseLink, DatabaseSettings

log = logging.getLogger(__name__)

# A member of the owner's role may do what that role may; a superuser is a member of every role.
_OWNERS = """
    SELECT datdba AS owner FROM pg_database WHERE datname = current_database() AND :of_database
    UNION SELECT nspowner FROM pg_namespace WHERE nspname = :schema
    UNION SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace(:schema)
    UNION SELECT proowner FROM pg_proc WHERE pronamespace = to_regnamespace(:schema)
"""
_COULD_CHANGE = text(
    f"""
    SELECT coalesce(bool_or(pg_has_role(owner, 'MEMBER')), false)
        OR (to_regnamespace(:schema) IS NULL
            AND has_database_privilege(current_database(), 'CREATE'))
    FROM ({_OWNERS}) AS owners
    """  # noqa: S608 - constants
)
# A schema belongs to a service if it has the table of migration versions.
_REACHED = text(
    """
    SELECT CAST(n.nspname AS text) FROM pg_namespace n
    WHERE n.nspname <> :schema AND has_schema_privilege(n.oid, 'USAGE')
        AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = :versions)
    ORDER BY 1
    """
)
_OF_OTHERS = text(
    f"""
    SELECT DISTINCT CAST(pg_get_userbyid(owner) AS text) FROM ({_OWNERS}) AS owners
    WHERE NOT pg_has_role(owner, 'USAGE') ORDER BY 1
    """  # noqa: S608 - constants
)


class SchemaFault(InternalFault):
    """The tables, or the rights of the working role, are not those that the service needs."""

    title = "The tables or the role's rights do not fit the service"


async def prepare(db: Database, settings: DatabaseSettings, migrations: Path) -> None:
    """Migrate a service's tables if the owner's address is set, and check the rights of the working role.

    Without that address, a working role that owns the tables migrates them itself, if the settings allow it.
    Raises: SchemaFault, also if Postgres refuses the login, which no waiting mends; Unavailable.
    """
    try:
        await _prepare(db, settings, migrations)
    except LoginRefused as exc:
        raise SchemaFault(
            f"{exc.detail}: compare DATABASE_URL, and DATABASE_OWNER_URL if it is set, with the server's"
        ) from exc


async def _prepare(db: Database, settings: DatabaseSettings, migrations: Path) -> None:
    owner = settings.database_owner_link()
    if owner is not None:
        await migrate_as(owner, db.schema, migrations, role=settings.database_link().role)
    if await _could_change(db):
        _warn_or_refuse(settings, _owns(db.schema))
        if owner is None:
            await db.migrate(migrations)
        return
    if reached := await _reached(db):
        _warn_or_refuse(settings, _reaches(reached))
    if not await db.is_current(migrations):
        raise SchemaFault(_other_version(db.schema))


async def check_tables(db: Database, migrations: Path) -> None:
    """Return if the tables fit this version; needs no owner's rights. Raises: Unavailable if not, or without answer."""
    if not await db.is_current(migrations):
        raise DependencyDown(_other_version(db.schema))


def _other_version(schema: str) -> str:
    return (
        f"the tables of {schema} do not fit this version: run `python -m services.{schema} migrate` with "
        "DATABASE_OWNER_URL"
    )


async def migrate_as(
    owner: DatabaseLink, schema: str, migrations: Path, *, role: str | None
) -> None:
    """Migrate a schema as its owner, and grant `role` the rights that its work needs.

    Raises: SchemaFault if another role owns part of the schema; Unavailable.
    """
    async with database_of(owner, schema) as db:
        async with db.begin() as connection:
            others = await _others(connection, schema)
        if others:
            raise SchemaFault(
                f"the tables of {schema} belong to {', '.join(others)} and not to the role of "
                "DATABASE_OWNER_URL: docs/operations/upgrade.md describes how to transfer them"
            )
        await db.migrate(migrations, role=role)


async def _others(connection: AsyncConnection, schema: str) -> list[str]:
    parameters = {"schema": schema, "of_database": False}
    return list((await connection.execute(_OF_OTHERS, parameters)).scalars())


async def _could_change(db: Database) -> bool:
    """Whether the working role could change its tables, or would own them once created."""
    async with db.begin() as connection:
        parameters = {"schema": db.schema, "of_database": True}
        return bool((await connection.execute(_COULD_CHANGE, parameters)).scalar_one())


async def _reached(db: Database) -> list[str]:
    """Return the schemas of other services that the working role may use (ADR-0021)."""
    async with db.begin() as connection:
        parameters = {"schema": db.schema, "versions": OWN_VERSIONS}
        return list((await connection.execute(_REACHED, parameters)).scalars())


def _owns(schema: str) -> str:
    return (
        f"the role of DATABASE_URL owns the tables of {schema}, or may act as their owner: it could remove "
        "the rules that keep the audit log append-only"
    )


def _reaches(schemas: Sequence[str]) -> str:
    return (
        f"the role of DATABASE_URL also reaches the tables of {', '.join(schemas)}: an attacker in this "
        "service could use them too"
    )


def _warn_or_refuse(settings: DatabaseSettings, fault: str) -> None:
    """Log that the role has more rights than its work needs. Raises: SchemaFault unless the settings allow it."""
    separate_roles = settings.database_owner_url is not None or not settings.database_link().stays
    if separate_roles and not settings.database_allow_owner:
        raise SchemaFault(
            f"{fault}; set DATABASE_URL to a role that owns no tables and reaches this service's schema only, "
            "and DATABASE_OWNER_URL to the owner's, or set DATABASE_ALLOW_OWNER=true"
        )
    log.warning("%s", fault)
