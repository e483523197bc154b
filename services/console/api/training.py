"""Training: the people whose training is due, and the form to record it (468.8)."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.console.actions import training
from services.console.actions.errors import Refused, done_all_the_same
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.visit import Visit, Working

router = APIRouter(prefix="/training")


@router.get("")
async def show_training(request: Request, visit: Working) -> Response:
    """Show the people whose training is missing, lapsed, or lapses soon."""
    return await _page(request, visit, {})


@router.post("")
async def record_training(request: Request, form: Form, visit: Working) -> Response:
    """Record one person's training."""
    answer = await form_action(training.record(visit, form))
    if isinstance(answer, Refused):
        return await _page(request, visit, form, answer)
    try:
        return await _page(request, visit, {}, recorded=answer)
    except Refused as exc:
        raise done_all_the_same("the training is on record", exc) from None


async def _page(
    request: Request,
    visit: Visit,
    form: Mapping[str, str],
    problem: Refused | None = None,
    recorded: Mapping[str, str] | None = None,
) -> Response:
    due = await training.list_due(visit)
    others = [one for one in due if one["account_id"] != visit.session.person_id]
    return page(
        request,
        "training.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        due=due,
        names={one["account_id"]: f"{one['name']}, {one['title']}" for one in others},
        today=visit.console.clock.now().date().isoformat(),
        form=form,
        recorded=recorded,
        problem=problem,
    )
