"""The only queries on ingest's tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.credentials import Credential
from services.ingest.domain.devices import Device, DeviceKind, DeviceStatus
from services.ingest.domain.problem_codes import Code
from shared.core.errors import Conflict
from shared.events import Place

_DEVICES = """
    SELECT d.device_id, d.name, d.kind, d.latitude, d.longitude, d.heading_deg, d.frames_per_s,
           d.reads_per_s, d.may_buffer_h, d.status, d.registered_at, d.last_seen_at, d.version,
           coalesce(array_agg(c.secret_sha256 ORDER BY c.issued_at DESC)
                    FILTER (WHERE c.device_id IS NOT NULL), '{}') AS secrets,
           coalesce(array_agg(c.issued_at ORDER BY c.issued_at DESC)
                    FILTER (WHERE c.device_id IS NOT NULL), '{}') AS issued,
           coalesce(array_agg(c.ends_at ORDER BY c.issued_at DESC)
                    FILTER (WHERE c.device_id IS NOT NULL), '{}') AS ends
    FROM devices d LEFT JOIN credentials c USING (device_id)
"""
_ALL = text(f"{_DEVICES} GROUP BY d.device_id")
_SOME = text(f"{_DEVICES} WHERE d.device_id = ANY(:ids) GROUP BY d.device_id")
_PAGE = text(
    f"{_DEVICES} WHERE lower(d.name) > lower(:after) GROUP BY d.device_id"
    " ORDER BY lower(d.name) LIMIT :limit"
)
_LOCK = text("SELECT 1 FROM devices WHERE device_id = :id FOR UPDATE")
_INSERT = text(
    """
    INSERT INTO devices (device_id, name, kind, latitude, longitude, heading_deg, frames_per_s,
                         reads_per_s, may_buffer_h, status, registered_at)
    VALUES (:device_id, :name, :kind, :latitude, :longitude, :heading_deg, :frames_per_s,
            :reads_per_s, :may_buffer_h, :status, :registered_at)
    """
)
_UPDATE = text(
    """
    UPDATE devices SET name = :name, latitude = :latitude, longitude = :longitude,
        heading_deg = :heading_deg, frames_per_s = :frames_per_s, reads_per_s = :reads_per_s,
        may_buffer_h = :may_buffer_h, status = :status, version = version + 1
    WHERE device_id = :device_id
    """
)
_SEEN = text(
    """
    UPDATE devices d SET last_seen_at = greatest(d.last_seen_at, s.seen_at)
    FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS s (device_id, seen_at)
    WHERE d.device_id = s.device_id
    """
)
_REINSTATED = text("UPDATE devices SET reinstated_at = :now WHERE device_id = :id")
_SINCE = "greatest(coalesce(last_seen_at, registered_at), reinstated_at)"
"""From when on a device's silence counts: nothing is accepted from a revoked one."""

# One replica's update wins, and a device is reported again only if it has sent data or been reinstated in between.
_FALL_SILENT = text(
    f"""
    UPDATE devices SET silence_told_at = :now
    WHERE status = 'active' AND kind = 'fixed' AND {_SINCE} < :before
      AND (silence_told_at IS NULL OR silence_told_at < {_SINCE})
    RETURNING device_id, name, coalesce(last_seen_at, registered_at) AS last_heard_at
    """  # noqa: S608 - constants
)
_HEARD = text(
    f"""
    SELECT name, {_SINCE} AS at FROM devices
    WHERE kind = 'fixed' AND status = 'active' ORDER BY at, device_id LIMIT :limit
    """  # noqa: S608 - constants
)
# DO UPDATE returns the row even if another transaction has just inserted it.
_FIRST_SEEN = text(
    """
    INSERT INTO first_seen AS f (device_id, sha256, received_at) VALUES (:id, :sha256, :now)
    ON CONFLICT (device_id, sha256) DO UPDATE SET received_at = f.received_at
    RETURNING received_at
    """
)


@dataclass(frozen=True)
class Silent:
    """A device that fell silent, and the time at which it last sent data."""

    device_id: UUID
    name: str
    last_heard_at: datetime


@dataclass(frozen=True)
class Heard:
    """An active fixed camera, and the time at which it last sent data, or was registered or reinstated."""

    name: str
    at: datetime


