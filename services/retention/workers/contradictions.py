"""Reports contradicting reads of one device to the audit log, once (ADR-0026).

All but the last 32 bits of a camera read's id identify the sighting: device, time and source id. Reads whose ids
share those bits but name different plates or regions contradict each other. The service keeps all of them; a person
decides which one is right.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from services.retention.domain.sightings import Sighting, order_of
from services.retention.store.pass_queue import Passing
from shared.core.ids import akin, derive_id
from shared.events import ReadContradicted


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Reads of one sighting that contradict each other."""

    device_id: UUID
    reads: tuple[Sighting, ...]

    @property
    def id(self) -> UUID:
        """The group's id, derived from its reads; a further read changes it."""
        return derive_id("contradiction", *sorted(sighting.read_id for sighting in self.reads))


async def report(
    passing: Passing, found: Iterable[Contradiction], now: datetime
) -> list[ReadContradicted]:
    """Return one event per device and capture day with new contradictions; the caller emits them."""
    by_id = {one.id: one for one in found}
    if not by_id:
        return []
    fresh = set(await passing.first_contradictions(sorted(by_id)))
    days = defaultdict[tuple[UUID, date], list[Sighting]](list)
    for one in (one for group_id, one in by_id.items() if group_id in fresh):
        day = one.reads[0].captured_at.astimezone(UTC).date()
        days[one.device_id, day] += one.reads
    return [_event(device_id, day, reads, now) for (device_id, day), reads in sorted(days.items())]


def contradictions(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    """Return the groups of reads of one sighting that name more than one plate or region.

    A different confidence alone is no contradiction: a camera without read numbers and with times in whole
    seconds sends several reads of one vehicle with one time.
    """
    akin_to = defaultdict[int, list[Sighting]](list)
    for sighting in sightings:
        akin_to[akin(sighting.read_id)].append(sighting)
    return [group for group in akin_to.values() if len(group) > 1 and _differ(group)]


def _differ(group: Sequence[Sighting]) -> bool:
    plates = {sighting.plate for sighting in group}
    regions = {sighting.region for sighting in group} - {None}
    return len(plates) > 1 or len(regions) > 1


def _event(
    device_id: UUID, day: date, reads: Sequence[Sighting], now: datetime
) -> ReadContradicted:
    named = sorted(reads, key=order_of)[: ReadContradicted.MAX_NAMED]
    return ReadContradicted(
        occurred_at=now,
        device_id=device_id,
        captured_on=day,
        count=len(reads),
        read_ids=[read.read_id for read in named],
        plates=sorted({read.plate for read in named}),
    )
