"""One hit: what was matched, what checking it gave, and what came of it."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions.errors import Refused
from services.console.api.forms import Form
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import LinkToken, Visit, Watching, Working, offered_by

router = APIRouter(prefix="/hits/{hit_id}")

READ = "hit:read"
"""A fresh hit needs no purpose (468.4(b)): one that does not open hits is not sent."""

STEPS = {"verification": "hit:verify", "disposition": "hit:dispose"}


@router.get("")
async def show_hit(request: Request, hit_id: UUID, visit: Working) -> Response:
    """The hit with its verification and dispositions, and the forms for both."""
    return page(request, "hit.html", visit, hit=await _hit(visit, hit_id), form={}, refused="")


@router.get("/crop")
async def show_hit_crop(hit_id: UUID, visit: Watching, link_token: LinkToken = "") -> Response:
    """The plate, cut out of the picture; hotlist records that it was shown, as part of the alert or page."""
    path, offer = f"/v1/hits/{hit_id}/crop", offered_by(link_token)
    return await visit.picture("hotlist", path, params=offer, purpose_for=READ)


@router.get("/image")
async def show_hit_image(hit_id: UUID, visit: Working) -> Response:
    """The whole picture; hotlist records that it was shown."""
    return await visit.picture("hotlist", f"/v1/hits/{hit_id}/image", purpose_for=READ)


@router.post("/verification")
async def verify_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Record what checking with the entering agency gave."""
    body = {"method": "CLETS"} | _chosen(form, "reference", "outcome", "note")
    return await _record(request, visit, hit_id, "verification", body, form)


@router.post("/disposition")
async def dispose_hit(request: Request, hit_id: UUID, form: Form, visit: Working) -> Response:
    """Record what came of it. Enforcement on a hit that nobody verified needs a reason (468.4(f))."""
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
    """Record, and show the hit again; on a refusal with the words of it, and what was typed."""
    try:
        path = f"/v1/hits/{hit_id}/{what}"
        await visit.must("hotlist", "POST", path, json=body, purpose_for=STEPS[what])
    except Refused as exc:
        if exc.temporary:
            raise
        hit = await _hit(visit, hit_id)
        return page(
            request, "hit.html", visit, exc.status, hit=hit, form=form, problem=exc, refused=what
        )
    return to(request, f"/hits/{hit_id}")
