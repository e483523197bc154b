"""Purges: the schedule, proposals, decisions of other people, and certificates (policy 468.3.1(f), 468.5)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import purges
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action, new_key
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working
from services.console.domain.purges import KINDS, missing_facts, steps_of

router = APIRouter(prefix="/purges")


@router.get("")
async def show_purges(request: Request, visit: Working, after: After = "") -> Response:
    """Show the schedule, what is due by it, and all runs and standing orders, newest first."""
    return await _purges_page(request, visit, {}, after=after)


@router.post("")
async def propose_purge(request: Request, form: Form, visit: Working) -> Response:
    """Propose a single run, or a standing order for daily runs; the form's key makes a repeat harmless."""
    run = await form_action(purges.propose(visit, form))
    if isinstance(run, Refused):
        return await _purges_page(request, visit, form, run)
    return to(request, f"/purges/{run['run_id']}")


@router.get("/{run_id}")
async def show_purge(request: Request, run_id: UUID, visit: Working) -> Response:
    """Show one run with its basis, people and counts, and the forms for the next step."""
    return await _purge_page(request, visit, run_id, {})


@router.post("/{run_id}/authorisation")
async def authorise_purge(request: Request, run_id: UUID, form: Form, visit: Working) -> Response:
    """Authorise a purge that another person proposed."""
    return await _decided(request, visit, run_id, "authorisation", form)


@router.post("/{run_id}/refusal")
async def refuse_purge(request: Request, run_id: UUID, form: Form, visit: Working) -> Response:
    """Refuse a proposed purge, which stays on file."""
    return await _decided(request, visit, run_id, "refusal", form)


@router.post("/{run_id}/withdrawal")
async def withdraw_purge(request: Request, run_id: UUID, form: Form, visit: Working) -> Response:
    """Withdraw a standing order with its daily runs, or one run."""
    return await _decided(request, visit, run_id, "withdrawal", form)


@router.post("/{run_id}/execution")
async def execute_purge(request: Request, run_id: UUID, form: Form, visit: Working) -> Response:
    """Begin an authorised single run, as a third person."""
    answer = await form_action(purges.execute(visit, run_id))
    return await _changed(request, visit, run_id, "execution", form, answer)


@router.get("/{run_id}/certificate")
async def download_certificate(run_id: UUID, visit: Working) -> Response:
    """Download the signed certificate of a run."""
    path = f"/v1/purge-runs/{run_id}/certificate"
    return await visit.file("retention", path, {"application/json"}, f"purge-{run_id}")


async def _decided(
    request: Request, visit: Visit, run_id: UUID, step: str, form: Mapping[str, str]
) -> Response:
    field = f"{step}_note"
    note = form.get(field, "")
    answer = await form_action(purges.decide(visit, run_id, step, note), note=field)
    return await _changed(request, visit, run_id, step, form, answer)


async def _changed(
    request: Request, visit: Visit, run_id: UUID, step: str, form: Mapping[str, str], answer: Any
) -> Response:
    """Return to a run's page after a step, which says why a step was refused."""
    if isinstance(answer, Refused):
        return await _purge_page(request, visit, run_id, form, answer, step)
    return to(request, f"/purges/{run_id}")


async def _purges_page(
    request: Request,
    visit: Visit,
    form: Mapping[str, str],
    problem: Refused | None = None,
    after: str = "",
) -> Response:
    found = await purges.list_purges(visit, after)
    return page(
        request,
        "purges.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        schedule=found.schedule,
        missing=missing_facts(found.schedule),
        runs=found.runs,
        kinds=KINDS,
        key=form.get("key") or new_key(),
        form=form,
        problem=problem,
    )


async def _purge_page(
    request: Request,
    visit: Visit,
    run_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    refused: str = "",
) -> Response:
    run, schedule = await purges.read_purge(visit, run_id)
    session = visit.session
    steps = steps_of(run, schedule, session.person_id, session.permissions)
    return page(
        request,
        "purge.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        run=run,
        kind=KINDS[run["kind"]],
        steps=steps,
        form=form,
        problem=problem,
        refused=refused,
    )
