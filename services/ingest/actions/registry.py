"""Changes to the device registry: each commits with its event, and applies in this process at once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.buffering import check_buffer
from services.ingest.domain.credentials import digest, new_secret
from services.ingest.domain.devices import Device, Kind, Status
from services.ingest.domain.problem_codes import Code
from services.ingest.store.devices import Devices
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.events import DeviceChanged, Place
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime


@dataclass(frozen=True)
class Issued:
    """A device and its new credential, which is stored nowhere else."""

    device: Device
    credential: str


class Registry:
    """An ALPR administrator's operations on devices."""

    def __init__(self, runtime: ApiRuntime, known: Callable[[Device], None], grant: Grant) -> None:
        """`known` is called with each committed change, so that it applies in this process at once."""
        self._put = known
        self._grant = grant
        self._runtime = runtime

    async def page(self, *, after: str, limit: int) -> list[Device]:
        """Return devices by name."""
        async with self._runtime.db.begin() as connection:
            return await Devices(connection).page(after=after, limit=limit)

    async def get(self, device_id: UUID) -> Device:
        """Return one device. Raises: NotFound."""
        async with self._runtime.db.begin() as connection:
            return await _found(Devices(connection), device_id)

    async def register(
        self,
        name: str,
        kind: Kind,
        place: Place | None,
        *,
        frames_per_s: float,
        reads_per_s: float,
        may_buffer_h: float | None,
    ) -> Issued:
        """Add a device; `may_buffer_h` None means the policy's maximum for its kind.

        Raises: Conflict if its name exists, InvalidInput for its place or how long it may keep captures back.
        """
        rules = self._runtime.policy.devices
        device = Device(
            uuid4(),
            name,
            kind,
            place,
            frames_per_s,
            reads_per_s,
            Status.ACTIVE,
            self._grant.now,
            may_buffer_h=rules.may_buffer_h[kind.value] if may_buffer_h is None else may_buffer_h,
        )
        _check_place(device)
        check_buffer(device, rules)
        async with self._runtime.db.begin() as connection:
            devices = Devices(connection)
            await devices.add(device)
            secret = await self._issue(devices, device)
            await self._emit(
                connection, device, "registered", kind=kind.value, **_audited_fields(device)
            )
        return await self._issued(device.device_id, secret)

    async def update(self, device_id: UUID, **changes: object) -> Device:
        """Change name, place, rates or how long it may keep captures back. Raises: NotFound, Conflict, InvalidInput."""
        async with self._runtime.db.begin() as connection:
            devices = Devices(connection)
            before = await _found(devices, device_id, lock=True)
            device = replace(before, **changes)  # type: ignore[arg-type]
            _check_place(device)
            if "may_buffer_h" in changes:
                check_buffer(device, self._runtime.policy.devices)
            told = {
                k: v
                for k, v in _audited_fields(device).items()
                if _audited_fields(before).get(k) != v
            }
            await devices.save(device)
            await self._emit(connection, device, "updated", **told)
        return await self._known(device_id)

    async def rotate(self, device_id: UUID, *, overlap: timedelta) -> Issued:
        """Issue a new credential; the old one stops after `overlap`. Raises: NotFound, Conflict."""
        async with self._runtime.db.begin() as connection:
            devices = Devices(connection)
            device = await _found(devices, device_id, lock=True)
            if device.status is not Status.ACTIVE:
                raise Conflict(Code.DEVICE_REVOKED)
            await devices.end_credentials(device_id, self._grant.now + overlap, self._grant.now)
            secret = await self._issue(devices, device)
            await devices.save(device)
            minutes = f"{overlap.total_seconds() / 60:g}"
            await self._emit(connection, device, "rotated", overlap_minutes=minutes)
        return await self._issued(device_id, secret)

    async def revoke(self, device_id: UUID, *, reason: str) -> Device:
        """Refuse everything from a device from now on. Raises: NotFound, Conflict."""
        async with self._runtime.db.begin() as connection:
            devices = Devices(connection)
            device = await _found(devices, device_id, lock=True)
            if device.status is Status.REVOKED:
                raise Conflict(Code.DEVICE_REVOKED_BEFORE)
            await devices.end_credentials(device_id, self._grant.now, self._grant.now)
            await devices.save(replace(device, status=Status.REVOKED))
            await self._emit(connection, device, "revoked", reason=reason)
        return await self._known(device_id)

    async def reinstate(self, device_id: UUID, *, reason: str) -> Issued:
        """Reinstate a revoked device with a new credential, since others may know the old one.

        Raises: NotFound, Conflict.
        """
        async with self._runtime.db.begin() as connection:
            devices = Devices(connection)
            device = await _found(devices, device_id, lock=True)
            if device.status is Status.ACTIVE:
                raise Conflict(Code.DEVICE_NOT_REVOKED)
            secret = await self._issue(devices, device)
            await devices.save(replace(device, status=Status.ACTIVE))
            await self._emit(connection, device, "reinstated", reason=reason)
        return await self._issued(device_id, secret)

    async def _issue(self, devices: Devices, device: Device) -> str:
        secret = new_secret()
        await devices.issue(device.device_id, digest(secret), self._grant.now)
        return secret

    async def _issued(self, device_id: UUID, secret: str) -> Issued:
        return Issued(await self._known(device_id), f"{device_id}.{secret}")

    async def _known(self, device_id: UUID) -> Device:
        """Read a device as committed, and update this process's cache before the request is answered."""
        device = await self.get(device_id)
        self._put(device)
        return device

    async def _emit(
        self, connection: AsyncConnection, device: Device, change: str, **details: str
    ) -> None:
        event = DeviceChanged(
            occurred_at=self._grant.now,
            actor=self._grant.actor,
            device_id=device.device_id,
            change=change,  # type: ignore[arg-type]
            details={"name": device.name, **details},
        )
        await emit(connection, self._runtime.service, event)


async def _found(devices: Devices, device_id: UUID, *, lock: bool = False) -> Device:
    device = await devices.get(device_id, lock=lock)
    if device is None:
        raise NotFound(Code.DEVICE_UNKNOWN)
    return device


def _check_place(device: Device) -> None:
    if device.kind is Kind.FIXED and device.place is None:
        raise InvalidInput(Code.DEVICE_PLACE_MISSING, field="place")
    if device.kind is Kind.VEHICLE and device.place is not None:
        raise InvalidInput(Code.VEHICLE_HAS_NO_PLACE, field="place")


def _audited_fields(device: Device) -> dict[str, str]:
    """Return the device's properties that the audit log records."""
    place = device.place
    told = {
        "name": device.name,
        "frames_per_s": f"{device.frames_per_s:g}",
        "reads_per_s": f"{device.reads_per_s:g}",
        "may_buffer_h": f"{device.may_buffer_h:g}",
    }
    if place is not None:
        told |= {"latitude": f"{place.latitude}", "longitude": f"{place.longitude}"}
        told["heading_deg"] = "" if place.heading_deg is None else f"{place.heading_deg:g}"
    return told
