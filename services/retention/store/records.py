"""Returns reads and captures under a grant, and discloses every row."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.corrections import Correction
from services.retention.domain.criteria import Criteria, scope_of
from services.retention.domain.details import NO_DETAILS, Details
from services.retention.domain.plates import plate_of
from services.retention.store import conditions
from services.retention.store.corrections import AS_JSON, correction_of
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.core.permissions import Permission
from shared.core.types import Ori, PlateText

COLUMNS = (
    "r.read_id, r.captured_at, r.received_at, r.plate_id, r.confidence, r.latitude, r.longitude,"
    " r.heading_deg, r.device_id, r.capture_id, r.agency_ori, r.plate_as_read, r.region, r.source,"
    " r.model, r.crop_key, r.image_key, r.details, r.late"
)
_FIELDS = tuple(column.removeprefix("r.") for column in COLUMNS.split(", "))
_NAMES = text("SELECT device_id, device_name FROM devices WHERE device_id = ANY(:ids)")
_BESIDE = text(
    f"""
    SELECT device_id AS id, device_name, CAST(NULL AS uuid) AS pass_id, CAST(NULL AS bigint) AS plate_id,
        CAST(NULL AS uuid) AS hit_id, NULL AS record_kind, NULL AS tier, NULL AS source, NULL AS outcome,
        NULL AS disposition, CAST(NULL AS jsonb) AS correction, CAST(NULL AS bigint) AS seq
    FROM devices WHERE device_id = ANY(:devices)
    UNION ALL
    SELECT m.read_id, NULL, m.pass_id, p.plate_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
    FROM pass_reads m JOIN passes p USING (pass_id) WHERE m.read_id = ANY(:reads)
    UNION ALL
    SELECT read_id, NULL, NULL, NULL, hit_id, record_kind, tier, source, outcome, disposition, NULL, NULL
    FROM hits WHERE read_id = ANY(:reads) AND source = ANY(:sources)
    UNION ALL
    SELECT read_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, {AS_JSON}, seq
    FROM read_corrections WHERE read_id = ANY(:reads)
    ORDER BY hit_id, seq
    """  # noqa: S608 - constants
)
"""What is stored beside reads, in one round trip: names of devices, passes, hits of some sources, and corrections."""

CAPTURE_COLUMNS = (
    "r.capture_id, r.captured_at, r.received_at, r.latitude, r.longitude, r.heading_deg, r.device_id,"
    " r.agency_ori, r.time_source, r.object_key, r.sha256, r.media_type, r.size_bytes, r.width_px,"
    " r.height_px, r.outcome, r.model, r.reason, r.reads, r.late"
)


@dataclass(frozen=True)
class HitFlag:
    """A hit on a read, shown only to viewers entitled to the hot list's source."""

    hit_id: UUID
    record_kind: str
    tier: str
    source: str
    outcome: str | None
    """Outcome of the verification; None until then."""
    disposition: str | None


class PassFlag(NamedTuple):
    """The pass that a read belongs to."""

    pass_id: UUID
    agrees: bool
    """Whether the pass voted for this read's plate."""


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """One stored read."""

    read_id: UUID
    captured_at: datetime
    received_at: datetime
    plate: PlateText
    plate_as_read: str
    region: str | None
    confidence: float
    latitude: float | None
    longitude: float | None
    heading_deg: float | None
    device_id: UUID
    device_name: str
    capture_id: UUID | None
    agency_ori: Ori
    source: str
    model: str
    crop_key: str | None
    image_key: str | None
    details: Details
    late: bool | None
    """Whether it arrived later than its device may keep it back; None for reads from before this was judged."""
    pass_flag: PassFlag | None = None
    hits: tuple[HitFlag, ...] = ()
    corrections: tuple[Correction, ...] = ()
    """Oldest first; the last one is in force."""


@dataclass(frozen=True)
class Capture:
    """One stored capture."""

    capture_id: UUID
    captured_at: datetime
    received_at: datetime
    latitude: float | None
    longitude: float | None
    heading_deg: float | None
    device_id: UUID
    device_name: str
    agency_ori: Ori
    time_source: str
    object_key: str
    sha256: str
    media_type: str
    size_bytes: int
    width_px: int
    height_px: int
    outcome: str
    model: str
    reason: str | None
    reads: int
    late: bool | None
    """The same as `late` of a read."""


