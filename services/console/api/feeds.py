"""Feeds of hot lists: listed with their last deliveries, and issued, each with a credential that is shown once."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import feeds, hotlists
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working

router = APIRouter(prefix="/hotlists/{list_id}/feeds")


@router.get("")
async def show_feeds(
    request: Request, list_id: UUID, visit: Working, after: After = ""
) -> Response:
    """Show a list's feeds, and the form for another one."""
    return await _listed(request, visit, list_id, {}, after=after)


@router.post("")
async def issue_feed(request: Request, list_id: UUID, form: Form, visit: Working) -> Response:
    """Issue a feed, and show its credential, once."""
    hot_list = await hotlists.read_list(visit, list_id)
    issued = await form_action(feeds.issue(visit, list_id, form))
    if isinstance(issued, Refused):
        return await _listed(request, visit, list_id, form, issued)
    return page(request, "feed_credential.html", visit, list=hot_list, **issued)


@router.post("/{feed_id}/revocation")
async def revoke_feed(
    request: Request, list_id: UUID, feed_id: UUID, form: Form, visit: Working
) -> Response:
    """Refuse all deliveries of a feed from now on, with the reason."""
    answer = await form_action(feeds.revoke(visit, list_id, feed_id, form))
    if isinstance(answer, Refused):
        return await _listed(request, visit, list_id, {}, answer)
    return to(request, f"/hotlists/{list_id}/feeds")


async def _listed(
    request: Request,
    visit: Visit,
    list_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    after: str = "",
) -> Response:
    hot_list = await hotlists.read_list(visit, list_id)
    found = await feeds.list_feeds(visit, list_id, after)
    return page(
        request,
        "feeds.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        list=hot_list,
        found=found,
        form=form,
        problem=problem,
        now=visit.console.clock.now(),
    )
