"""Corrections of reads that an auditor should look at: very many by one person, or of one plate again and again."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from msgspec import structs

from services.audit.domain.findings import a_finding
from shared.events import FindingRaised


@dataclass(frozen=True)
class Corrected:
    """A correction of a read, from its entry; read and plates are None once a purge has erased them."""

    seq: int
    person_id: str
    at: datetime
    captured_on: date
    read_id: str | None = None
    plate_before: str | None = None
    plate: str | None = None

    @property
    def is_of_another_plate(self) -> bool:
        """Return whether the plate on record was replaced, by another one or by none."""
        return self.plate_before is not None and self.plate != self.plate_before


@dataclass(frozen=True)
class Limits:
    """What corrections of one person raise a finding."""

    a_day: int
    """More than so many in a day (UTC)."""
    of_plate: int
    """So many reads of one plate, corrected to others `within` this time."""
    within: timedelta


def unusual_corrections(
    corrections: Sequence[Corrected], start: int, limits: Limits
) -> Iterator[FindingRaised]:
    """Yield the findings that the corrections from entry `start` on raise.

    Each is judged by itself and those of its person in the entries before it, so the findings do not depend on how
    many entries are processed at once. One may come again: it is stored once, by its id.

    Args:
        corrections: in the log's order; with those of `limits.within` and of a day before the first new one.
        start: the first entry that was not processed before.
        limits: those of the department.
    """
    on_day = Counter[tuple[str, date]]()
    of_plate = defaultdict[tuple[str, str | None], list[Corrected]](list)
    for one in corrections:
        on_day[one.person_id, _day_of(one.at)] += 1
        alike = of_plate[one.person_id, one.plate_before]
        if one.is_of_another_plate:
            alike.append(one)
        if one.seq >= start:
            yield from _many(one, on_day[one.person_id, _day_of(one.at)], limits)
            yield from _repeated(one, alike, limits)


def _many(new: Corrected, count: int, limits: Limits) -> Iterator[FindingRaised]:
    """Yield a finding, one a day, if a correction is one too many of its person's in its day."""
    if count <= limits.a_day:
        return
    day = _day_of(new.at)
    details = {"count": count, "limit": limits.a_day, "since": day.isoformat()}
    yield a_finding("many_corrections", new.person_id, new.at, day, **details)


def _repeated(
    new: Corrected, alike: Sequence[Corrected], limits: Limits
) -> Iterator[FindingRaised]:
    """Yield a finding, one a plate and day, if too many reads of the plate were corrected to others.

    It ends with the sighting that the new correction is about.

    Args:
        new: the correction.
        alike: those of its person that replaced the same plate, the new one among them.
        limits: those of the department.
    """
    if not new.is_of_another_plate:
        return
    reads = {one.read_id for one in alike if abs(new.at - one.at) <= limits.within}
    if len(reads) < limits.of_plate:
        return
    day = _day_of(new.at)
    found = a_finding(
        "repeated_correction",
        new.person_id,
        new.at,
        new.plate_before,
        day,
        seq=new.seq,
        plate=new.plate_before,
        count=len(reads),
        days=limits.within.days,
    )
    yield structs.replace(found, captured_on=new.captured_on)


def _day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()
