"""One hit: the match, who takes it, its verification, and its disposition."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import hits
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page, picture_page
from services.console.api.sign_in import to
from services.console.api.visit import LinkToken, Visit, Watching, Working, offered_by, page_left

router = APIRouter(prefix="/hits/{hit_id}")


@router.get("")
async def show_hit(request: Request, hit_id: UUID, visit: Working) -> Response:
    """Show the hit with its verification and dispositions, and the forms for both."""
    return page(
        request, "hit.html", visit, hit=await hits.read_hit(visit, hit_id), form={}, refused=""
    )


@router.get("/crop")
async def show_hit_crop(hit_id: UUID, visit: Watching, link_token: LinkToken = "") -> Response:
    """Return the crop of the plate; hotlist records its disclosure with the alert or page."""
    path, offer = f"/v1/hits/{hit_id}/crop", offered_by(link_token)
    return await visit.picture("hotlist", path, params=offer, purpose_for=hits.READ)


@router.get("/image")
async def show_hit_image(hit_id: UUID, visit: Working) -> Response:
    """Return the whole picture; hotlist records its disclosure."""
    return await visit.picture("hotlist", f"/v1/hits/{hit_id}/image", purpose_for=hits.READ)


@router.get("/picture")
async def show_hit_picture(request: Request, hit_id: UUID, visit: Working) -> Response:
    """Show the whole picture on a page of its own, with the way back to the hit, which says if there is none."""
    hit = await hits.read_hit(visit, hit_id)
    if hit["image_url"] is None:  # destroyed since the link was shown
        return to(request, f"/hits/{hit_id}")
    return picture_page(
        request,
        visit,
        plate=hit["plate_read"],
        record=hit,
        src=f"/hits/{hit_id}/image",
        back=f"/hits/{hit_id}",
        back_name="Back to the hit",
    )


@router.post("/acknowledgement")
async def acknowledge_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Take an alert, or give it back, and return to the page with its card."""
    acknowledged = form.get("acknowledged") == "yes"
    await hits.acknowledge(visit, hit_id, acknowledged=acknowledged)
    return to(request, page_left(request) or f"/hits/{hit_id}")


@router.post("/verification")
async def verify_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Record the result of the check with the entering agency."""
    answer = await form_action(hits.verify(visit, hit_id, form))
    return await _recorded(request, visit, hit_id, form, answer, "verification")


@router.post("/disposition")
async def dispose_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Record the disposition. Enforcement on an unverified hit needs a reason (468.4(f))."""
    answer = await form_action(hits.dispose(visit, hit_id, form))
    return await _recorded(request, visit, hit_id, form, answer, "disposition")


async def _recorded(
    request: Request, visit: Visit, hit_id: UUID, form: Form, answer: Any, step: str
) -> Response:
    """Show the hit again; after a refusal of this step with its reason and the typed values."""
    if isinstance(answer, Refused):
        status, hit = answer.status, await hits.read_hit(visit, hit_id)
        return page(
            request, "hit.html", visit, status, hit=hit, form=form, problem=answer, refused=step
        )
    return to(request, f"/hits/{hit_id}")
