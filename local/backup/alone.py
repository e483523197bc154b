"""Keeps a second backup from a place while one is made there: it would delete contents that the first relies on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import text

from shared.core.errors import InternalFault
from shared.postgres.database import database_of
from shared.postgres.settings import DatabaseLink

_TRY_LOCK = text("SELECT pg_try_advisory_lock(hashtext('plateward-backup'), hashtext(:place))")


@asynccontextmanager
async def alone(link: DatabaseLink, place: str) -> AsyncIterator[None]:
    """Hold a place of backups, by a lock of the database that ends with this process.

    Raises: InternalFault if another backup of the installation is being made there; Unavailable.
    """
    async with database_of(link, "audit") as db, db.connect() as connection:
        if not (await connection.execute(_TRY_LOCK, {"place": _named(place)})).scalar_one():
            raise InternalFault(
                f"another backup to {place} is being made: one at a time, or they delete each other's contents"
            )
        yield


def _named(place: str) -> str:
    return place.rstrip("/") if "://" in place else str(Path(place).resolve())
