"""Findings about what retention reports: overdue purges, neglected holds, and copies of evidence that differ."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.audit.domain.findings import Step, a_finding
from services.audit.store.said import CustodySaid, HoldSaid, MissedSaid
from services.audit.store.stream import Stream
from shared.events import (
    Actor,
    Event,
    EvidenceCustodyRecorded,
    FindingRaised,
    HoldChanged,
    PurgeMissed,
)


async def of_retention(
    stream: Stream, numbers: Callable[[type[Event]], Sequence[int]]
) -> list[FindingRaised]:
    """Return the findings that follow from what retention reports; `numbers` gives the entries of a type of event."""
    missed = await stream.said(numbers(PurgeMissed), MissedSaid)
    holds = await stream.said(numbers(HoldChanged), HoldSaid)
    acts = await stream.said(numbers(EvidenceCustodyRecorded), CustodySaid)
    return [
        *(_purge_overdue(one.seq, one.at, one.content) for one in missed),
        *(found for one in holds for found in _neglect(one.seq, one.at, one.content)),
        *(found for one in acts for found in _difference(one.seq, one.at, one.content)),
    ]


async def corrections(
    stream: Stream, numbers: Sequence[int], software: Actor
) -> list[tuple[UUID, Step]]:
    """Return what these acts of custody say about the findings of the checks that they correct, if there are any."""
    acts = await stream.said(numbers, CustodySaid)
    return [
        (
            _differs(one.at, one.content, one.content.corrects).finding_id,
            Step(
                change="commented", by=software, at=one.at, note=_correction(one.seq, one.content)
            ),
        )
        for one in acts
        if one.content.corrects is not None
    ]


def _purge_overdue(seq: int, at: datetime, missed: MissedSaid) -> FindingRaised:
    """Return the finding of records that are left later than the schedule says (policy 468.3.1(f))."""
    day = missed.oldest_on.isoformat()
    return a_finding(
        "purge_overdue",
        "retention",
        at,
        day,
        seq=seq,
        since=day,
        due_after_days=missed.schedule_days,
        why=f"no purge of the records of that day was proposed, authorised or begun within {missed.overdue_days} days",
    )


def _neglect(seq: int, at: datetime, hold: HoldSaid) -> Iterable[FindingRaised]:
    """Yield a finding of a hold past its date of review, one for each date, or whose owner has left."""
    about = f"hold {hold.hold_id}"
    if hold.change == "review_due" and hold.review_by is not None:
        yield a_finding("hold_review_due", about, at, hold.review_by, seq=seq)
    elif hold.change == "owner_left" and hold.owner is not None:
        yield a_finding("hold_owner_left", about, at, hold.owner.person_id, seq=seq)


def _difference(seq: int, at: datetime, act: CustodySaid) -> Iterable[FindingRaised]:
    """Yield a finding of a booked copy that a check found to differ from its package, one for each check."""
    if act.matches is False:
        yield _differs(at, act, act.act_id, seq=seq, booking_id=act.booking_id)


def _differs(at: datetime, act: CustodySaid, check: str, **details: Any) -> FindingRaised:
    """Return the finding of a check, whose id derives from the export and the check."""
    return a_finding("copy_differs", f"evidence export {act.export_id}", at, check, **details)


def _correction(seq: int, act: CustodySaid) -> str:
    says = {
        True: "its digest is that of the package",
        False: "its digest is not that of the package either",
        None: "it was no check",
    }
    return f"entry {seq} corrects this check: {says[act.matches]}"
