"""Destruction under the schedule: one person proposes, another authorises, a third executes; certified (468.5)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks
from pydantic import BaseModel, ConfigDict

from services.retention.domain.destruction import (
    Basis,
    Kind,
    State,
    check_age,
    check_basis,
    check_other_person,
    check_still,
    check_third_person,
    next_state,
)
from services.retention.domain.problem_codes import Code
from services.retention.service import Running
from services.retention.store.partitions import Partitions
from services.retention.store.runs import Run, Runs
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.fields import Moment
from shared.core.permissions import Permission
from shared.events import PurgeChanged
from shared.http.app import Work
from shared.http.models import After, Limit, Page, Person, Reason, RequestBody, key_of

router = APIRouter(prefix="/v1", tags=["purges"])

PurgeRead = Annotated[Grant, access(Permission.PURGE_READ)]
PurgePropose = Annotated[Grant, access(Permission.PURGE_PROPOSE)]
PurgeAuthorise = Annotated[Grant, access(Permission.PURGE_AUTHORISE)]
PurgeExecute = Annotated[Grant, access(Permission.PURGE_EXECUTE)]
Change = Literal["proposed", "authorised", "refused", "executed", "certified"]


class ProposalIn(RequestBody):
    """A proposal of one purge (`single`), or of leave for daily purges until its withdrawal (`standing`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "standing", "reason": "Schedule CPD-RS-2026-04, adopted"}]
        }
    )

    kind: Literal["single", "standing"]
    before: Moment | None = None
    """For a single run: it destroys records captured before this time. Default: all that are past the schedule."""
    reason: Reason


class NoteIn(RequestBody):
    """The grounds of a decision."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"note": "Reviewed against the adopted schedule"}]}
    )

    note: Reason


class RunOut(BaseModel):
    """A purge run, or a standing leave for daily purges."""

    run_id: UUID
    kind: str
    state: str
    before: datetime | None
    day: date | None = None
    standing_id: UUID | None = None
    basis: dict[str, Any]
    """The legal basis: ages, schedule, resolution, the attorney's consent."""
    reason: str
    proposed_by: Person | None
    proposed_at: datetime
    decided_by: Person | None = None
    decided_at: datetime | None = None
    decision_note: str | None = None
    executed_by: Person | None = None
    started_at: datetime | None = None
    executed_at: datetime | None = None
    certified_at: datetime | None = None
    reads: int
    captures: int
    objects: int
    kept_under_hold: int
    months_dropped: list[str]
    strays: int
    """Deleted orphans: objects that no record names, such as frames without an event."""
    strays_kept: int
    """Orphans that stay, because a hold may cover them or they are recent."""
    odd_objects: int
    """Objects that stay, because their names have no camera and day, or a future day."""
    swept_at: datetime | None = None
    """The time at which the search for orphans past the schedule was complete."""

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        """Return the view of a run."""
        people = ("proposed_by", "decided_by", "executed_by")
        plain = {
            name: getattr(run, name) for name in cls.model_fields if name not in {*people, "basis"}
        }
        plain["months_dropped"] = list(run.months_dropped)
        named = {name: Person.of(getattr(run, name)) for name in people}
        return cls(**plain, **named, basis=run.basis.as_json())


class ScheduleOut(BaseModel):
    """The policy's retention schedule and its state: missing facts, overdue months, the leave for daily purges."""

    basis: dict[str, Any]
    missing: list[str]
    """Facts that the policy lacks; a purge requires all of them."""
    due_before: datetime
    """Records captured before this are past the schedule."""
    overdue_months: list[str]
    """Months that are wholly past the schedule but not destroyed: purges are behind, or must not run."""
    standing: RunOut | None
    """The leave for daily purges that is in force; null if there is none."""


@router.get("/schedule", summary="The retention schedule")
async def get_schedule(grant: PurgeRead, work: Work, retention: Running) -> ScheduleOut:
    """The present ages, schedule, resolution and consent of the policy."""
    basis = _present(retention)
    leave = await Runs(work.connection).standing()
    return ScheduleOut(
        basis=basis.as_json(),
        missing=basis.missing(grant.now),
        due_before=basis.due(grant.now),
        overdue_months=await Partitions(work.connection).overdue(basis.due(grant.now)),
        standing=RunOut.of(leave) if leave else None,
    )


@router.post("/purge-runs", status_code=201, summary="Propose a purge")
async def propose_purge(
    body: ProposalIn, grant: PurgePropose, work: Work, retention: Running
) -> RunOut:
    """Propose a purge, as the custodian. The policy must have schedule, resolution and consent."""
    basis = _present(retention)
    check_basis(basis, grant.now)
    before: datetime | None = None
    if body.kind == "single":
        before = body.before or basis.due(grant.now)
        check_age(basis, before, grant.now)
    elif body.before is not None:
        raise InvalidInput(Code.PURGE_LEAVE_WITH_DATE, field="before")
    run = Run(
        run_id=uuid4(),
        kind=Kind(body.kind),
        state=State.PROPOSED,
        before=before,
        basis=basis,
        reason=body.reason,
        proposed_by=grant.actor,
        proposed_at=grant.now,
    )
    await Runs(work.connection).add(run)
    await _announce(work, grant, run, "proposed", {"reason": body.reason})
    return RunOut.of(run)


