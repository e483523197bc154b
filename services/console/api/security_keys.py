"""A person's own security keys: listed, added, removed, and whether codes count beside them (468.6)."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.console.actions import security_keys
from services.console.actions.errors import Refused
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import challenge_answer, to
from services.console.api.visit import Visit, Working

router = APIRouter(prefix="/account")

KEYS = "/account/security-keys"


@router.post("/challenge")
async def issue_challenge(form: Form, visit: Working) -> JSONResponse:
    """Return a challenge to the script of a page that asks for both factors."""
    return await challenge_answer(security_keys.own_challenge(visit))


@router.get("/security-keys")
async def show_keys(request: Request, visit: Working) -> Response:
    """List the person's security keys."""
    keys, keys_only = await security_keys.read_keys(visit)
    return page(request, "security_keys.html", visit, keys=keys, keys_only=keys_only)


@router.get("/security-keys/new")
async def show_new_key(request: Request, visit: Working) -> Response:
    """Show the form to prove both factors before a key is added."""
    return page(request, "new_security_key.html", visit)


@router.post("/security-keys/new")
async def begin_key(request: Request, form: Form, visit: Working) -> Response:
    """Prove both factors, and show the page that makes the key."""
    offer = await form_action(security_keys.begin_key(visit, form))
    if isinstance(offer, Refused):
        return page(request, "new_security_key.html", visit, offer.status, problem=offer)
    return _offer_page(request, visit, offer)


@router.post("/security-keys/new/key")
async def add_key(request: Request, form: Form, visit: Working) -> Response:
    """Store the key that the browser made."""
    offer = security_keys.open_offer(visit.console.seal, form.get("offer", ""))
    answer = await form_action(security_keys.add_key(visit, form))
    if isinstance(answer, Refused) and answer.code == security_keys.WRONG:
        return page(request, "new_security_key.html", visit, answer.status, problem=answer)
    if isinstance(answer, Refused):
        return _offer_page(request, visit, offer, form.get("name", ""), answer)
    return to(request, KEYS)


@router.get("/security-keys/removal")
async def show_removal(request: Request, visit: Working) -> Response:
    """Show what the removal of a key does, and the form for it."""
    return await _removal_page(request, visit)


@router.post("/security-keys/removal")
async def remove_key(request: Request, form: Form, visit: Working) -> Response:
    """Remove a key; the person's other sessions end."""
    answer = await form_action(security_keys.remove_key(visit, form))
    if isinstance(answer, Refused):
        return await _removal_page(request, visit, form.get("key_id", ""), answer)
    return to(request, KEYS)


@router.get("/keys-only")
async def show_keys_only(request: Request, visit: Working) -> Response:
    """Show the form that ends codes as a second factor, or allows them again."""
    return await _keys_only_page(request, visit)


@router.post("/keys-only")
async def choose_keys_only(request: Request, form: Form, visit: Working) -> Response:
    """Let only security keys count, or codes too."""
    answer = await form_action(security_keys.choose_keys_only(visit, form))
    if isinstance(answer, Refused):
        return await _keys_only_page(request, visit, answer)
    return to(request, KEYS)


def _offer_page(
    request: Request,
    visit: Visit,
    offer: security_keys.Offer,
    name: str = "",
    problem: Refused | None = None,
) -> Response:
    return page(
        request,
        "make_security_key.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        offer=offer,
        sealed=visit.console.seal.seal(offer),
        name=name,
        problem=problem,
    )


async def _removal_page(
    request: Request, visit: Visit, chosen: str = "", problem: Refused | None = None
) -> Response:
    keys, _ = await security_keys.read_keys(visit)
    return page(
        request,
        "remove_security_key.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        keys=keys,
        names={key["key_id"]: key["name"] for key in keys},
        chosen=chosen,
        problem=problem,
    )


async def _keys_only_page(
    request: Request, visit: Visit, problem: Refused | None = None
) -> Response:
    keys, keys_only = await security_keys.read_keys(visit)
    return page(
        request,
        "keys_only.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        keys=keys,
        keys_only=keys_only,
        problem=problem,
    )
