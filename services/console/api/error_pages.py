"""Error pages."""

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from services.console.actions.errors import PurposeNeeded, Refused, SignedOut
from services.console.api.browser import HEADERS, drop_cookies
from services.console.api.pages import page, purpose_path
from services.console.api.visit import has_lapsed_purpose, page_above, page_left, visitor
from shared.http.handlers import add_handler
from shared.http.validation import invalid_request

log = logging.getLogger(__name__)


def add_handlers(app: FastAPI) -> None:
    """Register a page for each kind of error."""
    add_handler(app, Refused, _refused)
    add_handler(app, SignedOut, _signed_out)
    add_handler(app, PurposeNeeded, _purpose_needed)
    add_handler(app, RequestValidationError, _invalid)
    add_handler(app, HTTPException, _http_exception)
    add_handler(app, Exception, _unexpected)


async def _refused(request: Request, exc: Refused) -> Response:
    return page(request, "problem.html", visitor(request), exc.status, problem=exc)


async def _signed_out(request: Request, exc: SignedOut) -> Response:
    """Show the sign-in page, which leads back to where the person was; a picture or a stream gets the status."""
    drop_cookies(request)
    status, back = HTTPStatus.UNAUTHORIZED, page_left(request)
    return page(request, "sign_in.html", status=status, notice=exc.why, back=back)


async def _purpose_needed(request: Request, exc: PurposeNeeded) -> Response:
    if request.method == "POST" and has_lapsed_purpose(request):
        # A redirect would lose what the person typed; the browser sends it again with this very page.
        declare = purpose_path(exc.back, exc.permission)
        return page(request, "lapsed.html", visitor(request), HTTPStatus.FORBIDDEN, declare=declare)
    address = f"{request.scope.get('root_path', '')}{purpose_path(exc.back, exc.permission)}"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


async def _invalid(request: Request, exc: RequestValidationError) -> Response:
    why = invalid_request(exc, request.scope.get("route"))
    name = str(exc.errors()[0]["loc"][-1])
    problem = Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid", why.detail, name)
    return await _refused(request, problem)


async def _http_exception(request: Request, exc: HTTPException) -> Response:
    root_path = request.scope.get("root_path", "")
    if exc.status_code == HTTPStatus.NOT_FOUND and request.url.path == root_path:
        return RedirectResponse(f"{root_path}/", HTTPStatus.SEE_OTHER)
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED and (above := page_above(request)):
        # A refused form shows its page at its own address, which a browser asks for when its person enters it again.
        return RedirectResponse(f"{root_path}{above}", HTTPStatus.SEE_OTHER)
    phrase = HTTPStatus(exc.status_code).phrase
    detail = "" if exc.detail == phrase else exc.detail
    answer = await _refused(request, Refused(exc.status_code, phrase, detail))
    answer.headers.update(exc.headers or {})
    return answer


async def _unexpected(request: Request, exc: Exception) -> Response:
    log.error("request %s failed: %s", request.state.request_id, type(exc).__name__)
    detail = f"This is an error of the system. Give this number to its operators: {request.state.request_id}"
    answer = await _refused(request, Refused(500, "Internal error", detail))
    answer.headers["X-Request-ID"] = request.state.request_id
    answer.headers.update(HEADERS)  # this handler runs outside the middleware that adds them
    return answer
