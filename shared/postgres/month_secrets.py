"""Monthly secrets that key the ids of sightings (ADR-0026); replicas share them.

With a month's secret one can compute the id of any sighting of that month, and so search for a car. The
service's own schema holds the secret sealed; the purge of the whole month destroys it.
"""

import logging
import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.clock import Clock
from shared.core.errors import InvalidInput, Unavailable
from shared.core.periodic import PeriodicTask
from shared.core.problem_codes import Common
from shared.core.vault import Vault
from shared.postgres.database import Database

log = logging.getLogger(__name__)

SECRET_BYTES = 32
RELOADED_EVERY_S = 300

TABLE = """
CREATE TABLE month_secrets (
    month date PRIMARY KEY,
    sealed bytea,
    destroyed_at timestamptz,
    CHECK ((sealed IS NULL) = (destroyed_at IS NOT NULL))
)
"""
"""The table that a service's migration creates; the working role may select, insert and update."""

_ADD = text(
    "INSERT INTO month_secrets (month, sealed) VALUES (:month, :sealed) ON CONFLICT DO NOTHING"
)
_ALL = text("SELECT month, sealed FROM month_secrets ORDER BY month")
_RESEAL = text(
    "UPDATE month_secrets SET sealed = :sealed WHERE month = :month AND sealed IS NOT NULL"
)
_DESTROY = text(
    "UPDATE month_secrets SET sealed = NULL, destroyed_at = :now"
    " WHERE sealed IS NOT NULL AND month + interval '1 month' <= CAST(:before AS timestamptz)"
    " AT TIME ZONE 'UTC' RETURNING month"
)


class MonthEnded(InvalidInput):
    """The purge destroyed the records of that month and the secret of its ids."""


class MonthSecrets:
    """One service's monthly secrets, in memory; once loaded, they need no Postgres."""

    def __init__(self, db: Database, clock: Clock, vault: Vault, *, schedule_days: int) -> None:
        """`schedule_days` is the retention schedule: the greatest age of a record that may still arrive."""
        self._db = db
        self._clock = clock
        self._vault = vault
        self._retention = timedelta(days=schedule_days)
        self._secrets: dict[date, bytes] = {}
        self._ended: set[date] = set()
        self.reloading = PeriodicTask(
            f"month secrets of {db.schema}", self.load, RELOADED_EVERY_S, at_once=True
        )

    async def load(self) -> None:
        """Create missing secrets, from the start of the schedule to the next month, and read all.

        Raises: Unavailable; VaultFault if another key-encryption key sealed them.
        """
        now = self._clock.now()
        month, last = month_of(now - self._retention), _next(month_of(now))
        wanted = []
        while month <= last:
            wanted.append(month)
            month = _next(month)
        async with self._db.begin() as connection:
            await self._add(connection, wanted)
            await self._read(connection)

    async def ensure(self, moments: Iterable[datetime]) -> None:
        """Load or create the secrets of these moments' months, except destroyed ones. Raises: Unavailable."""
        missing = {month_of(moment) for moment in moments} - self._secrets.keys() - self._ended
        if missing:
            async with self._db.begin() as connection:
                await self._add(connection, sorted(missing))
                await self._read(connection)

    def secret(self, moment: datetime) -> bytes:
        """Return the secret of a moment's month, 32 bytes.

        Raises: MonthEnded if it is destroyed; Unavailable if this process has not loaded it.
        """
        month = month_of(moment)
        found = self._secrets.get(month)
        if found is not None:
            return found
        if month in self._ended:
            raise MonthEnded(Common.MONTH_DESTROYED, field="captured_at")
        raise Unavailable(Common.MONTH_SECRET_UNKNOWN)

    async def destroy(self, connection: AsyncConnection, before: datetime) -> list[date]:
        """Destroy the secrets of months that ended by `before`; return the months."""
        values = {"before": before, "now": self._clock.now()}
        months = list((await connection.execute(_DESTROY, values)).scalars())
        for month in months:
            self._secrets.pop(month, None)
            self._ended.add(month)
        return months

    async def _add(self, connection: AsyncConnection, months: Iterable[date]) -> None:
        for month in months:
            if month not in self._secrets and month not in self._ended:
                sealed = self._vault.seal(os.urandom(SECRET_BYTES), self._place(month))
                await connection.execute(_ADD, {"month": month, "sealed": sealed})

    async def _read(self, connection: AsyncConnection) -> None:
        for month, sealed in (await connection.execute(_ALL)).all():
            if sealed is None:
                self._secrets.pop(month, None)
                self._ended.add(month)
            elif month not in self._secrets:
                place = self._place(month)
                secret = self._vault.open(sealed, place)
                if self._vault.opens_with(sealed, place) != self._vault.current:
                    again = self._vault.seal(secret, place)
                    await connection.execute(_RESEAL, {"month": month, "sealed": again})
                self._secrets[month] = secret

    def _place(self, month: date) -> str:
        return f"{self._db.schema} ids of {month:%Y-%m}"


def month_of(moment: datetime) -> date:
    """Return the first day of a moment's month, UTC."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return date(moment.year, moment.month, 1)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)
