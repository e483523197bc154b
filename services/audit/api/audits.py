"""Periodic audits of accesses (policy 468.6(c)): draw a period's sample, review its items, sign off the audit."""

from base64 import b64encode
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from services.audit.api.guard import AuditRead
from services.audit.domain.periods import ENTRIES, PERIOD
from services.audit.domain.problem_codes import Code
from services.audit.domain.sampling import draw, sample_size, seed_of
from services.audit.store.audits import Audit, Audits, Drawn, Item, ItemOutcome
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.findings import Findings, a_finding
from services.audit.store.log import Row
from services.audit.store.periods import Fixed, Periods
from services.audit.store.search import Entries
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, NotAuthorised, NotFound
from shared.core.fields import MAX_INT
from shared.core.permissions import Permission
from shared.events import AuditChanged
from shared.http.app import Work
from shared.http.models import After, Limit, Page, Person, Reason, RequestBody, key_of

router = APIRouter(prefix="/audits", tags=["audits"])

Change = Literal["drawn", "item_reviewed", "signed_off"]
AuditWork = Annotated[Grant, access(Permission.AUDIT_WORK)]


class AuditIn(RequestBody):
    """The period to audit."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"period_seq": 120_034}]})

    period_seq: Annotated[int, Field(ge=0, le=MAX_INT)] = Field(
        description="Number of the entry that fixed the period: `seq` in /v1/audits/periods"
    )


class PeriodOut(BaseModel):
    """A period of the audit plan that has ended. Entry `seq` of the log fixes it."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    occurred_from: datetime
    occurred_to: datetime = Field(description="Not included")
    fixed_at: datetime
    drawable: bool = Field(description="Whether the checkpoint that gives the seed is signed")
    audit_id: UUID | None = Field(description="The period's audit; null before its draw")


class ReviewIn(RequestBody):
    """The reviewer's judgement of one access."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": "proper", "note": "Case file agrees"}]},
    )

    outcome: ItemOutcome
    note: Reason


class SignOffIn(RequestBody):
    """The statement to sign."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"statement": "Reviewed in full; no misuse was found"}]},
    )

    statement: Reason


