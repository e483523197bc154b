"""People: new invitations, some of which take two administrators, and lifts of a day's limit (468.3; ADR-0040)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.console.actions import people
from services.console.actions.errors import Refused, done_all_the_same
from services.console.api.browser import origin_of
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working, allowed
from services.console.domain.accounts import lock_act
from services.console.domain.roles import SOURCES, described, needs_training, roles_with
from shared.core.permissions import Permission

router = APIRouter(prefix="/people")

STATES = ("invited", "active", "locked", "disabled", "separated")

State = Annotated[str, Query(pattern=r"^[a-z]{0,20}$")]


@router.get("")
async def show_people(
    request: Request, visit: Working, state: State = "", after: After = ""
) -> Response:
    """Show all accounts by user name, and the proposals to invite people anew."""
    found = await people.list_accounts(visit, state, after)
    proposed = await people.list_proposals(visit)
    return page(
        request, "people.html", visit, found=found, proposed=proposed, states=STATES, chosen=state
    )


@router.get("/new", dependencies=[allowed(people.MANAGE)])
async def show_new_person(request: Request, visit: Working) -> Response:
    """Show the form to invite a person."""
    return _new_person_page(request, visit, {})


@router.post("/new")
async def invite_person(request: Request, form: Form, visit: Working) -> Response:
    """Invite a person, and show who hands the invitation over."""
    invited = await form_action(people.invite(visit, form))
    if isinstance(invited, Refused):
        return _new_person_page(request, visit, form, invited)
    deliverers = roles_with(visit.console.policy, Permission.ACCOUNT_DELIVER)
    try:
        can_deliver = await people.has_deliverer(visit, deliverers)
    except Refused as exc:
        raise done_all_the_same("the person is invited: see the page of people", exc) from None
    return page(
        request,
        "invited.html",
        visit,
        person=invited["account"],
        expires_at=invited["expires_at"],
        needs_training=needs_training(invited["account"]),
        deliverers=deliverers,
        can_deliver=can_deliver,
        address=f"{origin_of(request)}{request.scope.get('root_path', '')}/enrolment",
    )


@router.get("/reviews")
async def show_reviews(request: Request, visit: Working, after: After = "") -> Response:
    """Show the people whose rights were not reviewed for a year, the oldest review first."""
    found = await people.list_reviews_due(visit, after)
    policy = visit.console.policy
    about_roles = {role: described(policy, role) for role in policy.roles}
    return page(request, "reviews.html", visit, found=found, about_roles=about_roles)


@router.get("/{account_id}")
async def show_person(request: Request, account_id: UUID, visit: Working) -> Response:
    """Show one person, and the actions available."""
    return await _person_page(request, visit, account_id, {})


@router.post("/{account_id}/invitation")
async def invite_anew(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Invite a person anew, or propose it if it takes two administrators."""
    answer = await form_action(people.invite_anew(visit, account_id, form))
    return await _done(request, visit, account_id, form, answer, "invitation")


@router.post("/{account_id}/approval")
async def approve(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Invite a person anew, as another administrator proposed."""
    answer = await form_action(people.approve(visit, account_id))
    return await _done(request, visit, account_id, form, answer, "invitation/approval")


@router.post("/{account_id}/limit")
async def lift_limit(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Lift a person's limit of records a day, for one case."""
    answer = await form_action(people.lift_limit(visit, account_id, form), reason="limit_reason")
    return await _done(request, visit, account_id, form, answer, "limit-lifts")


def _new_person_page(
    request: Request, visit: Visit, form: Mapping[str, str], problem: Refused | None = None
) -> Response:
    policy = visit.console.policy
    return page(
        request,
        "new_person.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        titles=[*sorted(policy.titles.authorised), *sorted(policy.titles.external)],
        about_roles={role: described(policy, role) for role in policy.roles},
        sources=SOURCES,
        form=form,
        problem=problem,
    )


async def _done(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str],
    answer: Any,
    act: str,
) -> Response:
    if isinstance(answer, Refused):
        return await _person_page(request, visit, account_id, form, answer, act)
    return to(request, f"/people/{account_id}")


async def _person_page(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
    act: str = "",
) -> Response:
    """Build a person's page; a `problem` appears in the section of the refused `act`."""
    person = await people.read_person(visit, account_id)
    two = visit.console.policy.accounts.two_to_reinvite & set(person.account["held_roles"])
    return page(
        request,
        "person.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        person=person.account,
        lifts=person.lifts,
        proposal=person.proposal,
        needs_two=sorted(two),
        lock_act=lock_act(person.account),
        deliverers=roles_with(visit.console.policy, Permission.ACCOUNT_DELIVER),
        is_own=str(account_id) == visit.session.person_id,
        form=form,
        act=act,
        problem=problem,
    )
