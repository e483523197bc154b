"""Holds every device in memory, so that a frame costs no query. It reloads all devices at the start and every few
seconds, one when an event reports a change, and one at once after a change in this process."""

import time
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.ingest.domain.devices import Device
from services.ingest.domain.problem_codes import Code
from services.ingest.store.devices import Devices
from shared.core.errors import NotAuthenticated, Unavailable
from shared.core.periodic import PeriodicTask
from shared.postgres.database import Database

LOOKUPS_PER_S = 10
"""The most lookups a second, in all, of unknown credentials, which may be new."""


class DeviceCache:
    """This process's copy of all devices."""

    def __init__(self, db: Database, *, ttl_s: float) -> None:
        self._db = db
        self._devices: dict[UUID, Device] = {}
        self._loaded = False
        # While the database is down, the cached devices stay in use: no revocation is possible either.
        self.reloading = PeriodicTask("device cache", self.load, ttl_s)
        self._searched_at_s = 0.0

    async def load(self) -> None:
        """Load every device. Raises: Unavailable."""
        async with self._db.begin() as connection:
            devices = await Devices(connection).every()
        for device in devices:
            self.put(device)
        self._loaded = True

    async def refresh(self, ids: Iterable[UUID]) -> None:
        """Load some devices again. Raises: Unavailable."""
        async with self._db.begin() as connection:
            devices = await Devices(connection).some(ids)
        for device in devices:
            self.put(device)

    def put(self, device: Device) -> None:
        """Store a device's committed state, unless a later one is known."""
        known = self._devices.get(device.device_id)
        if known is None or known.version <= device.version:
            self._devices[device.device_id] = device

    async def authenticate(self, device_id: UUID, secret_sha256: bytes, now: datetime) -> Device:
        """Return the device of a credential. Raises: NotAuthenticated, Unavailable."""
        device = self._devices.get(device_id)
        if device is not None and device.accepts(secret_sha256, now):
            return device
        if not self._loaded:
            raise Unavailable(Code.DEVICES_NOT_LOADED)
        if self._may_query():
            # Another process may have issued it a moment ago.
            await self.refresh([device_id])
            device = self._devices.get(device_id)
            if device is not None and device.accepts(secret_sha256, now):
                return device
        raise NotAuthenticated(Code.DEVICE_CREDENTIAL_UNKNOWN)

    def _may_query(self) -> bool:
        now_s = time.monotonic()
        if now_s - self._searched_at_s < 1 / LOOKUPS_PER_S:
            return False
        self._searched_at_s = now_s
        return True
