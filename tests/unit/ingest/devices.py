"""Devices, moments and clocks for tests of ingest."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

from services.ingest.domain.circumstances import Window
from services.ingest.domain.devices import Device, DeviceKind, DeviceStatus

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WINDOW = Window.around(NOON, schedule_days=400, skew_s=300)


def a_device(**fields):
    plain = Device(uuid4(), "Main St", DeviceKind.VEHICLE, None, 20, 100, DeviceStatus.ACTIVE, NOON)
    return replace(plain, **fields)


class Ticking:
    """A clock whose seconds a test sets."""

    now_s = 100.0

    def __call__(self):
        return self.now_s
