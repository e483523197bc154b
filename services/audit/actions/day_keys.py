"""The keys that make salts: one for each capture day, destroyed with the day's purge.

A key is 32 random bytes, sealed under `AUDIT_VALUES_KEY` in the database. After its destruction, a new key of
the day seals new values of that day, which concern records under a hold.
"""

import secrets
from asyncio import Lock
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from services.audit.store.values import StoredKey, Values
from shared.core.hmac_sha256 import HmacSha256
from shared.core.vault import Vault
from shared.postgres.database import Database

KEY_BYTES = 32
CACHED_KEYS = 2000


class Keys(NamedTuple):
    """Keys by day. Under the log's lock, they are valid while `Values.epoch` equals `epoch`."""

    by_day: Mapping[date, HmacSha256]
    epoch: int


class DayKeys:
    """Loads or creates keys, and caches them until any process erases values."""

    def __init__(self, db: Database, vault: Vault) -> None:
        self._db = db
        self._vault = vault
        self._known: dict[date, HmacSha256] = {}
        self._months: set[date] = set()
        self._epoch = -1
        self._learning = Lock()

    def forget(self) -> None:
        """Clear the cache: an erasing of values also destroys keys."""
        self._known = {}  # a new one: a batch keeps the former keys, with their epoch
        self._epoch = -1

    async def of(self, days: Iterable[date]) -> Keys:
        """Return the keys of `days`; creates missing keys and the months' tables.

        Raises: Unavailable if Postgres does not answer; VaultFault if a stored key does not open.
        """
        wanted = set(days)
        while missing := wanted - self._known.keys():
            async with self._learning:
                await self._learn(missing)
        return Keys(self._known, self._epoch)

    async def _learn(self, days: set[date]) -> None:
        if len(self._known) > CACHED_KEYS:
            self.forget()
        async with self._db.begin() as connection:
            values = Values(connection)
            epoch = await values.epoch()
            if epoch != self._epoch:
                self.forget()
            months = {day.replace(day=1) for day in days} - self._months
            for month in months:
                await values.add_month(month)
            stored = await values.newest_keys(days)
            for day in sorted(days):
                newest = stored.get(day)
                if newest is None or newest.sealed is None:
                    number = 0 if newest is None else newest.number + 1
                    sealed = self._vault.seal(secrets.token_bytes(KEY_BYTES), _place(day, number))
                    await values.add_key(StoredKey(day, number, sealed))
            for day, key in (await values.newest_keys(days)).items():
                if key.sealed is not None:
                    opened = self._vault.open(key.sealed, _place(day, key.number))
                    self._known[day] = HmacSha256(opened)
        self._months |= months
        self._epoch = epoch


def _place(day: date, number: int) -> str:
    return f"audit day key {day} {number}"