class Devices:
    """The registry, within one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def every(self) -> list[Device]:
        """Return all devices with their credentials, for the cache."""
        return [_device(row) for row in (await self._connection.execute(_ALL)).mappings()]

    async def some(self, ids: Iterable[UUID]) -> list[Device]:
        """Return those of `ids` that exist."""
        rows = await self._connection.execute(_SOME, {"ids": list(ids)})
        return [_device(row) for row in rows.mappings()]

    async def page(self, *, after: str, limit: int) -> list[Device]:
        """Return up to `limit` devices by name, those after the name `after`."""
        rows = await self._connection.execute(_PAGE, {"after": after, "limit": limit})
        return [_device(row) for row in rows.mappings()]

    async def get(self, device_id: UUID, *, lock: bool = False) -> Device | None:
        """Return one device; with `lock`, locked until the transaction ends."""
        if lock:
            await self._connection.execute(_LOCK, {"id": device_id})
        return next(iter(await self.some([device_id])), None)

    async def add(self, device: Device) -> None:
        """Insert a new device. Raises: Conflict if its name exists."""
        await self._write(_INSERT, {**_columns(device), "registered_at": device.registered_at})

    async def save(self, device: Device) -> None:
        """Update a changed device. Raises: Conflict if its name exists."""
        await self._write(_UPDATE, _columns(device))

    async def issue(self, device_id: UUID, secret_sha256: bytes, now: datetime) -> None:
        """Add a credential."""
        await self._connection.execute(
            text(
                "INSERT INTO credentials (device_id, secret_sha256, issued_at)"
                " VALUES (:id, :secret, :now)"
            ),
            {"id": device_id, "secret": secret_sha256, "now": now},
        )

    async def end_credentials(self, device_id: UUID, at: datetime, now: datetime) -> None:
        """End all of a device's credentials at `at` or before; deletes those that have ended."""
        await self._connection.execute(
            text("UPDATE credentials SET ends_at = least(ends_at, :at) WHERE device_id = :id"),
            {"id": device_id, "at": at},
        )
        await self._connection.execute(
            text("DELETE FROM credentials WHERE device_id = :id AND ends_at <= :now"),
            {"id": device_id, "now": now},
        )

    async def reinstated(self, device_id: UUID, now: datetime) -> None:
        """Store that a device is reinstated now."""
        await self._connection.execute(_REINSTATED, {"id": device_id, "now": now})

    async def seen(self, times: Mapping[UUID, datetime]) -> None:
        """Store when devices were last seen."""
        await self._connection.execute(_SEEN, {"ids": list(times), "times": list(times.values())})

    async def fall_silent(self, before: datetime, now: datetime) -> list[Silent]:
        """Return the fixed devices last heard from, or reinstated, before `before`; returns each silence once."""
        rows = await self._connection.execute(_FALL_SILENT, {"before": before, "now": now})
        return [Silent(**row) for row in rows.mappings()]

    async def heard(self, limit: int) -> list[Heard]:
        """Return the active fixed cameras, at most `limit`, those heard least recently first."""
        rows = await self._connection.execute(_HEARD, {"limit": limit})
        return [Heard(**row) for row in rows.mappings()]

    async def _write(self, statement: Any, columns: dict[str, Any]) -> None:
        try:
            async with self._connection.begin_nested():
                await self._connection.execute(statement, columns)
        except IntegrityError as exc:
            if "devices_name" not in str(exc.orig):
                raise
            raise Conflict(Code.DEVICE_NAME_TAKEN, field="name") from None


class FirstSeen:
    """First arrival times of frames without a device time, so that the same frame always gets the same time."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def note(self, device_id: UUID, sha256: bytes, now: datetime) -> datetime:
        """Return when this frame of this device first arrived: an earlier time, or `now`."""
        row = await self._connection.execute(
            _FIRST_SEEN, {"id": device_id, "sha256": sha256, "now": now}
        )
        first: datetime = row.scalar_one()
        return first

    async def forget(self, before: datetime) -> int:
        """Delete frames that arrived before `before`; returns their number."""
        result = await self._connection.execute(
            text("DELETE FROM first_seen WHERE received_at < :before"), {"before": before}
        )
        return result.rowcount


def _columns(device: Device) -> dict[str, Any]:
    place = device.place
    return {
        "device_id": device.device_id,
        "name": device.name,
        "kind": device.kind.value,
        "latitude": place.latitude if place else None,
        "longitude": place.longitude if place else None,
        "heading_deg": place.heading_deg if place else None,
        "frames_per_s": device.frames_per_s,
        "reads_per_s": device.reads_per_s,
        "may_buffer_h": device.may_buffer_h,
        "status": device.status.value,
    }


def _device(row: RowMapping) -> Device:
    place = None
    if row["latitude"] is not None:
        place = Place(row["latitude"], row["longitude"], row["heading_deg"])
    credentials = zip(row["secrets"], row["issued"], row["ends"], strict=True)
    return Device(
        device_id=UUID(str(row["device_id"])),
        name=row["name"],
        kind=DeviceKind(row["kind"]),
        place=place,
        frames_per_s=row["frames_per_s"],
        reads_per_s=row["reads_per_s"],
        may_buffer_h=row["may_buffer_h"],
        status=DeviceStatus(row["status"]),
        registered_at=row["registered_at"],
        last_seen_at=row["last_seen_at"],
        version=row["version"],
        credentials=tuple(Credential(*fields) for fields in credentials),
    )