class ItemOut(BaseModel):
    """One access of the sample."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    seq: int
    outcome: ItemOutcome | None
    note: str | None
    reviewed_by: Person | None
    reviewed_at: datetime | None


class AuditOut(BaseModel):
    """An audit. Anyone with an export of the log can redraw the sample.

    The seed (base64) comes from the checkpoint of size `log_size`.
    """

    audit_id: UUID
    period_seq: int | None = Field(
        default=None,
        description="Entry that fixed the period; null if the audit is older than the plan's periods",
    )
    occurred_from: datetime
    occurred_to: datetime
    log_size: int
    old_log: bool = Field(
        default=False, description="Whether the sample is from the log before this one"
    )
    root_hash: str
    seed: str
    population: int
    drawn_by: Person
    drawn_at: datetime
    signed_off_by: Person | None
    signed_off_at: datetime | None
    statement: str | None
    reviewed: int
    items: list[ItemOut]


@router.post("", status_code=201)
async def draw_audit(body: AuditIn, grant: AuditWork, work: Work, request: Request) -> AuditOut:
    """Draw the sample of a period's accesses, sized to find 1% misuse with 95% confidence.

    The caller cannot choose the sample: the plan sets the period, an entry of the log fixes it, and the second
    checkpoint after that entry gives the seed. Each period has one sample.
    """
    check_department(request, grant)
    period = await Periods(work.connection).get(body.period_seq)
    if period is None:
        raise NotFound(Code.PERIOD_UNKNOWN)
    checkpoint = await Checkpoints(work.connection).second_beyond(period.seq)
    if checkpoint is None:
        raise Conflict(Code.PERIOD_UNSIGNED)
    drawn, numbers = await _draw(period, checkpoint, grant, work)
    audits = Audits(work.connection)
    await audits.add(drawn, numbers)
    details = {
        "population": str(drawn.population),
        "sample": str(len(numbers)),
        PERIOD: str(period.seq),
        ENTRIES: ",".join(map(str, numbers)),
    }
    await work.emit(_changed(grant, drawn.audit_id, "drawn", **details))
    return _out(await audits.get(grant, drawn.audit_id))


@router.get("/periods")
async def list_periods(
    grant: AuditRead, work: Work, after: After | None = None, limit: Limit = 20
) -> Page[PeriodOut]:
    """Periods of the audit plan that have ended, newest first."""
    periods, checkpoints = Periods(work.connection), Checkpoints(work.connection)
    found = await periods.page(before=key_of(after, int), limit=limit)
    shown = [
        PeriodOut(**vars(period), drawable=await checkpoints.second_beyond(period.seq) is not None)
        for period in found
    ]
    return Page.of(shown, last=found[-1].seq if len(found) == limit else None)


@router.get("")
async def list_audits(
    grant: AuditRead, work: Work, after: After | None = None, limit: Limit = 20
) -> Page[AuditOut]:
    """Audits, newest first."""
    last = key_of(after, UUID)
    found = await Audits(work.connection).page(grant, after=last, limit=limit)
    more = found[-1].audit_id if len(found) == limit else None
    return Page.of([_out(audit) for audit in found], last=more)


@router.get("/{audit_id}")
async def get_audit(audit_id: UUID, grant: AuditRead, work: Work) -> AuditOut:
    """One audit with its items."""
    return _out(await Audits(work.connection).get(grant, audit_id))


@router.post("/{audit_id}/items/{number}")
async def review_item(
    audit_id: UUID,
    number: Annotated[int, Path(ge=1, le=MAX_INT)],
    body: ReviewIn,
    grant: AuditWork,
    work: Work,
    request: Request,
) -> AuditOut:
    """Review one access of another person. The outcome `improper` raises a finding."""
    check_department(request, grant)
    audits = Audits(work.connection)
    audit = await _open(audits, audit_id)
    item = next((i for i in audit.items if i.number == number), None)
    if item is None:
        raise NotFound(Code.ITEM_UNKNOWN)
    if item.outcome is not None:
        raise Conflict(Code.ITEM_REVIEWED)
    rows = await Entries(work.connection).numbered(grant, [item.seq], old_log=audit.old_log)
    if not rows:
        raise NotFound(Code.ITEM_LOG_DESTROYED)
    row = rows[0]
    if row.found.person_id == grant.principal.account_id:
        raise NotAuthorised(Code.AUDIT_OF_OWN_ACCESS)
    await audits.review(audit_id, number, body.outcome, body.note, grant.actor, grant.now)
    details = {"number": str(number), "outcome": body.outcome}
    await work.emit(_changed(grant, audit_id, "item_reviewed", **details))
    if body.outcome == "improper":
        await _raise(work, grant, audit_id, item, row)
    return _out(await audits.get(grant, audit_id))


@router.post("/{audit_id}/sign-off")
async def sign_off_audit(
    audit_id: UUID, body: SignOffIn, grant: AuditWork, work: Work, request: Request
) -> AuditOut:
    """Sign off a fully reviewed audit. The signer must not have drawn it or reviewed any item."""
    check_department(request, grant)
    audits = Audits(work.connection)
    audit = await _open(audits, audit_id)
    if left := sum(item.outcome is None for item in audit.items):
        raise Conflict(Code.AUDIT_UNREVIEWED, items=left)
    people = {i.reviewed_by.person_id for i in audit.items if i.reviewed_by is not None}
    if grant.principal.account_id in people | {audit.drawn_by.person_id}:
        raise NotAuthorised(Code.AUDIT_SIGNED_BY_SUBJECT)
    await audits.sign_off(audit_id, body.statement, grant.actor, grant.now)
    await work.emit(_changed(grant, audit_id, "signed_off", statement=body.statement))
    return _out(await audits.get(grant, audit_id))


async def _draw(
    period: Fixed, checkpoint: Signed, grant: Grant, work: Work
) -> tuple[Drawn, list[int]]:
    """Return the draw and the numbers of its entries, in the order of the draw."""
    population = await Periods(work.connection).population(period)
    seed = seed_of(checkpoint.note, period.occurred_from, period.occurred_to)
    places = draw(seed, len(population), sample_size(len(population)))
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
    return drawn, [population[place] for place in places]


async def _open(audits: Audits, audit_id: UUID) -> Audit:
    audit = await audits.lock(audit_id)
    if audit is None:
        raise NotFound(Code.AUDIT_UNKNOWN)
    if audit.signed_off_at is not None:
        raise Conflict(Code.AUDIT_SIGNED_OFF)
    return audit


async def _raise(work: Work, grant: Grant, audit_id: UUID, item: Item, row: Row) -> None:
    subject = row.found.person_id or "unknown"
    finding = a_finding(
        "improper_access", subject, grant.now, item.seq, audit_id=str(audit_id), seq=item.seq
    )
    await Findings(work.connection, work.service).raise_once(finding)


def _changed(grant: Grant, audit_id: UUID, change: Change, **details: str) -> AuditChanged:
    return AuditChanged(
        occurred_at=grant.now, actor=grant.actor, audit_id=audit_id, change=change, details=details
    )


def _out(audit: Audit | None) -> AuditOut:
    if audit is None:
        raise NotFound(Code.AUDIT_UNKNOWN)
    shown = vars(audit) | {
        "root_hash": b64encode(audit.root_hash).decode(),
        "seed": b64encode(audit.seed).decode(),
        "reviewed": sum(item.outcome is not None for item in audit.items),
    }
    return AuditOut.model_validate(shown, from_attributes=True)
