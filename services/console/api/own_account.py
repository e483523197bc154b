"""A person's own account: rights, training, sign-ins, password and second factor (468.4(d), 468.6)."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from services.console.actions import own_account
from services.console.actions.errors import Refused
from services.console.api.browser import drop_cookies
from services.console.api.codes import qr_code
from services.console.api.forms import Form, form_action
from services.console.api.pages import page
from services.console.api.sign_in import to
from services.console.api.visit import After, Visit, Working
from services.console.domain.rights import rights_in_words
from services.console.domain.roles import described

router = APIRouter(prefix="/account")


@router.get("")
async def show_account(request: Request, visit: Working, after: After = "") -> Response:
    """Show a person their own account: roles and rights, training, and sign-ins, newest first."""
    own = await own_account.read_own_account(visit, after)
    policy = visit.console.policy
    held, now = own.account["permissions"], visit.console.clock.now()
    return page(
        request,
        "account.html",
        visit,
        account=own.account,
        about_roles={role: described(policy, role) for role in policy.roles},
        rights=rights_in_words(held, visit.session.trained_until, now),
        training=own.training,
        sign_ins=own.sign_ins,
        is_first=not after,
    )


@router.post("/sessions/closure")
async def sign_others_out(request: Request, form: Form, visit: Working) -> Response:
    """End the person's other sessions."""
    await own_account.sign_others_out(visit)
    return to(request, "/account")


@router.get("/password")
async def show_password(request: Request, visit: Working) -> Response:
    """Show the form for a new password."""
    return page(request, "password.html", visit)


@router.post("/password")
async def change_password(request: Request, form: Form, visit: Working) -> Response:
    """Change the person's password; they sign in anew."""
    answer = await form_action(own_account.change_password(visit, form))
    if isinstance(answer, Refused):
        return page(request, "password.html", visit, answer.status, problem=answer)
    return _sign_in_anew(request, "Your password is changed. Sign in with it, and with a new code.")


@router.get("/second-factor")
async def show_second_factor(request: Request, visit: Working) -> Response:
    """Show the form to prove the present second factor."""
    return page(request, "second_factor.html", visit)


@router.post("/second-factor")
async def begin_new_factor(request: Request, form: Form, visit: Working) -> Response:
    """Prove the present second factor, and show the new one."""
    factor = await form_action(own_account.begin_new_factor(visit, form))
    if isinstance(factor, Refused):
        return page(request, "second_factor.html", visit, factor.status, problem=factor)
    return _factor_page(request, visit, factor)


@router.post("/second-factor/code")
async def confirm_new_factor(request: Request, form: Form, visit: Working) -> Response:
    """Put the new second factor in force with its first code; the person signs in anew."""
    factor = own_account.open_new_factor(visit.console.seal, form.get("factor", ""))
    answer = await form_action(own_account.confirm_new_factor(visit, factor, form.get("totp", "")))
    if isinstance(answer, Refused) and answer.code == own_account.NOT_OFFERED:
        return page(request, "second_factor.html", visit, answer.status, problem=answer)
    if isinstance(answer, Refused):
        return _factor_page(request, visit, factor, answer)
    notice = "Your second factor is changed. Sign in with the next code that the new one shows."
    return _sign_in_anew(request, notice)


def _factor_page(
    request: Request,
    visit: Visit,
    factor: own_account.NewFactor,
    problem: Refused | None = None,
) -> Response:
    return page(
        request,
        "new_factor.html",
        visit,
        problem.status if problem else HTTPStatus.OK,
        factor=factor,
        sealed=visit.console.seal.seal(factor),
        code=qr_code(factor.provisioning_uri, "QR code of the key"),
        problem=problem,
    )


def _sign_in_anew(request: Request, notice: str) -> Response:
    """Show the sign-in page to a person whose sessions their own change has ended."""
    drop_cookies(request)
    return page(request, "sign_in.html", notice=notice, back="")
