"""Who corrects very many reads, or those of one plate again and again, is a finding (ADR-0135)."""

from datetime import date
from uuid import uuid4

import pytest

from shared.events import ReadCorrected
from tests.integration.audit.conftest import OFFICER, a_correction, an_actor
from tests.integration.audit.erasing import OLD, purge

__all__ = ["purge"]

CLAUSE = pytest.mark.clause("468.3.1(d)/correction-findings")
PLATE, OTHER = "7ABC123", "7ABC128"


@pytest.fixture
def corrected(deliver, clock):
    """Deliver corrections from one plate to another, one a minute; return the events."""

    async def send(*pairs, **changes):
        events = []
        for before, plate in pairs:
            clock.advance(minutes=1)
            events.append(a_correction(clock.now(), before, plate, **changes))
        await deliver(*events)
        return events

    return send


@pytest.fixture
def raised(findings):
    """The new findings about corrections."""

    async def new():
        return [one for one in await findings() if "correction" in one.kind]

    return new


def many(count, start=1):
    """Return corrections of so many plates, each of another one."""
    return [(f"8XYZ{number:03d}", f"9XYZ{number:03d}") for number in range(start, start + count)]


@CLAUSE
async def test_more_than_thirty_in_a_day_are_one_finding_of_the_person(corrected, raised, clock):
    await corrected(*many(30))
    assert await raised() == []
    [last] = await corrected(("8AAA111", None))
    [finding] = await raised()
    assert (finding.kind, finding.subject) == ("many_corrections", OFFICER)
    assert finding.occurred_at == last.occurred_at
    assert finding.details == {"count": 31, "limit": 30, "since": clock.now().date().isoformat()}
    await corrected(*many(3))
    assert await raised() == [], "one a day"


@CLAUSE
async def test_people_count_apart_where_their_corrections_come_together(deliver, raised, clock):
    events = []
    for before, plate in [*many(16), *[(PLATE, OTHER)] * 4]:
        for person_id in (OFFICER, "other"):
            clock.advance(minutes=1)
            actor = an_actor(person_id, "Officer")
            events.append(a_correction(clock.now(), before, plate, actor=actor))
    await deliver(*events)
    assert await raised() == []


@CLAUSE
async def test_days_count_apart(corrected, raised, clock):
    await corrected(*many(30))
    clock.advance(days=1)
    await corrected(*many(30, start=100))
    assert await raised() == []
    await corrected(("8AAA111", "8AAA112"))
    [finding] = await raised()
    assert finding.details["since"] == clock.now().date().isoformat()


@CLAUSE
async def test_five_reads_of_one_plate_are_a_finding_that_ends_with_the_last_sighting(
    corrected, raised, query
):
    sighting = date(2026, 5, 3)
    await corrected(*[(PLATE, OTHER)] * 4, ("8AAA111", PLATE))
    assert await raised() == [], "to correct reads to one plate gathers its record"
    [last] = await corrected((PLATE, None), captured_on=sighting)
    [finding] = await raised()
    assert (finding.kind, finding.subject) == ("repeated_correction", OFFICER)
    [entry] = await query(f"SELECT seq FROM entries WHERE event_id = '{last.event_id}'")
    assert finding.details == {"seq": entry.seq, "plate": PLATE, "count": 5, "days": 30}
    assert finding.captured_on == sighting
    [stored] = await query("SELECT details, sealed, captured_on FROM findings")
    assert "plate" not in stored.details
    assert (stored.sealed, stored.captured_on) == ({"plate": PLATE}, sighting)
    await corrected((PLATE, OTHER))
    assert await raised() == [], "one a plate and day"


@CLAUSE
async def test_the_reads_of_one_plate_count_once_each_and_within_thirty_days(
    corrected, raised, clock
):
    read_id = uuid4()
    await corrected((PLATE, OTHER), (OTHER, PLATE), (PLATE, None), read_id=read_id)
    await corrected(*[(PLATE, OTHER)] * 3)
    assert await raised() == [], "four reads"
    clock.advance(days=30)
    await corrected((PLATE, OTHER))
    assert await raised() == [], "the others are more than 30 days old"
    await corrected(*[(PLATE, OTHER)] * 4, actor=an_actor("other", "Officer Eight"))
    assert await raised() == [], "people count apart"
    await corrected(*[(PLATE, OTHER)] * 4)
    [finding] = await raised()
    assert finding.details["count"] == 5


@CLAUSE
async def test_one_read_a_week_is_a_finding_in_the_end(corrected, raised, clock):
    for _ in range(4):
        await corrected((PLATE, OTHER))
        assert await raised() == []
        clock.advance(days=7)
    await corrected((PLATE, OTHER))
    [finding] = await raised()
    assert (finding.kind, finding.details["count"]) == ("repeated_correction", 5)


@CLAUSE
async def test_another_state_alone_leaves_the_plate_as_it_was(corrected, raised, deliver, clock):
    await deliver(*[_of_another_state(clock) for _ in range(6)])
    assert await raised() == []


def _of_another_state(clock):
    clock.advance(minutes=1)
    return ReadCorrected(
        occurred_at=clock.now(),
        actor=an_actor(),
        correction_id=uuid4(),
        read_id=uuid4(),
        captured_on=clock.now().date(),
        plate_before=PLATE,
        plate=PLATE,
        region="US-NV",
        reason="A plate of Nevada",
    )


@CLAUSE
async def test_what_came_late_counts_on_its_own_day(corrected, raised, deliver, clock):
    await corrected(*many(30))
    late = clock.now()
    clock.advance(days=2)
    await deliver(a_correction(late, "8AAA111", None))
    found = await raised()
    assert [(one.kind, one.occurred_at) for one in found] == [("many_corrections", late)]


@CLAUSE
async def test_what_a_purge_erased_counts_towards_the_day_and_towards_no_plate(
    corrected, raised, purge, query
):
    await corrected(*[(PLATE, OTHER)] * 4, *many(26), captured_on=OLD)
    await purge()
    assert await query("SELECT seq FROM values_left WHERE name = 'sighting'") == []
    await corrected((PLATE, OTHER))
    [finding] = await raised()
    assert (finding.kind, finding.details["count"]) == ("many_corrections", 31)
