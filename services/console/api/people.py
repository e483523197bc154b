"""People: new invitations, some of which take two administrators, and lifts of a day's limit (468.3; ADR-0040)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working

router = APIRouter(prefix="/people")

ON_A_PAGE = 50
LIFTS = 10
MANAGE = "account:manage"
STATES = ("invited", "active", "locked", "disabled", "separated")

State = Annotated[str, Query(pattern=r"^[a-z]{0,20}$")]
After = Annotated[str, Query(max_length=300)]


@router.get("")
async def show_people(
    request: Request, visit: Working, state: State = "", after: After = ""
) -> Response:
    """Show all accounts by user name, and the proposals to invite people anew."""
    asked: dict[str, Any] = {"limit": ON_A_PAGE}
    asked |= {"status": state} if state else {}
    asked |= {"after": after} if after else {}
    found = await visit.must("identity", "GET", "/v1/accounts", params=asked)
    proposed = await _proposed(visit)
    return page(
        request, "people.html", visit, found=found, proposed=proposed, states=STATES, chosen=state
    )


@router.get("/{account_id}")
async def show_person(request: Request, account_id: UUID, visit: Working) -> Response:
    """Show one person, and the actions available."""
    return await _person_page(request, visit, account_id, {})


@router.post("/{account_id}/invitation")
async def invite_anew(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Invite a person anew, or propose it if it takes two administrators."""
    body = {"reason": form.get("reason", "")}
    return await _done(request, visit, account_id, form, "invitation", body)


@router.post("/{account_id}/approval")
async def approve(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Invite a person anew, as another administrator proposed."""
    return await _done(request, visit, account_id, form, "invitation/approval", None)


@router.post("/{account_id}/limit")
async def lift_limit(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Lift a person's limit of records a day, for one case."""
    body = {name: form.get(name, "") for name in ("case_number", "reason")}
    return await _done(request, visit, account_id, form, "limit-lifts", body)


async def _done(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str],
    act: str,
    body: Mapping[str, str] | None,
) -> Response:
    answer = await form_action(
        visit.must("identity", "POST", f"/v1/accounts/{account_id}/{act}", json=body)
    )
    if isinstance(answer, Refused):
        return await _person_page(request, visit, account_id, form, answer, act)
    return to(request, f"/people/{account_id}")


async def _proposed(visit: Visit) -> list[Any]:
    """Return the open proposals, for people who may approve them."""
    if MANAGE not in visit.session.permissions:
        return []
    found = await visit.must("identity", "GET", "/v1/accounts/invitations/proposed")
    return list(found["items"])


async def _person_page(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    act: str = "",
) -> Response:
    """Build a person's page; a `problem` appears in the section of the refused `act`."""
    path = f"/v1/accounts/{account_id}"
    person = await visit.must("identity", "GET", path)
    lifts = await visit.must("identity", "GET", f"{path}/limit-lifts", params={"limit": LIFTS})
    proposals = [one for one in await _proposed(visit) if one["account_id"] == str(account_id)]
    two = visit.console.policy.accounts.two_to_reinvite & set(person["roles"])
    return page(
        request,
        "person.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        person=person,
        lifts=lifts["items"],
        proposal=proposals[0] if proposals else None,
        takes_two=sorted(two),
        is_own=str(account_id) == visit.session.person_id,
        form=form,
        act=act,
        problem=problem,
    )
