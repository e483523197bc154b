"""Changes to the device registry: each commits with its event."""

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.buffering import check_buffer
from services.ingest.domain.devices import Device, DeviceKind, DeviceStatus, check_place
from services.ingest.domain.problem_codes import Code
from services.ingest.settings import Settings
from services.ingest.store.devices import Devices
from shared.access.grant import Grant
from shared.core.clock import Clock
from shared.core.errors import Conflict, NotFound
from shared.core.machine_secrets import digest, new_secret
from shared.core.policy import Devices as DeviceRules
from shared.events import DeviceChanged, Place
from shared.postgres.unit_of_work import UnitOfWork


class RegistryWork(UnitOfWork):
    """A transaction on the registry, and the devices that it changed, as they are after its commit."""

    def __init__(self, connection: AsyncConnection, service: str, clock: Clock) -> None:
        super().__init__(connection, service, clock)
        self.devices = Devices(connection)
        self.changed: list[Device] = []


@dataclass(frozen=True, kw_only=True)
class NewDevice:
    """A device to register."""

    name: str
    kind: DeviceKind
    place: Place | None
    frames_per_s: float | None = None
    """None, as for `reads_per_s`: the setting."""

    reads_per_s: float | None = None
    may_buffer_h: float | None = None
    """None: the policy's maximum for its kind."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """New values of a device; None leaves a value unchanged."""

    name: str | None = None
    place: Place | None = None
    frames_per_s: float | None = None
    reads_per_s: float | None = None
    may_buffer_h: float | None = None

    def apply(self, device: Device) -> Device:
        """Return the device with the new values."""
        given = {name: getattr(self, name) for name in asdict(self)}
        return replace(device, **{name: v for name, v in given.items() if v is not None})


@dataclass(frozen=True)
class Issued:
    """A device and its new credential, which is stored nowhere else."""

    device: Device
    credential: str


async def register(
    work: RegistryWork, grant: Grant, new: NewDevice, settings: Settings, rules: DeviceRules
) -> Issued:
    """Add a device, and issue its credential.

    Raises: Conflict if its name exists; InvalidInput for its place or how long it may keep captures back.
    """
    may_buffer_h = new.may_buffer_h
    device = Device(
        uuid4(),
        new.name,
        new.kind,
        new.place,
        new.frames_per_s or settings.ingest_frames_per_s,
        new.reads_per_s or settings.ingest_reads_per_s,
        DeviceStatus.ACTIVE,
        grant.now,
        may_buffer_h=rules.may_buffer_h[new.kind.value] if may_buffer_h is None else may_buffer_h,
    )
    check_place(device)
    check_buffer(device, rules)
    await work.devices.add(device)
    secret = await _new_credential(work, grant, device)
    await _emit(work, grant, device, "registered", kind=new.kind.value, **_audited_fields(device))
    return await _issued(work, device, secret)


async def change(
    work: RegistryWork, grant: Grant, device_id: UUID, changes: Changes, rules: DeviceRules
) -> Device:
    """Change name, place, rates or how long a device may keep captures back; return it as it is now.

    Raises: NotFound; Conflict if its new name exists; InvalidInput.
    """
    before = await _found(work, device_id)
    device = changes.apply(before)
    check_place(device)
    if changes.may_buffer_h is not None:
        check_buffer(device, rules)
    old = _audited_fields(before)
    details = {name: v for name, v in _audited_fields(device).items() if old.get(name) != v}
    await work.devices.save(device)
    await _emit(work, grant, device, "updated", **details)
    return await _changed(work, device)


async def rotate(work: RegistryWork, grant: Grant, device_id: UUID, overlap: timedelta) -> Issued:
    """Issue a new credential; the old one stops after `overlap`. Raises: NotFound; Conflict for a revoked device."""
    device = await _found(work, device_id)
    if device.status is not DeviceStatus.ACTIVE:
        raise Conflict(Code.DEVICE_REVOKED)
    await work.devices.end_credentials(device_id, grant.now + overlap, grant.now)
    secret = await _new_credential(work, grant, device)
    await work.devices.save(device)
    minutes = f"{overlap.total_seconds() / 60:g}"
    await _emit(work, grant, device, "rotated", overlap_minutes=minutes)
    return await _issued(work, device, secret)


async def revoke(work: RegistryWork, grant: Grant, device_id: UUID, reason: str) -> Device:
    """Refuse everything from a device from now on; return it. Raises: NotFound; Conflict for a revoked device."""
    device = await _found(work, device_id)
    if device.status is DeviceStatus.REVOKED:
        raise Conflict(Code.DEVICE_REVOKED_BEFORE)
    await work.devices.end_credentials(device_id, grant.now, grant.now)
    await work.devices.save(replace(device, status=DeviceStatus.REVOKED))
    await _emit(work, grant, device, "revoked", reason=reason)
    return await _changed(work, device)


async def reinstate(work: RegistryWork, grant: Grant, device_id: UUID, reason: str) -> Issued:
    """Reinstate a revoked device with a new credential, since others may know the old one.

    Raises: NotFound; Conflict for an active device.
    """
    device = await _found(work, device_id)
    if device.status is DeviceStatus.ACTIVE:
        raise Conflict(Code.DEVICE_NOT_REVOKED)
    secret = await _new_credential(work, grant, device)
    await work.devices.save(replace(device, status=DeviceStatus.ACTIVE))
    await work.devices.reinstated(device_id, grant.now)
    await _emit(work, grant, device, "reinstated", reason=reason)
    return await _issued(work, device, secret)


async def _found(work: RegistryWork, device_id: UUID) -> Device:
    device = await work.devices.get(device_id, lock=True)
    if device is None:
        raise NotFound(Code.DEVICE_UNKNOWN)
    return device


async def _new_credential(work: RegistryWork, grant: Grant, device: Device) -> str:
    secret = new_secret()
    await work.devices.issue(device.device_id, digest(secret), grant.now)
    return secret


async def _issued(work: RegistryWork, device: Device, secret: str) -> Issued:
    return Issued(await _changed(work, device), f"{device.device_id}.{secret}")


async def _changed(work: RegistryWork, device: Device) -> Device:
    """Read a changed device again, with its new version and its credentials."""
    [now] = await work.devices.some([device.device_id])
    work.changed.append(now)
    return now


async def _emit(
    work: RegistryWork,
    grant: Grant,
    device: Device,
    change: Literal["registered", "updated", "rotated", "revoked", "reinstated"],
    **details: str,
) -> None:
    await work.emit(
        DeviceChanged(
            occurred_at=grant.now,
            actor=grant.actor,
            device_id=device.device_id,
            change=change,
            details={"name": device.name, **details},
        )
    )


def _audited_fields(device: Device) -> dict[str, str]:
    """Return the device's properties that the audit log records."""
    place = device.place
    fields = {
        "name": device.name,
        "frames_per_s": f"{device.frames_per_s:g}",
        "reads_per_s": f"{device.reads_per_s:g}",
        "may_buffer_h": f"{device.may_buffer_h:g}",
    }
    if place is not None:
        fields |= {"latitude": f"{place.latitude}", "longitude": f"{place.longitude}"}
        fields["heading_deg"] = "" if place.heading_deg is None else f"{place.heading_deg:g}"
    return fields
