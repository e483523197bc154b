"""Holds: which records they keep from the purge, why, until when; placed and released (policy 468.5)."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from services.console.actions import exports, holds
from services.console.actions.errors import PurposeNeeded, Refused
from services.console.api.forms import Form, form_action, new_key
from services.console.api.pages import page, waiting_page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working, allowed, working

router = APIRouter(prefix="/holds")


async def managing(request: Request) -> Visit:
    """Return the visit of a person with a purpose that opens holds. Raises: SignedOut, PurposeNeeded.

    A person without the permission passes: retention refuses them, on record.
    """
    visit = await working(request)
    if not visit.has_purpose_for(holds.MANAGE) and holds.MANAGE in visit.session.permissions:
        here = request.url.path.removeprefix(request.scope.get("root_path", "")).lower()
        raise PurposeNeeded(here if request.method == "GET" else "/holds", holds.MANAGE)
    return visit


Managing = Annotated[Visit, Depends(managing)]


@router.get("")
async def show_holds(
    request: Request,
    visit: Working,
    kept: holds.State = "in_force",
    after: After = "",
) -> Response:
    """Show the holds of the person's agency, those past their review first, and the exports that await a booking.

    Without a purpose that opens them, shows only how many there are and since when.
    """
    if not visit.has_purpose_for(holds.READ):
        waiting = await holds.count_waiting(visit)
        rows = [
            ("Holds past their date of review", waiting["overdue"], waiting["overdue_since"]),
            ("Holds in force", waiting["in_force"], waiting["oldest_placed_at"]),
            ("Exports that await a booking", waiting["unbooked"], waiting["oldest_requested_at"]),
        ]
        return waiting_page(request, visit, "Holds", "/holds", rows, holds.READ)
    found = await holds.list_holds(visit, kept, after)
    overdue = await holds.list_overdue(visit) if kept == "in_force" and not after else None
    unbooked = await exports.list_unbooked(visit)
    return page(
        request, "holds.html", visit, found=found, kept=kept, overdue=overdue, unbooked=unbooked
    )


@router.get("/new", dependencies=[allowed(holds.MANAGE)])
async def show_new_hold(request: Request, visit: Managing) -> Response:
    """Show the form to place a hold on all matching records, future ones included."""
    return _form_page(request, visit, {})


@router.get("/new/{read_id}", dependencies=[allowed(holds.MANAGE)])
async def show_new_hold_on_read(request: Request, read_id: UUID, visit: Managing) -> Response:
    """Show the form to place a hold on one read."""
    return _form_page(request, visit, {"read_id": str(read_id)})


@router.post("/new")
async def place_hold(request: Request, form: Form, visit: Managing) -> Response:
    """Place a hold. A POST, so that no URL contains a plate; the form's key makes a repeat harmless."""
    hold = await form_action(holds.place(visit, form))
    if isinstance(hold, Refused):
        return _form_page(request, visit, form, hold)
    return to(request, f"/holds/{hold['hold_id']}")


@router.get("/{hold_id}")
async def show_hold(request: Request, hold_id: UUID, visit: Working) -> Response:
    """Show one hold with its exports, and the forms to export its records and to release it."""
    return await hold_page(request, visit, hold_id, {})


@router.get("/{hold_id}/records")
async def show_held_records(
    request: Request, hold_id: UUID, visit: Managing, after: After = ""
) -> Response:
    """Show the records that a hold keeps now. Retention records the disclosure of every read."""
    # The records first: a person without the permission is refused, and not asked for a purpose to read the hold.
    found = await holds.list_records(visit, hold_id, after)
    hold = await holds.read_hold(visit, hold_id)
    return page(request, "held.html", visit, hold=hold, found=found)


@router.post("/{hold_id}/release")
async def release_hold(request: Request, hold_id: UUID, form: Form, visit: Managing) -> Response:
    """Release a hold, with the reason."""
    answer = await form_action(holds.release(visit, hold_id, form.get("reason", "")))
    return await _changed(request, visit, hold_id, form, answer, "release")


@router.post("/{hold_id}/review")
async def review_hold(request: Request, hold_id: UUID, form: Form, visit: Managing) -> Response:
    """Record that a hold was reviewed and stays, with the reason and the time of its next review."""
    answer = await form_action(holds.extend(visit, hold_id, form), reason="review_reason")
    return await _changed(request, visit, hold_id, form, answer, "review")


@router.post("/{hold_id}/owner")
async def become_hold_owner(
    request: Request, hold_id: UUID, form: Form, visit: Managing
) -> Response:
    """Make the person the owner of a hold, with the reason."""
    reason = form.get("owner_reason", "")
    answer = await form_action(holds.become_owner(visit, hold_id, reason), reason="owner_reason")
    return await _changed(request, visit, hold_id, form, answer, "owner")


@router.post("/{hold_id}/confirmation")
async def confirm_hold(request: Request, hold_id: UUID, form: Form, visit: Managing) -> Response:
    """Confirm another person's hold that is wider than a search, with the reason."""
    reason = form.get("confirmation_reason", "")
    answer = await form_action(holds.confirm(visit, hold_id, reason), reason="confirmation_reason")
    return await _changed(request, visit, hold_id, form, answer, "confirmation")


async def _changed(
    request: Request,
    visit: Visit,
    hold_id: UUID,
    form: Mapping[str, str],
    answer: Any,
    step: Literal["release", "confirmation", "review", "owner"],
) -> Response:
    """Return to a hold's page after a change, which says why a change was refused."""
    if isinstance(answer, Refused):
        return await hold_page(request, visit, hold_id, form, answer, refused=step)
    return to(request, f"/holds/{hold_id}")


async def hold_page(
    request: Request,
    visit: Visit,
    hold_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    refused: Literal["", "release", "export", "confirmation", "review", "owner"] = "",
) -> Response:
    """Build the page of one hold, with a refusal and the values typed for it."""
    hold = await holds.read_hold(visit, hold_id)
    review_by = datetime.fromisoformat(hold["review_by"])
    of_hold = await exports.list_of_hold(visit, hold_id)
    return page(
        request,
        "hold.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        hold=hold,
        overdue=review_by <= visit.console.clock.now(),
        exports=of_hold,
        key=form.get("key") or new_key(),
        form=form,
        problem=problem,
        refused=refused,
    )


def _form_page(
    request: Request, visit: Visit, form: Mapping[str, str], problem: Refused | None = None
) -> Response:
    status = problem.status if problem else HTTPStatus.OK
    key = form.get("key") or new_key()
    return page(request, "new_hold.html", visit, status, key=key, form=form, problem=problem)
