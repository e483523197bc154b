"""One hit: the match, its verification, and its disposition."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import LinkToken, Visit, Watching, Working, offered_by

router = APIRouter(prefix="/hits/{hit_id}")

READ = "hit:read"
"""A fresh hit needs no purpose (468.4(b)), so a purpose that does not open hits is left out."""

STEPS = {"verification": "hit:verify", "disposition": "hit:dispose"}


@router.get("")
async def show_hit(request: Request, hit_id: UUID, visit: Working) -> Response:
    """Show the hit with its verification and dispositions, and the forms for both."""
    return page(request, "hit.html", visit, hit=await _hit(visit, hit_id), form={}, refused="")


@router.get("/crop")
async def show_hit_crop(hit_id: UUID, visit: Watching, link_token: LinkToken = "") -> Response:
    """Return the crop of the plate; hotlist records its disclosure with the alert or page."""
    path, offer = f"/v1/hits/{hit_id}/crop", offered_by(link_token)
    return await visit.picture("hotlist", path, params=offer, purpose_for=READ)


@router.get("/image")
async def show_hit_image(hit_id: UUID, visit: Working) -> Response:
    """Return the whole picture; hotlist records its disclosure."""
    return await visit.picture("hotlist", f"/v1/hits/{hit_id}/image", purpose_for=READ)


@router.post("/verification")
async def verify_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Record the result of the check with the entering agency."""
    body = {"method": "CLETS"} | _chosen(form, "reference", "outcome", "note")
    return await _record(request, visit, hit_id, "verification", body, form)


@router.post("/disposition")
async def dispose_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Record the disposition. Enforcement on an unverified hit needs a reason (468.4(f))."""
    body = {"enforcement": form.get("enforcement") == "yes"}
    body |= _chosen(form, "disposition", "unverified_reason")
    return await _record(request, visit, hit_id, "disposition", body, form)


def _chosen(form: Form, *names: str) -> dict[str, Any]:
    return {name: form[name] for name in names if name in form}


async def _hit(visit: Visit, hit_id: UUID) -> Any:
    return await visit.must("hotlist", "GET", f"/v1/hits/{hit_id}", purpose_for=READ)


async def _record(
    request: Request, visit: Visit, hit_id: UUID, what: str, body: dict[str, Any], form: Form
) -> Response:
    """Record it and show the hit again; after a refusal with its reason and the typed values."""
    path = f"/v1/hits/{hit_id}/{what}"
    answer = await form_action(
        visit.must("hotlist", "POST", path, json=body, purpose_for=STEPS[what])
    )
    if isinstance(answer, Refused):
        status, hit = answer.status, await _hit(visit, hit_id)
        return page(
            request, "hit.html", visit, status, hit=hit, form=form, problem=answer, refused=what
        )
    return to(request, f"/hits/{hit_id}")