@router.get("/purge-runs", summary="Purge runs")
async def list_purges(
    grant: PurgeRead,
    work: Work,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[RunOut]:
    """Runs and standing leaves, newest first."""
    found = await Runs(work.connection).page(limit=limit + 1, after=key_of(after, UUID))
    more = found[limit - 1].run_id if len(found) > limit else None
    return Page.of([RunOut.of(run) for run in found[:limit]], last=more)


@router.get("/purge-runs/{run_id}", summary="One purge run")
async def get_purge(run_id: UUID, grant: PurgeRead, work: Work) -> RunOut:
    """One run: its state, its legal basis, and the numbers of destroyed records and objects."""
    return RunOut.of(await _get(work, run_id))


@router.post("/purge-runs/{run_id}/authorisation", summary="Authorise a purge")
async def authorise_purge(
    run_id: UUID, body: NoteIn, grant: PurgeAuthorise, work: Work, retention: Running
) -> RunOut:
    """Authorise a purge, as the ALPR administrator. Another person must have proposed it."""
    run = await _get(work, run_id, lock=True)
    state = next_state(run.state, "authorise")
    check_other_person(run.proposed_by.person_id, grant.actor.person_id)
    present = _present(retention)
    check_still(run.basis, present)
    check_basis(present, grant.now)
    await _decide(work, grant, run, state, body.note)
    await _announce(work, grant, run, "authorised", {"note": body.note})
    return RunOut.of(await _get(work, run_id))


@router.post("/purge-runs/{run_id}/refusal", summary="Refuse a purge")
async def refuse_purge(run_id: UUID, body: NoteIn, grant: PurgeAuthorise, work: Work) -> RunOut:
    """Refuse a proposed purge. The proposal stays on file."""
    run = await _get(work, run_id, lock=True)
    await _decide(work, grant, run, next_state(run.state, "refuse"), body.note)
    await _announce(work, grant, run, "refused", {"note": body.note})
    return RunOut.of(await _get(work, run_id))


@router.post("/purge-runs/{run_id}/withdrawal", summary="Withdraw an authorisation")
async def withdraw_purge(run_id: UUID, body: NoteIn, grant: PurgeAuthorise, work: Work) -> RunOut:
    """Withdraw a standing leave, or the authorisation of a run before it begins.

    Daily purges under the leave stop, also one that is running.
    """
    run = await _get(work, run_id, lock=True)
    await Runs(work.connection).stop_daily(run_id)
    await _decide(work, grant, run, next_state(run.state, "withdraw"), body.note)
    await _announce(work, grant, run, "refused", {"note": body.note, "withdrawn": True})
    return RunOut.of(await _get(work, run_id))


@router.post("/purge-runs/{run_id}/execution", status_code=202, summary="Execute a purge")
async def execute_purge(
    run_id: UUID, grant: PurgeExecute, work: Work, retention: Running, after: BackgroundTasks
) -> RunOut:
    """Begin an authorised single run, as a third person. `state` becomes `executed`, then `certified`."""
    run = await _get(work, run_id, lock=True)
    if run.kind is Kind.STANDING or run.before is None:
        raise Conflict(Code.PURGE_LEAVE_NOT_EXECUTED)
    next_state(run.state, "execute")
    authorised_by = run.decided_by.person_id if run.decided_by else None
    check_third_person(run.proposed_by.person_id, authorised_by, grant.actor.person_id)
    present = _present(retention)
    check_still(run.basis, present)
    check_basis(present, grant.now)
    check_age(present, run.before, grant.now)
    await Runs(work.connection).begin(run_id, by=grant.actor, at=grant.now)
    after.add_task(retention.wake)
    return RunOut.of(await _get(work, run_id))


@router.get("/purge-runs/{run_id}/certificate", summary="The certificate of destruction")
async def get_certificate(run_id: UUID, grant: PurgeRead, work: Work) -> dict[str, Any]:
    """The signed account of the destroyed records and the authority. `/v1/signing-key` has the public key."""
    run = await _get(work, run_id)
    if run.certificate is None:
        raise NotFound(Code.PURGE_NOT_CERTIFIED)
    return run.certificate


def _present(retention: Running) -> Basis:
    return Basis.of(retention.runtime.policy.retention)


async def _get(work: Work, run_id: UUID, *, lock: bool = False) -> Run:
    run = await Runs(work.connection).get(run_id, lock=lock)
    if run is None:
        raise NotFound(Code.PURGE_UNKNOWN)
    return run


async def _decide(work: Work, grant: Grant, run: Run, state: State, note: str) -> None:
    runs = Runs(work.connection)
    await runs.decide(run.run_id, state, by=grant.actor, at=grant.now, note=note)


async def _announce(
    work: Work, grant: Grant, run: Run, change: Change, more: dict[str, Any]
) -> None:
    before = run.before.isoformat() if run.before else None
    await work.emit(
        PurgeChanged(
            occurred_at=grant.now,
            actor=grant.actor,
            run_id=run.run_id,
            change=change,
            details={
                "kind": run.kind.value,
                "before": before,
                "basis": run.basis.as_json(),
                **more,
            },
        )
    )
