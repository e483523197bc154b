"""Devices: fixed cameras and cameras in vehicles."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.ingest.domain.credentials import Credential
from services.ingest.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.events import Place


class DeviceKind(StrEnum):
    """Whether a camera is fixed or in a vehicle."""

    FIXED = "fixed"
    VEHICLE = "vehicle"


class DeviceStatus(StrEnum):
    """Whether a device's credential is accepted."""

    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Device:
    """One registered camera."""

    device_id: UUID
    name: str
    kind: DeviceKind
    place: Place | None
    """Position of a fixed camera; None for a vehicle."""

    frames_per_s: float
    reads_per_s: float
    status: DeviceStatus
    registered_at: datetime
    last_seen_at: datetime | None = None
    """As last stored, a few seconds behind."""

    late_since: datetime | None = None
    """Since when everything that it sent came too late to be live, once that is reported; its clock may be wrong."""

    version: int = 1
    """Increases with each change, so that an older state never replaces a newer one."""

    may_buffer_h: float = 0
    """How many hours it may keep captures back; later ones are late (`buffering`)."""

    credentials: tuple[Credential, ...] = field(default=(), repr=False)
    """The credentials that may still be valid, the current one first."""

    def accepts(self, secret_sha256: bytes, now: datetime) -> bool:
        """Whether a secret with this digest is one of the device's at `now`."""
        return self.status is DeviceStatus.ACTIVE and any(
            credential.holds(secret_sha256, now) for credential in self.credentials
        )


def check_place(device: Device) -> None:
    """Check that a fixed camera has a place, and a vehicle has none. Raises: InvalidInput."""
    if device.kind is DeviceKind.FIXED and device.place is None:
        raise InvalidInput(Code.DEVICE_PLACE_MISSING, field="place")
    if device.kind is DeviceKind.VEHICLE and device.place is not None:
        raise InvalidInput(Code.VEHICLE_HAS_NO_PLACE, field="place")
