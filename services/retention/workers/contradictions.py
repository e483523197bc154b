"""Reports contradicting reads of one device to the audit log, once (ADR-0026).

All but the last 32 bits of a camera read's id identify the sighting: device, time and source id. Reads whose ids
share those bits but name different plates or regions contradict each other. The service keeps all of them; a person
decides which one is right.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from services.retention.domain.sightings import Sighting
from services.retention.store.pass_queue import Passing
from shared.core.ids import akin, derive_id
from shared.events import ReadContradicted
from shared.postgres.outbox import emit


async def report(
    passing: Passing, service: str, device_id: UUID, sightings: Iterable[Sighting], now: datetime
) -> int:
    """Emit one event per capture day with new contradictions; return how many reads they contain."""
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


def _id_of(group: Sequence[Sighting]) -> UUID:
    """Return the id of a group, derived from its reads; a further read changes it."""
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
