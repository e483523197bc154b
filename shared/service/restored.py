"""Refuses ALPR data after a restore from a backup, until the service has followed a purge (ADR-0072)."""

import logging
from collections.abc import Mapping

from shared.core.errors import Unavailable
from shared.core.periodic import PeriodicTask
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.postgres.database import Database
from shared.postgres.restores import Restore, Restores
from shared.service.resources import Ping

log = logging.getLogger(__name__)

ASKED_EVERY_S = 2.0


class RestoredState:
    """Whether a restore of this service's schema waits for a purge. A resource: its start asks the database."""

    name = "the state after a restore"
    patience_s = 0.0

    def __init__(self, db: Database) -> None:
        self._db = db
        self._pending: Restore | None = None
        self._asking = PeriodicTask(f"purge after a restore, {db.schema}", self.load, ASKED_EVERY_S)

    async def start(self) -> None:
        """Ask once, and on while a restore waits. Raises: Unavailable."""
        await self.load()
        if self._pending is not None:
            log.warning(
                "restored from backup %s: no ALPR data is shown until a purge has run",
                self._pending.backup,
            )
            self._asking.start()

    async def stop(self) -> None:
        """Stop asking; does nothing if not started."""
        if self._asking.started:
            await self._asking.stop()

    def pings(self) -> Mapping[str, Ping]:
        """Return none: the service stays ready for the people who carry the purge out."""
        return {}

    async def load(self) -> None:
        """Ask the database. Raises: Unavailable."""
        async with self._db.begin() as connection:
            self._pending = await Restores(connection).pending()

    @property
    def waits(self) -> bool:
        """Whether a restore waits for a purge."""
        return self._pending is not None

    def check(self, permission: Permission) -> None:
        """Raise Unavailable while a restore waits, except for permissions that end it or show no ALPR data."""
        if self._pending is not None and permission.waits_for_a_purge:
            raise Unavailable(Common.RESTORED_UNPURGED, retry_after_s=60)
