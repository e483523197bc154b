"""Changes of one person's account: roles and hot lists, lock and unlock, separation (468.3, 468.6)."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response

from services.console.actions import people
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import Visit, Working, allowed
from services.console.domain.accounts import lock_act, why_not_change, why_not_lock
from services.console.domain.form_values import ticked
from services.console.domain.roles import SOURCES, described

router = APIRouter(prefix="/people/{account_id}")

REASONS = ("reason", "sources_reason", "review_note")
"""The texts of the forms on the page of roles."""

HEADINGS = {"lock": "Lock", "unlock": "Unlock", "reinstatement": "Bring back", "": "Lock"}


@router.get("/roles", dependencies=[allowed(people.MANAGE)])
async def show_roles(request: Request, account_id: UUID, visit: Working) -> Response:
    """Show a person's roles and hot lists, to change them."""
    return await _roles_page(request, visit, account_id)


@router.post("/roles")
async def assign_roles(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Replace a person's roles with the ticked ones."""
    answer = await form_action(people.assign_roles(visit, account_id, form))
    if isinstance(answer, Refused):
        return await _roles_page(request, visit, account_id, "roles", form, answer)
    return to(request, f"/people/{account_id}")


@router.post("/sources")
async def assign_sources(
    request: Request, account_id: UUID, form: Form, visit: Working
) -> Response:
    """Replace the hot lists that a person is entitled to with the ticked ones."""
    answer = await form_action(
        people.assign_sources(visit, account_id, form), reason="sources_reason"
    )
    if isinstance(answer, Refused):
        return await _roles_page(request, visit, account_id, "sources", form, answer)
    return to(request, f"/people/{account_id}")


@router.post("/review")
async def confirm_rights(
    request: Request, account_id: UUID, form: Form, visit: Working
) -> Response:
    """Confirm a person's rights as the page showed them, and go on to the next person whose review is due."""
    answer = await form_action(people.confirm_rights(visit, account_id, form), note="review_note")
    if isinstance(answer, Refused):
        return await _roles_page(request, visit, account_id, "review", form, answer)
    return to(request, "/people/reviews")


@router.get("/details", dependencies=[allowed(people.MANAGE)])
async def show_details(request: Request, account_id: UUID, visit: Working) -> Response:
    """Show the form for a person's name and title."""
    return await _details_page(request, visit, account_id, {})


@router.post("/details")
async def change_details(
    request: Request, account_id: UUID, form: Form, visit: Working
) -> Response:
    """Change a person's name or title."""
    answer = await form_action(people.change_details(visit, account_id, form))
    if isinstance(answer, Refused):
        return await _details_page(request, visit, account_id, form, answer)
    return to(request, f"/people/{account_id}")


@router.get("/lock", dependencies=[allowed(people.MANAGE)])
async def show_lock(request: Request, account_id: UUID, visit: Working) -> Response:
    """Show what locking an account does, or what its state allows instead, and the form for it."""
    return await _lock_page(request, visit, account_id)


@router.post("/lock")
async def lock(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Lock an account; its sessions and tokens end."""
    return await _locked(request, visit, account_id, "lock", form)


@router.post("/unlock")
async def unlock(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Unlock an account, or its sign-in that failures locked."""
    return await _locked(request, visit, account_id, "unlock", form)


@router.post("/reinstatement")
async def reinstate(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """Bring an account back that was disabled for want of use."""
    return await _locked(request, visit, account_id, "reinstatement", form)


@router.get("/separation", dependencies=[allowed(people.MANAGE)])
async def show_separation(request: Request, account_id: UUID, visit: Working) -> Response:
    """Show what a separation ends, and the form for it."""
    return await _separation_page(request, visit, account_id, {})


@router.post("/separation")
async def separate(request: Request, account_id: UUID, form: Form, visit: Working) -> Response:
    """End an account for good."""
    answer = await form_action(people.change_state(visit, account_id, "separation", form))
    if isinstance(answer, Refused):
        return await _separation_page(request, visit, account_id, form, answer)
    return to(request, f"/people/{account_id}")


async def _roles_page(
    request: Request,
    visit: Visit,
    account_id: UUID,
    act: str = "",
    form: Mapping[str, str] | None = None,
    problem: Refused | None = None,
) -> Response:
    """Build the page of roles; the form of a refused `act` shows its boxes as they were ticked, the other as held.

    If the account has changed since, both show what it has now: as ticked, one more click would undo the change.
    """
    account, policy = await people.read_account(visit, account_id), visit.console.policy
    typed, has_changed = form or {}, problem is not None and problem.code == people.CHANGED_SINCE
    fields = {name: typed[name] for name in REASONS if name in typed}
    for kind, prefix in (("roles", "role_"), ("sources", "source_")):
        is_typed = act == kind and not has_changed
        boxes = ticked(typed, prefix) if is_typed else account[kind]
        fields |= {f"{prefix}{one}": "yes" for one in boxes}
    return page(
        request,
        "person_roles.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        person=account,
        why_not=why_not_change(account, visit.session.person_id),
        is_external=account["title"] in policy.titles.external,
        about_roles={role: described(policy, role) for role in policy.roles},
        sources=SOURCES,
        form=fields,
        problem=problem,
    )


async def _details_page(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    account, titles = await people.read_account(visit, account_id), visit.console.policy.titles
    return page(
        request,
        "person_details.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        person=account,
        why_not=why_not_change(account, visit.session.person_id),
        titles=sorted({*titles.authorised, *titles.external, account["title"]}),
        form=form if problem else account,
        problem=problem,
    )


async def _lock_page(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str] | None = None,
    problem: Refused | None = None,
    refused: str = "",
) -> Response:
    """Build the page of what may follow an account's state; what was typed for a `refused` act fills only its form."""
    account = await people.read_account(visit, account_id)
    act = lock_act(account)
    return page(
        request,
        "person_lock.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        person=account,
        heading=f"{HEADINGS[act]} {account['name']}",
        act=act,
        why_not=why_not_lock(account, visit.session.person_id, visit.console.clock.now()),
        form=form if form and act == refused else {},
        problem=problem,
    )


async def _locked(
    request: Request, visit: Visit, account_id: UUID, act: str, form: Mapping[str, str]
) -> Response:
    answer = await form_action(people.change_state(visit, account_id, act, form))
    if isinstance(answer, Refused):
        return await _lock_page(request, visit, account_id, form, answer, act)
    return to(request, f"/people/{account_id}")


async def _separation_page(
    request: Request,
    visit: Visit,
    account_id: UUID,
    form: Mapping[str, str],
    problem: Refused | None = None,
) -> Response:
    account = await people.read_account(visit, account_id)
    return page(
        request,
        "person_separation.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        person=account,
        why_not=why_not_change(account, visit.session.person_id),
        form=form,
        problem=problem,
    )