class Picture(Protocol):
    """A picture that was fetched and is not sent yet."""

    def close(self) -> None:
        """Forget it."""


P = TypeVar("P", bound=Picture)


class Records:
    """Reads and captures of the grant's agency, within the scope of its purpose."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, grant: Grant, read_id: UUID) -> Read | None:
        """Return one read and disclose it; also one that only a hold keeps."""
        allowed = self._allowed(grant)
        found = await self._one("reads", "read_id", COLUMNS, read_id, allowed)
        return (await self.released(grant, [found]))[0] if found is not None else None

    async def crop(
        self, grant: Grant, read_id: UUID, fetch: Callable[[str], Awaitable[P]]
    ) -> P | None:
        """Fetch a read's plate image by its object key, and disclose it; None without such an image.

        The disclosure follows: it locks the caller's count of records, for which their other requests would wait.
        """
        found = await self._one("reads", "read_id", COLUMNS, read_id, self._allowed(grant))
        if found is None or found.crop_key is None:
            return None
        disclosed = Disclosed(
            record_id=read_id, captured=found.captured_at, plates=[plate_of(found.plate_id)]
        )
        picture = await fetch(found.crop_key)
        return await self._disclosed(grant, "crop", disclosed, picture)

    async def frame(
        self, grant: Grant, capture_id: UUID, fetch: Callable[[Capture], Awaitable[P]]
    ) -> P | None:
        """Fetch a capture's whole frame, and disclose it; None for an unknown capture."""
        found = await self._capture(grant, capture_id)
        if found is None:
            return None
        [capture] = await self._captures([found])
        disclosed = Disclosed(record_id=capture_id, captured=capture.captured_at)
        picture = await fetch(capture)
        return await self._disclosed(grant, "image", disclosed, picture)

    async def _disclosed(self, grant: Grant, kind: str, disclosed: Disclosed, picture: P) -> P:
        try:
            await disclose(self._connection, grant, kind, [disclosed])
        except BaseException:
            picture.close()
            raise
        return picture

    async def capture(self, grant: Grant, capture_id: UUID) -> Capture | None:
        """Return one capture and disclose it; also one that only a hold keeps."""
        found = await self._capture(grant, capture_id)
        return None if found is None else (await self.released_captures(grant, [found]))[0]

    async def _capture(self, grant: Grant, capture_id: UUID) -> Row[Any] | None:
        scope = scope_of(grant.purpose.scope) if grant.purpose else Criteria()
        allowed = self._visible(grant, conditions.of_captures(scope, "s"))
        found = await self._one("captures", "capture_id", CAPTURE_COLUMNS, capture_id, allowed)
        if found is None or not await self._shows_scoped_plate(scope, found):
            return None
        return found

    async def released_captures(self, grant: Grant, rows: Sequence[Row[Any]]) -> list[Capture]:
        """Return rows of `CAPTURE_COLUMNS` as captures and disclose them."""
        captures = await self._captures(rows)
        disclosed = [Disclosed(record_id=c.capture_id, captured=c.captured_at) for c in captures]
        await disclose(self._connection, grant, "capture", disclosed)
        return captures

    async def released(self, grant: Grant, rows: Sequence[Row[Any]]) -> list[Read]:
        """Return rows of `COLUMNS` as reads and disclose them, with a kind of their own for an export."""
        beside = await self._beside(grant, rows)
        reads = [_read(row, beside) for row in rows]
        disclosed = [
            Disclosed(record_id=r.read_id, captured=r.captured_at, plates=[r.plate]) for r in reads
        ]
        exported = grant.permission is Permission.RECORD_EXPORT
        kind = "exported_read" if exported else "read"
        await disclose(self._connection, grant, kind, disclosed)
        return reads

    async def _captures(self, rows: Sequence[Row[Any]]) -> list[Capture]:
        names = await self._names(rows)
        return [Capture(**r._mapping, device_name=names.get(r.device_id, "")) for r in rows]

    def _allowed(self, grant: Grant) -> conditions.Conditions:
        scope = scope_of(grant.purpose.scope) if grant.purpose else Criteria()
        return self._visible(grant, conditions.of_reads(scope, "s"))

    @staticmethod
    def _visible(grant: Grant, scope: conditions.Conditions) -> conditions.Conditions:
        scope.add("r.agency_ori = ANY(:{p}agencies)", agencies=sorted(grant.agencies))
        return scope

    async def _one(
        self, table: str, key: str, columns: str, value: UUID, allowed: conditions.Conditions
    ) -> Row[Any] | None:
        halves = " UNION ALL ".join(
            f"SELECT {columns} FROM {source} r WHERE r.{key} = :key AND {allowed.sql}"  # noqa: S608
            for source in (table, f"held_{table}")
        )
        rows = await self._connection.execute(
            text(f"{halves} LIMIT 1"), {"key": value, **allowed.parameters}
        )
        return rows.first()

    async def _shows_scoped_plate(self, scope: Criteria, capture: Row[Any]) -> bool:
        """Return whether a capture shows the plate that the scope names; True if it names none."""
        if scope.plate is None:
            return True
        plate = conditions.Conditions("s")
        plate.add_plate(scope.pattern)
        halves = " UNION ALL ".join(
            f"SELECT 1 FROM {table} r WHERE r.device_id = :device"  # noqa: S608 - constants
            f" AND r.captured_at = :at AND r.capture_id = :capture AND {plate.sql}"
            for table in ("reads", "held_reads")
        )
        named = {
            "device": capture.device_id,
            "at": capture.captured_at,
            "capture": capture.capture_id,
        }
        rows = await self._connection.execute(
            text(f"{halves} LIMIT 1"), {**named, **plate.parameters}
        )
        return rows.first() is not None

    async def _names(self, rows: Sequence[Row[Any]]) -> dict[UUID, str]:
        ids = list({row.device_id for row in rows})
        found = await self._connection.execute(_NAMES, {"ids": ids})
        return {row.device_id: row.device_name for row in found}

    async def _beside(self, grant: Grant, rows: Sequence[Row[Any]]) -> "_Beside":
        plates = {row.read_id: row.plate_id for row in rows}
        values = {
            "devices": list({row.device_id for row in rows}),
            "reads": list(plates),
            "sources": sorted(grant.principal.sources),
        }
        found = _Beside({}, {}, {}, {})
        for row in await self._connection.execute(_BESIDE, values):
            if row.pass_id is not None:
                found.passes[row.id] = PassFlag(row.pass_id, row.plate_id == plates[row.id])
            elif row.hit_id is not None:
                hit = HitFlag(
                    hit_id=row.hit_id,
                    record_kind=row.record_kind,
                    tier=row.tier,
                    source=row.source,
                    outcome=row.outcome,
                    disposition=row.disposition,
                )
                found.hits.setdefault(row.id, []).append(hit)
            elif row.correction is not None:
                found.corrections.setdefault(row.id, []).append(correction_of(row.correction))
            else:
                found.names[row.id] = row.device_name
        return found


class _Beside(NamedTuple):
    """What is stored beside reads: names by device; passes, hits and corrections by read."""

    names: dict[UUID, str]
    passes: dict[UUID, PassFlag]
    hits: dict[UUID, list[HitFlag]]
    corrections: dict[UUID, list[Correction]]


def _read(row: Row[Any], beside: _Beside) -> Read:
    plain = dict(zip(_FIELDS, row, strict=True))
    details, read_id = plain.pop("details"), plain["read_id"]
    return Read(
        plate=plate_of(plain.pop("plate_id")),
        device_name=beside.names.get(plain["device_id"], ""),
        details=NO_DETAILS if details is None else msgspec.convert(details, Details),
        pass_flag=beside.passes.get(read_id),
        hits=tuple(beside.hits.get(read_id, ())),
        corrections=tuple(beside.corrections.get(read_id, ())),
        **plain,
    )
