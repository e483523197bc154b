"""Routes of purges under the schedule: one person proposes, another authorises, a third executes (policy 468.5)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks

from services.retention.actions import purges
from services.retention.api.fields.records import NoteIn, ProposalIn
from services.retention.api.views.pages import page_out
from services.retention.api.views.purges import PurgeCertificateOut, RunOut, ScheduleOut
from services.retention.service import Running
from services.retention.store.runs import Runs
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.models import After, Limit, OptionalKey, Page, key_of

router = APIRouter(prefix="/v1", tags=["purges"])

PurgeRead = Annotated[Grant, access(Permission.PURGE_READ)]
PurgePropose = Annotated[Grant, access(Permission.PURGE_PROPOSE)]
PurgeAuthorise = Annotated[Grant, access(Permission.PURGE_AUTHORISE)]
PurgeExecute = Annotated[Grant, access(Permission.PURGE_EXECUTE)]


@router.get("/schedule")
async def get_schedule(grant: PurgeRead, work: Work, retention: Running) -> ScheduleOut:
    """Return the present ages, schedule, resolution and consent of the policy."""
    return ScheduleOut.of(await purges.schedule(retention.runtime.policy, work, grant))


@router.post("/purge-runs", status_code=201)
async def propose_purge_run(
    body: ProposalIn,
    grant: PurgePropose,
    work: Work,
    retention: Running,
    key: OptionalKey = None,
) -> RunOut:
    """Propose a purge, as the custodian. The policy must have schedule, resolution and consent."""
    policy = retention.runtime.policy
    return RunOut.of(await purges.propose(policy, work, grant, key, body.proposal()))


@router.get("/purge-runs")
async def list_purge_runs(
    grant: PurgeRead,
    work: Work,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[RunOut]:
    """List runs and standing orders, newest first."""
    found = await Runs(work.connection).page(limit=limit + 1, after=key_of(after, UUID))
    return page_out(found, limit, RunOut.of, lambda run: run.run_id)


@router.get("/purge-runs/{run_id}")
async def get_purge_run(run_id: UUID, grant: PurgeRead, work: Work) -> RunOut:
    """Return one run: its state, its legal basis, and the numbers of destroyed records and objects."""
    return RunOut.of(await purges.run_of(work, run_id))


@router.post("/purge-runs/{run_id}/authorisation")
async def authorise_purge_run(
    run_id: UUID, body: NoteIn, grant: PurgeAuthorise, work: Work, retention: Running
) -> RunOut:
    """Authorise a purge, as the ALPR administrator. Another person must have proposed it."""
    policy = retention.runtime.policy
    return RunOut.of(await purges.authorise(policy, work, grant, run_id, body.note))


@router.post("/purge-runs/{run_id}/refusal")
async def refuse_purge_run(run_id: UUID, body: NoteIn, grant: PurgeAuthorise, work: Work) -> RunOut:
    """Refuse a proposed purge. The proposal stays on file."""
    return RunOut.of(await purges.refuse(work, grant, run_id, body.note))


@router.post("/purge-runs/{run_id}/withdrawal")
async def withdraw_purge_run(
    run_id: UUID, body: NoteIn, grant: PurgeAuthorise, work: Work
) -> RunOut:
    """Withdraw a standing order with its daily purges, or one run. A run that has begun stops where it is.

    What it has destroyed is on the list and certificate of a later run.
    """
    return RunOut.of(await purges.withdraw(work, grant, run_id, body.note))


@router.post("/purge-runs/{run_id}/execution", status_code=202)
async def execute_purge_run(
    run_id: UUID, grant: PurgeExecute, work: Work, retention: Running, after: BackgroundTasks
) -> RunOut:
    """Begin an authorised single run, as a third person. `state` becomes `executed`, then `certified`."""
    run = await purges.begin(retention.runtime.policy, work, grant, run_id)
    after.add_task(retention.wake)
    return RunOut.of(run)


@router.get("/purge-runs/{run_id}/certificate")
async def get_purge_certificate(run_id: UUID, grant: PurgeRead, work: Work) -> PurgeCertificateOut:
    """Return the signed account of the destroyed records and the authority. `/v1/signing-key` has the public key."""
    certificate = await purges.certificate_of(work, run_id)
    return PurgeCertificateOut.model_validate(certificate)
