"""Policies that services have loaded: which are in use, and who has acknowledged them (ADR-0024)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.console.actions import policies
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working
from services.console.domain.policies import words_of

router = APIRouter(prefix="/policies")

Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("")
async def show_policies(request: Request, visit: Working, after: After = "") -> Response:
    """Show the policies, newest first, with the acknowledgements given and awaited."""
    return await _page(request, visit, after=after)


@router.post("/{digest}/acknowledgement")
async def acknowledge_policy(
    request: Request, digest: Digest, form: Form, visit: Working
) -> Response:
    """Acknowledge a policy as administrator or as auditor."""
    answer = await form_action(policies.acknowledge(visit, digest, form))
    if isinstance(answer, Refused):
        return await _page(request, visit, answer)
    return to(request, "/policies")


async def _page(
    request: Request, visit: Visit, problem: Refused | None = None, after: str = ""
) -> Response:
    found = await policies.list_policies(visit, after)
    own, session = visit.console.policy, visit.session
    return page(
        request,
        "policies.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        found=found,
        words_by_digest={
            one["digest"]: words_of(one, own, session.person_id, session.permissions)
            for one in found["items"]
        },
        in_use=sum(bool(one["services"]) for one in found["items"]),
        problem=problem,
    )
