"""Evidence: exports of the records that a hold keeps, and their booked copies (policy 468.5)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import exports
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action, new_key
from services.console.api.holds import Managing, hold_page
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working

router = APIRouter(prefix="/holds")


@router.post("/{hold_id}/exports")
async def request_export(request: Request, hold_id: UUID, form: Form, visit: Managing) -> Response:
    """Request a package of the records that the hold keeps now; the form's key makes a repeat harmless."""
    export = await form_action(exports.order(visit, hold_id, form))
    if isinstance(export, Refused):
        return await hold_page(request, visit, hold_id, form, export, refused="export")
    return to(request, f"/holds/exports/{export['export_id']}")


@router.get("/exports/{export_id}")
async def show_export(request: Request, export_id: UUID, visit: Working) -> Response:
    """Show one export with its bookings and acts of custody, and the forms to add to them and to withdraw it."""
    return await _export_page(request, visit, export_id, {})


@router.get("/exports/{export_id}/package")
async def download_package(export_id: UUID, visit: Managing) -> Response:
    """Download the signed package, to be written to a medium; retention records the download."""
    path = f"/v1/evidence-exports/{export_id}/package"
    return await visit.file("retention", path, {"application/zip"}, f"evidence-{export_id}")


@router.post("/exports/{export_id}/bookings")
async def book_copy(request: Request, export_id: UUID, form: Form, visit: Managing) -> Response:
    """Book the copy on one medium into evidence, or correct a booking by another one."""
    answer = await form_action(exports.book(visit, export_id, form))
    if isinstance(answer, Refused):
        return await _export_page(request, visit, export_id, form, answer, refused="booking")
    return to(request, f"/holds/exports/{export_id}")


@router.get("/exports/{export_id}/bookings/{booking_id}/statement")
async def download_statement(export_id: UUID, booking_id: UUID, visit: Working) -> Response:
    """Download the signed statement of a booking, for checking the copy on its medium."""
    path = f"/v1/evidence-exports/{export_id}/bookings/{booking_id}/statement"
    return await visit.file("retention", path, {"application/json"}, f"booking-{booking_id}")


@router.post("/exports/{export_id}/custody-acts")
async def record_act(request: Request, export_id: UUID, form: Form, visit: Managing) -> Response:
    """Record what was done with a booked copy: handed over, returned, checked, destroyed by order."""
    answer = await form_action(exports.record_act(visit, export_id, form), **exports.ACT_FIELDS)
    if isinstance(answer, Refused):
        return await _export_page(request, visit, export_id, form, answer, refused="custody")
    return to(request, f"/holds/exports/{export_id}")


@router.post("/exports/{export_id}/withdrawal")
async def withdraw_export(
    request: Request, export_id: UUID, form: Form, visit: Managing
) -> Response:
    """Withdraw an export without a booked copy, with the reason."""
    answer = await form_action(exports.withdraw(visit, export_id, form))
    if isinstance(answer, Refused):
        return await _export_page(request, visit, export_id, form, answer, refused="withdrawal")
    return to(request, f"/holds/exports/{export_id}")


async def _export_page(
    request: Request,
    visit: Visit,
    export_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    refused: Literal["", "booking", "custody", "withdrawal"] = "",
) -> Response:
    export, bookings, acts = await exports.read_export(visit, export_id)
    return page(
        request,
        "export.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        export=export,
        bookings=bookings,
        acts=acts,
        key=form.get("key") or new_key(),
        form=form,
        problem=problem,
        refused=refused,
    )
