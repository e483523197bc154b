"""Devices: cameras that stand still and cameras that drive."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from services.ingest.domain.credentials import Credential
from shared.events import Place


class Kind(StrEnum):
    """Whether a camera has one place."""

    FIXED = "fixed"
    VEHICLE = "vehicle"


class Status(StrEnum):
    """Whether a device's credential is taken."""

    ACTIVE = "active"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Device:
    """One registered camera."""

    device_id: UUID
    name: str
    kind: Kind
    place: Place | None
    """Where a fixed camera stands; None for a vehicle."""

    frames_per_s: float
    reads_per_s: float
    status: Status
    registered_at: datetime
    last_seen_at: datetime | None = None
    """As last written down, which trails by a few seconds."""

    version: int = 1
    """Grows with each change, so that what was read earlier never replaces what was read later."""

    may_buffer_h: float = 0
    """How many hours it may keep captures back; what comes later is late (`buffering`)."""

    credentials: tuple[Credential, ...] = field(default=(), repr=False)
    """Those that may still hold, the current one first."""

    def accepts(self, secret_sha256: bytes, now: datetime) -> bool:
        """Tell whether a secret with this digest is one of the device's at `now`."""
        return self.status is Status.ACTIVE and any(
            credential.holds(secret_sha256, now) for credential in self.credentials
        )
