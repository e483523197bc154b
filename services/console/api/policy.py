"""The public policy page (Civil Code 1798.90.51(b)), and how anybody can check the audit log."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from services.console.actions.errors import refusal
from services.console.api.pages import page
from services.console.api.visit import visitor
from services.console.service import console_of

router = APIRouter()


@router.get("/policy")
async def show_policy(request: Request) -> Response:
    """The department's policy on plate readers, from policy.toml; for anybody."""
    return page(request, "policy.html", visitor(request))


@router.get("/checkpoint")
async def show_checkpoint(request: Request) -> Response:
    """The audit log's newest signed checkpoint; for anybody, and it holds no ALPR data."""
    return await _passed_on(request, "/v1/checkpoint")


@router.get("/keys")
async def show_keys(request: Request) -> Response:
    """The public keys that checkpoints are checked with; for anybody."""
    return await _passed_on(request, "/v1/keys")


async def _passed_on(request: Request, path: str) -> Response:
    answer = await console_of(request).services.ask("audit", "GET", path)
    if not answer.is_success:
        raise refusal(answer)
    return PlainTextResponse(answer.content)
