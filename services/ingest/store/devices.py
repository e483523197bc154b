"""The only queries on ingest's tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.domain.credentials import Credential
from services.ingest.domain.devices import Device, DeviceKind, DeviceStatus
from services.ingest.domain.lateness import NO_ARRIVALS, Arrivals
from services.ingest.domain.problem_codes import Code
from shared.core.errors import Conflict
from shared.events import Place

_DEVICES = """
    SELECT d.device_id, d.name, d.kind, d.latitude, d.longitude, d.heading_deg, d.frames_per_s,
           d.reads_per_s, d.may_buffer_h, d.status, d.registered_at, d.last_seen_at, d.version,
           CASE WHEN d.late_told_at IS NOT NULL THEN d.late_since END AS late_since,
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
_LIVE = "coalesce(greatest(d.last_live_at, s.live_at), '-infinity')"
# A live post at any process ends a stretch of late ones; so does a pause, unless it is already reported.
_GOES_ON = f"""
    d.late_since > {_LIVE}
    AND (d.late_told_at IS NOT NULL OR s.late_since IS NULL OR s.late_since <= d.late_until + :pause)
"""
_SEEN = text(
    f"""
    UPDATE devices d SET last_seen_at = greatest(d.last_seen_at, s.seen_at),
        last_live_at = greatest(d.last_live_at, s.live_at),
        late_since = least(CASE WHEN {_GOES_ON} THEN d.late_since END,
                           CASE WHEN s.late_since > {_LIVE} THEN s.late_since END),
        late_until = greatest(CASE WHEN {_GOES_ON} THEN d.late_until END,
                              CASE WHEN s.late_since > {_LIVE} THEN s.late_until END),
        late_posts = CASE WHEN {_GOES_ON} THEN d.late_posts ELSE 0 END
                   + CASE WHEN s.late_since > {_LIVE} THEN s.late_posts ELSE 0 END,
        late_told_at = CASE WHEN {_GOES_ON} THEN d.late_told_at END
    FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[]), CAST(:live AS timestamptz[]),
                CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]), CAST(:posts AS bigint[]))
        AS s (device_id, seen_at, live_at, late_since, late_until, late_posts)
    WHERE d.device_id = s.device_id
    """  # noqa: S608 - constants
)
_REINSTATED = text(
    """
    UPDATE devices SET reinstated_at = :now,
        late_since = NULL, late_until = NULL, late_posts = 0, late_told_at = NULL
    WHERE device_id = :id
    """
)
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
_COME_LATE = text(
    """
    UPDATE devices SET late_told_at = :now
    WHERE kind = 'fixed' AND status = 'active' AND late_told_at IS NULL
      AND late_posts >= :posts AND late_until - late_since >= :stretch
    RETURNING device_id, name, late_until AS last_heard_at, late_since
    """
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
    """A device that fell silent or sends late data only, and the time at which it last sent any."""

    device_id: UUID
    name: str
    last_heard_at: datetime
    late_since: datetime | None = None
    """Since when everything came late; None if it fell silent."""


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

    async def seen(
        self, times: Mapping[UUID, datetime], arrivals: Mapping[UUID, Arrivals], pause: timedelta
    ) -> None:
        """Store when devices were last seen, and when posts came; a longer `pause` ends a stretch of late ones."""
        ids = list({**times, **arrivals})
        came = [arrivals.get(device_id, NO_ARRIVALS) for device_id in ids]
        await self._connection.execute(
            _SEEN,
            {
                "ids": ids,
                "times": [times.get(device_id) for device_id in ids],
                "live": [one.live_at for one in came],
                "since": [one.late_since for one in came],
                "until": [one.late_until for one in came],
                "posts": [one.late_posts for one in came],
                "pause": pause,
            },
        )

    async def fall_silent(self, before: datetime, now: datetime) -> list[Silent]:
        """Return the fixed devices last heard from, or reinstated, before `before`; returns each silence once."""
        rows = await self._connection.execute(_FALL_SILENT, {"before": before, "now": now})
        return [Silent(**row) for row in rows.mappings()]

    async def come_late(self, stretch: timedelta, posts: int, now: datetime) -> list[Silent]:
        """Return the fixed devices of which `posts` or more over `stretch` all came late; returns each stretch once."""
        values = {"stretch": stretch, "posts": posts, "now": now}
        rows = await self._connection.execute(_COME_LATE, values)
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
        late_since=row["late_since"],
        version=row["version"],
        credentials=tuple(Credential(*fields) for fields in credentials),
    )
