"""The public policy page (Civil Code 1798.90.51(b)), and the data for verifying the audit log."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from services.console.actions.audit import read_public
from services.console.api.pages import page
from services.console.api.visit import visitor
from services.console.service import ConsoleService
from shared.service.running import service_of

router = APIRouter()


@router.get("/policy")
async def show_policy(request: Request) -> Response:
    """Show the department's policy on plate readers, from policy.toml; public."""
    return page(request, "policy.html", visitor(request))


@router.get("/checkpoint")
async def show_checkpoint(request: Request) -> Response:
    """Show the audit log's newest signed checkpoint; public, without ALPR data."""
    return await _relay(request, "/v1/checkpoint")


@router.get("/keys")
async def show_keys(request: Request) -> Response:
    """Show the public keys that verify checkpoints; public."""
    return await _relay(request, "/v1/keys")


async def _relay(request: Request, path: str) -> Response:
    services = service_of(request.app, ConsoleService).services
    return PlainTextResponse(await read_public(services, path))
