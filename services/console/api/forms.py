"""Forms: accepted from our own pages only, and bounded."""

import hmac
from collections.abc import Awaitable, Mapping
from secrets import token_urlsafe
from typing import Annotated, Any

from fastapi import Depends, Request

from services.console.actions.errors import Refused, SignedOut, form_refused
from services.console.api.browser import BROWSER, SESSION, cookie_of, jar_of, origin_of, set_cookie
from services.console.api.file_forms import FileForm
from services.console.api.visit import OVER, session_in
from services.console.service import ConsoleService
from shared.service.running import service_of

TOKEN = "form_token"  # noqa: S105 - a field's name
MAX_FIELDS = 40

OPEN = frozenset({"/sign-in", "/sign-in/challenge", "/set-up", "/enrolment", "/enrolment/code"})
"""The forms of people who are not signed in."""


def form_token(request: Request) -> str:
    """Return the hidden field of a form on the page that answers `request`."""
    session = session_in(request)
    is_over = session is None or jar_of(request).changed.get(SESSION, "") is None
    session_id = "" if is_over or session is None else session.session_id
    known = cookie_of(request, BROWSER)
    if not known:
        known = getattr(request.state, "browser", "") or token_urlsafe(24)
        request.state.browser = known
        set_cookie(request, BROWSER, known)
    return service_of(request.app, ConsoleService).seal.form_token(known, session_id)


async def own_form(request: Request) -> Mapping[str, str]:
    """Return a form's fields, stripped, without empty ones. Raises: Refused unless the form is ours, SignedOut.

    It checks three independent signs, each enough against another site's page: the origin that the browser names, a
    token that only our pages contain, and cookies that browsers send from our pages only.
    """
    _check_origin(request)
    async with request.form(max_fields=MAX_FIELDS, max_files=0) as form:
        fields = {name: _typed(value) for name, value in form.items() if isinstance(value, str)}
    return _own(request, fields)


def _typed(sent: str) -> str:
    """Return a field as its person typed it: browsers send a line break as two characters, and count it as one."""
    return sent.replace("\r\n", "\n").strip()


async def own_file_form(request: Request) -> tuple[Mapping[str, str], FileForm]:
    """Return the fields of a form whose last one is a file, and the file to read, after checking that the form is ours.

    Raises: as `own_form`, before it reads any of the file.
    """
    _check_origin(request)
    form = FileForm(request)
    return _own(request, await form.fields()), form


def _check_origin(request: Request) -> None:
    if request.headers.get("origin") != origin_of(request):
        raise form_refused("it did not come from a page of this console")


def _own(request: Request, fields: dict[str, str]) -> Mapping[str, str]:
    """Check the token, and return the fields without it and without empty ones. Raises: Refused, SignedOut."""
    session = session_in(request)
    session_id = session.session_id if session else ""
    browser = cookie_of(request, BROWSER)
    expected = service_of(request.app, ConsoleService).seal.form_token(browser, session_id)
    given = fields.pop(TOKEN, "")
    if not browser or not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        here = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if session is None and here not in OPEN:  # the person signed out in another window
            raise SignedOut(OVER)
        raise form_refused("its page is too old, or from another session; open the page again")
    return {name: value for name, value in fields.items() if value}


async def form_action(action: Awaitable[Any], **named: str) -> Any:
    """Do what a form asks; return the service's answer, or the refusal for the form's page to show.

    `named`: the form's own names of fields, by the service's. Where a page has several forms, each field has a name of
    its own, so that a fault appears beside the right one.

    Raises: Refused if a retry may succeed later: the form then needs no change.
    """
    try:
        return await action
    except Refused as exc:
        if exc.temporary:
            raise
        exc.field = named.get((exc.field or "").rpartition(".")[2], exc.field)
        return exc


def new_key() -> str:
    """Return an Idempotency-Key for a form, so that a form sent twice acts once."""
    return token_urlsafe(18)


Form = Annotated[Mapping[str, str], Depends(own_form)]
FileFields = Annotated[tuple[Mapping[str, str], FileForm], Depends(own_file_form)]
