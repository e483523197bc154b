"""Corrections of reads that an auditor should look at: very many by one person, or of one plate again and again."""

from collections import defaultdict
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
    many entries are processed at once.

    Args:
        corrections: in the log's order; with those of `limits.within` and of a day before the first new one.
        start: the first entry that was not processed before.
        limits: those of the department.
    """
    of_person = defaultdict[str, list[Corrected]](list)
    for one in corrections:
        of_person[one.person_id].append(one)
        if one.seq >= start:
            yield from _many(one, of_person[one.person_id], limits)
            yield from _repeated(one, of_person[one.person_id], limits)


def _many(new: Corrected, so_far: Sequence[Corrected], limits: Limits) -> Iterator[FindingRaised]:
    """Yield a finding of too many corrections in the day of the new one; one a day."""
    day = _day_of(new.at)
    count = sum(_day_of(one.at) == day for one in so_far)
    if count > limits.a_day:
        details = {"count": count, "limit": limits.a_day, "since": day.isoformat()}
        yield a_finding("many_corrections", new.person_id, new.at, day, **details)


def _repeated(
    new: Corrected, so_far: Sequence[Corrected], limits: Limits
) -> Iterator[FindingRaised]:
    """Yield a finding of too many reads of one plate that were corrected to others; one a plate and day.

    It ends with the sighting that the new correction is about.
    """
    if not new.is_of_another_plate:
        return
    reads = {
        one.read_id
        for one in so_far
        if one.is_of_another_plate and one.plate_before == new.plate_before
        if abs(new.at - one.at) <= limits.within
    }
    if len(reads) >= limits.of_plate:
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
