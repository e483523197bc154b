"""Sightings in the log, and the purge that erases them."""

from datetime import UTC, date, datetime
from uuid import uuid4

import msgspec
import pytest

from services.audit.workers.erasing import Eraser
from shared.events import (
    DisclosedDay,
    DisclosedRecord,
    HitVerified,
    PurgeChanged,
    RecordsPurged,
)
from shared.objects.purge_list import ListWriter, Page
from tests.integration.audit.conftest import a_disclosure, an_actor, an_attempt
from tests.integration.audit.sealed_events import a_hit

BEFORE = datetime(2025, 4, 27, 12, tzinfo=UTC)
"""The end of the schedule on the tests' day: a purge may destroy earlier records."""


OLD = date(2025, 4, 20)


LAST = date(2025, 4, 27)


YOUNG = date(2025, 4, 28)


READS = {name: uuid4() for name in ("gone", "held", "of_last_day", "after_noon", "young")}


@pytest.fixture
def purge(deliver, objects, clock, runtime, writer):
    """Publish a purge as retention does, and have audit process it."""

    async def purged_run(
        *,
        purged=("gone", "of_last_day"),
        held=("held",),
        before=BEFORE,
        follow=True,
        certify=True,
        occurred_at=None,
        listed=True,
    ):
        async def pages(names):
            yield Page.of("read", [READS[name] for name in names])

        run_id = uuid4()
        named = await ListWriter(objects, run_id, before).write(pages(purged), pages(held))
        event = RecordsPurged(
            occurred_at=occurred_at or clock.now(),
            run_id=run_id,
            before=before,
            reads=len(purged),
            captures=0,
            objects=0,
            kept_under_hold=len(held),
            purge_list=named if listed else None,
        )
        await deliver(event)
        if certify:
            await deliver(certified(clock, run_id))
        if follow:
            assert await Eraser(runtime, writer).catch_up() == 1
        return event

    return purged_run


def certified(clock, run_id, digest="c1" * 32, **changes):
    """Return the event of a run's certificate, signed by retention."""
    said = {"change": "certified", "details": {"certificate_sha256": digest}}
    return PurgeChanged(
        occurred_at=clock.now(), actor=an_actor(), run_id=run_id, **{**said, **changes}
    )


def a_disclosed(name, plate, **more):
    return DisclosedRecord(record_id=str(READS[name]), plates=[plate], **more)


def sightings(clock):
    """Return a disclosure of records of three days, hits on them, and the handling of one."""
    attempt = an_attempt(clock, elements={})
    days = [
        DisclosedDay(
            captured_on=OLD, shown=[a_disclosed("gone", "1GONE11"), a_disclosed("held", "2HELD22")]
        ),
        DisclosedDay(
            captured_on=LAST,
            shown=[a_disclosed("of_last_day", "3GONE33"), a_disclosed("after_noon", "4LATE44")],
        ),
        DisclosedDay(captured_on=YOUNG, shown=[a_disclosed("young", "5YOUNG5")]),
        DisclosedDay(shown=[DisclosedRecord(record_id="entry 7")]),
    ]
    disclosed = msgspec.structs.replace(a_disclosure(clock, attempt), records=days, count=6)
    hits = [
        a_hit(
            clock,
            read_id=READS[name],
            captured_at=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
            plate_read=plate,
            plate_listed=plate,
        )
        for name, day, plate in (
            ("gone", OLD, "1GONE11"),
            ("held", OLD, "2HELD22"),
            ("of_last_day", LAST, "3GONE33"),
        )
    ]
    verified = HitVerified(
        occurred_at=clock.now(),
        hit_id=hits[0].hit_id,
        read_id=READS["gone"],
        verified_by=an_actor(),
        method="CLETS",
        reference="x",
        outcome="correct_read",
        captured_on=OLD,
    )
    return [attempt, disclosed, *hits, verified]
