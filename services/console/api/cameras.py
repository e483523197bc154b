"""Cameras: listed with their last sign of life, registered, and given credentials, each shown once."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import cameras
from services.console.actions.errors import Refused
from services.console.api.browser import origin_of
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working, allowed
from services.console.domain.queries import RATES

router = APIRouter(prefix="/cameras")

KINDS = {
    "fixed": "fixed: on a pole or a building",
    "vehicle": "vehicle: in a car, with a place of its own in each post",
}
MAKERS = {
    "axis": "AXIS License Plate Verifier",
    "codeproject": "Blue Iris with CodeProject.AI",
    "frigate": "Frigate",
    "genetec": "Genetec AutoVu",
    "hikvision": "Hikvision ANPR",
    "plate-recognizer": "Plate Recognizer Stream",
    "rekor": "OpenALPR and Rekor Scout",
    "bridge": "a bridge for another maker",
}
"""The makers whose formats ingest takes, by the last part of their address."""

HERE = frozenset({"127.0.0.1", "localhost", "::1"})


@router.get("")
async def show_cameras(request: Request, visit: Working, after: After = "") -> Response:
    """Show all cameras by name."""
    return await _listed(request, visit, after=after)


@router.get("/new", dependencies=[allowed(cameras.MANAGE)])
async def show_new_camera(request: Request, visit: Working) -> Response:
    """Show the form for a camera."""
    return page(request, "new_camera.html", visit, form={}, kinds=KINDS)


@router.post("/new")
async def register_camera(request: Request, form: Form, visit: Working) -> Response:
    """Register a camera, and show its credential, once."""
    issued = await form_action(cameras.register(visit, form))
    if isinstance(issued, Refused):
        return page(
            request,
            "new_camera.html",
            visit,
            issued.status,
            form=form,
            problem=issued,
            kinds=KINDS,
        )
    return _credential_page(request, visit, issued)


@router.post("/{device_id}/credential")
async def renew_credential(
    request: Request, device_id: UUID, form: Form, visit: Working
) -> Response:
    """Give a camera a new credential, and show it, once."""
    issued = await form_action(cameras.renew_credential(visit, device_id))
    if isinstance(issued, Refused):
        return await _listed(request, visit, issued)
    return _credential_page(request, visit, issued)


@router.get("/{device_id}/settings", dependencies=[allowed(cameras.MANAGE)])
async def show_settings(request: Request, device_id: UUID, visit: Working) -> Response:
    """Show the form for a camera's name, place and rates."""
    return await _settings_page(request, visit, device_id, {})


@router.post("/{device_id}/settings")
async def change_camera(request: Request, device_id: UUID, form: Form, visit: Working) -> Response:
    """Change a camera's name, place, rates, or how long it may keep captures back."""
    answer = await form_action(cameras.change(visit, device_id, form))
    if isinstance(answer, Refused):
        return await _settings_page(request, visit, device_id, form, answer)
    return to(request, "/cameras")


@router.get("/{device_id}/revocation", dependencies=[allowed(cameras.MANAGE)])
async def show_revocation(request: Request, device_id: UUID, visit: Working) -> Response:
    """Show what revoking a camera does, or reinstating a revoked one, and the form for it."""
    return await _revocation_page(request, visit, device_id, {})


@router.post("/{device_id}/revocation")
async def revoke_camera(request: Request, device_id: UUID, form: Form, visit: Working) -> Response:
    """Refuse all requests of a camera from now on."""
    answer = await form_action(cameras.revoke(visit, device_id, form))
    if isinstance(answer, Refused):
        return await _revocation_page(request, visit, device_id, form, answer, "revocation")
    return to(request, "/cameras")


@router.post("/{device_id}/reinstatement")
async def reinstate_camera(
    request: Request, device_id: UUID, form: Form, visit: Working
) -> Response:
    """Reinstate a revoked camera, and show its new credential, once."""
    issued = await form_action(cameras.reinstate(visit, device_id, form))
    if isinstance(issued, Refused):
        return await _revocation_page(request, visit, device_id, form, issued, "reinstatement")
    return _credential_page(request, visit, issued)


def captures_url(request: Request, ingest: str) -> str:
    """Return the address to which cameras post frames, as the machine of the browser reaches it.

    `ingest` is the console's address of ingest, which is valid on this machine; elsewhere ingest lies beside the
    console (deploy/README.md).
    """
    if request.url.hostname not in HERE:
        beside = request.scope.get("root_path", "").rpartition("/")[0]
        ingest = f"{origin_of(request)}{beside}/ingest"
    return f"{ingest}/v1/captures"


def _credential_page(request: Request, visit: Visit, issued: Any) -> Response:
    url = captures_url(request, visit.console.settings.console_ingest_url)
    base = url.removesuffix("captures")
    return page(
        request,
        "camera_credential.html",
        visit,
        camera=issued["device"],
        credential=issued["credential"],
        url=url,
        makers=[(name, f"{base}makers/{maker}") for maker, name in MAKERS.items()],
    )


async def _settings_page(
    request: Request,
    visit: Visit,
    device_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    camera = await cameras.read_camera(visit, device_id)
    rates = {name: f"{camera[name]:.10g}" for name in RATES}
    known = {"name": camera["name"]} | rates | (camera["place"] or {})
    seen = {name: "" if value is None else str(value) for name, value in known.items()}
    return page(
        request,
        "camera_settings.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        camera=camera,
        seen=seen,
        form=form if problem else seen,
        problem=problem,
    )


async def _revocation_page(
    request: Request,
    visit: Visit,
    device_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    refused: str = "",
) -> Response:
    """Build the page of revoking or reinstating a camera; what was typed for the `refused` act fills only its form."""
    camera = await cameras.read_camera(visit, device_id)
    act = "revocation" if camera["status"] == "active" else "reinstatement"
    return page(
        request,
        "camera_revocation.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        camera=camera,
        act=act,
        form=form if act == refused else {},
        problem=problem,
    )


async def _listed(
    request: Request, visit: Visit, problem: Refused | None = None, after: str = ""
) -> Response:
    found = await cameras.list_cameras(visit, after)
    status = problem.status if problem else HTTPStatus.OK
    now = visit.console.clock.now()
    return page(request, "cameras.html", visit, status, found=found, problem=problem, now=now)
