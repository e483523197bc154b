"""Draws the samples of audits, reviews their items and signs audits off (policy 468.6(c))."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID, uuid4

from services.audit.domain.audits import (
    Audit,
    Drawn,
    Item,
    ItemOutcome,
    check_not_doubted,
    check_note,
    check_open,
    check_reviewer,
    check_sign_off,
    item_to_review,
)
from services.audit.domain.findings import a_finding
from services.audit.domain.periods import ENTRIES, PERIOD
from services.audit.domain.problem_codes import Code
from services.audit.domain.sampling import sample_of, seed_of
from services.audit.store.audits import Audits
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.findings import Findings
from services.audit.store.log import Row
from services.audit.store.periods import Fixed, Periods
from services.audit.store.search import Entries
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.events import AuditChanged
from shared.postgres.unit_of_work import UnitOfWork

Change = Literal["drawn", "item_reviewed", "signed_off"]


@dataclass(frozen=True, kw_only=True)
class Review:
    """A reviewer's judgement of one access."""

    outcome: ItemOutcome
    note: str | None = None


@dataclass(frozen=True)
class EndedPeriod:
    """A period of the audit plan that has ended."""

    fixed: Fixed
    drawable: bool
    """Whether the checkpoint that gives the seed is signed."""


async def ended_periods(
    work: UnitOfWork, *, before: int | None, limit: int
) -> Sequence[EndedPeriod]:
    """Return at most `limit` periods that entries before number `before` fixed, newest first."""
    checkpoints = Checkpoints(work.connection)
    return [
        EndedPeriod(period, await checkpoints.second_beyond(period.seq) is not None)
        for period in await Periods(work.connection).page(before=before, limit=limit)
    ]


async def draw(work: UnitOfWork, grant: Grant, period_seq: int) -> Audit:
    """Draw the sample of the period that entry `period_seq` fixed; return the audit.

    Raises: NotFound if the entry fixed no period; Conflict until two later checkpoints are signed, and for a period
    with a sample.
    """
    period = await Periods(work.connection).get(period_seq)
    if period is None:
        raise NotFound(Code.PERIOD_UNKNOWN)
    checkpoint = await Checkpoints(work.connection).second_beyond(period.seq)
    if checkpoint is None:
        raise Conflict(Code.PERIOD_UNSIGNED)
    drawn, numbers = await _drawn(work, grant, period, checkpoint)
    audits = Audits(work.connection)
    await audits.add(drawn, numbers)
    details = {
        "population": str(drawn.population),
        "sample": str(len(numbers)),
        PERIOD: str(period.seq),
        ENTRIES: ",".join(map(str, numbers)),
    }
    await work.emit(_changed(grant, drawn.audit_id, "drawn", **details))
    return await audits.get(grant, drawn.audit_id)


async def review_item(
    work: UnitOfWork, grant: Grant, audit_id: UUID, number: int, review: Review
) -> Audit:
    """Review one access of another person; return the audit. The outcome `improper` raises a finding.

    Raises: InvalidInput without a note, unless the outcome is `proper`; NotFound, also for an access of a destroyed
    log; Conflict for an audit that is signed off or an item that is reviewed; NotAuthorised for the reviewer's own
    access.
    """
    check_note(review.outcome, review.note)
    audits = Audits(work.connection)
    audit = await audits.lock(audit_id)
    check_open(audit)
    item = item_to_review(audit, number)
    rows = await Entries(work.connection).numbered(grant, [item.seq], old_log=audit.old_log)
    if not rows:
        raise NotFound(Code.ITEM_LOG_DESTROYED)
    row = rows[0]
    check_reviewer(row.found.person_id, grant.principal.account_id)
    await audits.review(audit_id, number, review.outcome, review.note, grant.actor, grant.now)
    details = {"number": str(number), "outcome": review.outcome}
    await work.emit(_changed(grant, audit_id, "item_reviewed", **details))
    if review.outcome == "improper":
        await _raise_improper(work, grant, audit, item, row)
    return await audits.get(grant, audit_id)


async def sign_off(work: UnitOfWork, grant: Grant, audit_id: UUID, statement: str) -> Audit:
    """Sign off a fully reviewed audit; return it.

    Raises: NotFound; Conflict for an audit that is signed off or has unreviewed items; NotAuthorised for a person who
    drew it or reviewed an item, or who made an access that was not found proper.
    """
    audits = Audits(work.connection)
    audit = await audits.lock(audit_id)
    check_open(audit)
    check_sign_off(audit, grant.principal.account_id)
    if audit.doubted:
        entries = Entries(work.connection)
        rows = await entries.numbered(grant, audit.doubted, old_log=audit.old_log)
        check_not_doubted([row.found.person_id for row in rows], grant.principal.account_id)
    await audits.sign_off(audit_id, statement, grant.actor, grant.now)
    await work.emit(_changed(grant, audit_id, "signed_off", statement=statement))
    return await audits.get(grant, audit_id)


async def _drawn(
    work: UnitOfWork, grant: Grant, period: Fixed, checkpoint: Signed
) -> tuple[Drawn, list[int]]:
    """Return the draw and the numbers of its entries, in the order of the draw."""
    population = await Periods(work.connection).population(period)
    seed = seed_of(checkpoint.note, period.occurred_from, period.occurred_to)
    drawn = Drawn(
        audit_id=uuid4(),
        period_seq=period.seq,
        occurred_from=period.occurred_from,
        occurred_to=period.occurred_to,
        log_size=checkpoint.size,
        root_hash=checkpoint.root_hash,
        seed=seed,
        population=len(population),
        drawn_by=grant.actor,
        drawn_at=grant.now,
    )
    return drawn, sample_of(seed, population)


async def _raise_improper(
    work: UnitOfWork, grant: Grant, audit: Audit, item: Item, row: Row
) -> None:
    """Raise a finding of an access; one of the log before this one has no `seq`, which is a number of this log."""
    subject = row.found.person_id or "unknown"
    where: Mapping[str, Any] = {"seq": item.seq}
    if audit.old_log:
        where = {"why": f"entry {item.seq} of the log before this one"}
    about = {"audit_id": str(audit.audit_id), **where}
    finding = a_finding("improper_access", subject, grant.now, *where.values(), **about)
    await Findings(work.connection, work.service).raise_once(finding)


def _changed(grant: Grant, audit_id: UUID, change: Change, **details: str) -> AuditChanged:
    return AuditChanged(
        occurred_at=grant.now, actor=grant.actor, audit_id=audit_id, change=change, details=details
    )
