"""Reads of one device that contradict each other, told to the audit log once (ADR-0026).

The first half of a camera read's id covers what says that it is the same sighting: device, time and source
id. Reads whose ids are akin and that name other plates, or other regions, contradict each other. All of them
are kept; which one is right, a person decides.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from services.retention.domain.sightings import Sighting
from services.retention.store.passing import Passing
from shared.core.ids import akin, derive_id
from shared.events import ReadContradicted
from shared.postgres.outbox import emit


async def report(
    passing: Passing, service: str, device_id: UUID, sightings: Iterable[Sighting], now: datetime
) -> int:
    """Emit one event for each capture day with contradictions that were not told yet; return how many reads."""
    found = {_id_of(group): group for group in contradictions(sightings)}
    if not found:
        return 0
    fresh = await passing.first_contradictions(sorted(found))
    days = defaultdict[date, list[Sighting]](list)
    for group_id in fresh:
        group = found[group_id]
        days[group[0].captured_at.astimezone(UTC).date()] += group
    for day, reads in sorted(days.items()):
        await emit(passing.connection, service, _event(device_id, day, reads, now))
    return sum(map(len, days.values()))


def contradictions(sightings: Iterable[Sighting]) -> list[list[Sighting]]:
    """Return the groups of reads that tell of one sighting and name more than one plate or region.

    Another confidence alone is no contradiction: a camera that numbers nothing and tells whole seconds
    sends several reads of one vehicle with one time.
    """
    akin_to = defaultdict[int, list[Sighting]](list)
    for sighting in sightings:
        akin_to[akin(sighting.read_id)].append(sighting)
    return [group for group in akin_to.values() if len(group) > 1 and _differ(group)]


def _differ(group: Sequence[Sighting]) -> bool:
    plates = {sighting.plate for sighting in group}
    regions = {sighting.region for sighting in group} - {None}
    return len(plates) > 1 or len(regions) > 1


def _id_of(group: Sequence[Sighting]) -> UUID:
    """Return what these reads together are known by; a further read makes it another."""
    return derive_id("contradiction", *sorted(sighting.read_id for sighting in group))


def _event(
    device_id: UUID, day: date, reads: Sequence[Sighting], now: datetime
) -> ReadContradicted:
    named = sorted(reads, key=lambda read: read.order)[: ReadContradicted.MAX_NAMED]
    return ReadContradicted(
        occurred_at=now,
        device_id=device_id,
        captured_on=day,
        count=len(reads),
        read_ids=[read.read_id for read in named],
        plates=sorted({read.plate for read in named}),
    )
