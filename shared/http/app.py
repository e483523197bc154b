"""HTTP for every service: the app, problem documents (RFC 9457), request ids, health, metrics."""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.telemetry import TelemetryConfig
from msgspec import to_builtins
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.access import principals
from shared.access.rule_refusals import record_unrecorded
from shared.core import errors
from shared.core.errors import AlprError, Explained, InternalFault
from shared.core.problem_codes import Common
from shared.core.spans import Span, Tracer, begin_request
from shared.core.trace import (
    callers_id,
    current_traceparent,
    new_request_id,
    set_request_id,
)
from shared.http.docs import DOCS, add_docs
from shared.http.handlers import add_handler
from shared.http.openapi import describe
from shared.http.request_metrics import count_request, names_of
from shared.http.routes import PROBLEMS, operation_id
from shared.http.validation import invalid_request
from shared.limits.body_limit import BodyLimit, BodyRefused
from shared.limits.limiter import Identify, RefusalLimiter, Vouch
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiService, runtime_of
from shared.service.resources import is_ok
from shared.service.running import Service, attach, service_of
from shared.service.runtime import TASK, RuntimeService
from shared.service.spec import Kind, ServiceSpec

log = logging.getLogger(__name__)

PROBLEM = "application/problem+json"
OPEN = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json"}) | DOCS
"""Routes without a guard in every service; none of them shows ALPR data."""

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""Turns FastAPI's own OpenTelemetry off, which an environment variable can turn on: its spans have path and query."""

PROBES = ("/livez", "/readyz", "/metrics")
"""Routes that monitoring calls all the time, without a span."""

STATUS: Mapping[type[AlprError], int] = {
    AlprError: 400,
    errors.Malformed: 400,
    errors.NotAuthenticated: 401,
    errors.NotAuthorised: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.MethodNotAllowed: 405,
    errors.RequestTimeout: 408,
    errors.TooLarge: 413,
    errors.UnsupportedMedia: 415,
    errors.InvalidInput: 422,
    errors.TooManyRequests: 429,
    errors.InternalFault: 500,
    errors.Unavailable: 503,
}
"""The HTTP status of each error class; a problem code names its class."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    spec: ServiceSpec,
    service: RuntimeService,
    *,
    lifespan: Lifespan,
    identify: Identify = principals.identify,
    vouch: Vouch | None = None,
) -> FastAPI:
    """Return an app with the common middleware and routes; the service adds its own routes.

    Args:
        identify: authenticates a request; default: by its access token.
        vouch: recognises a known client on sign-in routes before it authenticates.
    """
    app = FastAPI(
        title=spec.title,
        description=spec.description.strip(),
        version="1.0.0",
        contact={"name": "The administrator of this installation"},
        openapi_tags=[{"name": name, "description": about} for name, about in tags_of(spec)],
        servers=servers_of(spec),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
        redirect_slashes=False,  # a redirect would use the host that the caller named, without a guard
        generate_unique_id_function=operation_id,
        responses=PROBLEMS,
    )
    attach(app, service)
    app.add_middleware(BodyLimit, uploads=spec.uploads)
    if isinstance(service, ApiService):  # a worker has no guarded routes, and so no refusals
        app.add_middleware(
            RefusalLimiter,
            refusals=service.runtime.refusals,
            identify=identify,
            vouch=vouch,
            exempt=OPEN.union(spec.open_routes).difference(spec.sign_in_routes),
            sign_in_routes=spec.sign_in_routes,
            answer=_alpr_error,
        )
    app.add_middleware(
        RequestContext,
        service=spec.name,
        root_path=service.runtime.settings.root_path,
        tracer=service.runtime.tracer,
    )
    add_handler(app, AlprError, _alpr_error)
    add_handler(app, RequestValidationError, _invalid)
    add_handler(app, HTTPException, _http_exception)
    add_handler(app, Exception, _unexpected)
    app.get("/livez", tags=["health"])(livez)
    app.get("/readyz", tags=["health"])(readyz)
    app.get("/metrics", tags=["health"], response_class=PlainTextResponse)(metrics)
    add_docs(app)
    describe(app, problem_codes=[*Common, *(spec.problem_codes or ())])
    return app


def tags_of(spec: ServiceSpec) -> list[tuple[str, str]]:
    """Return the tags of a service's document, with what each is about."""
    return [
        *spec.tags.items(),
        ("health", "Whether the service runs and is ready, and its figures."),
    ]


def servers_of(spec: ServiceSpec) -> list[dict[str, Any]]:
    """Return the addresses below which a service answers; the installation serves no worker."""
    alone = {"url": "/", "description": "The service's own port"}
    below = {"url": f"/{spec.name}", "description": "Below the address of the installation"}
    return [below, alone] if spec.kind is Kind.API else [alone]


async def livez() -> dict[str, str]:
    """200 while the process runs and its event loop responds."""
    return {"status": "ok"}


async def readyz(request: Request, response: Response) -> dict[str, str]:
    """200 if Postgres, Kafka, the object store and the keys are available; else 503, with the faults by name.

    Names a failing background task too, but stays 200 if tasks are the only fault.
    """
    state = await service_of(request.app, Service).check()
    if not all(is_ok(value) for name, value in state.items() if not name.startswith(TASK)):
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return state


async def metrics() -> Response:
    """Metrics for Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def unit_of_work(request: Request) -> AsyncIterator[UnitOfWork]:
    """Open one transaction for a route. Raises: Unavailable."""
    runtime = runtime_of(request)
    async with runtime.db.begin() as connection:
        yield UnitOfWork(connection, runtime.service, runtime.clock)


# scope="function" commits before the response leaves; FastAPI's default commits after it.
Work = Annotated[UnitOfWork, Depends(unit_of_work, scope="function")]


class RequestContext:
    """Gives each request an id and a trace, returns both in the answer, forbids caching of answers, and counts them.

    The caller's own id of the request is stored separately (`caller_request_id`) and appears in no answer.

    If a proxy serves the app below `root_path`, passes it to the router, which then accepts paths
    with and without the prefix.
    """

    def __init__(
        self, app: ASGIApp, *, service: str, root_path: str = "", tracer: Tracer | None = None
    ) -> None:
        self._app = app
        self._service = service
        self._root_path = root_path
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        arrived_s, answered = time.perf_counter(), False
        if self._root_path:
            scope["root_path"] = self._root_path
        headers = dict(scope["headers"])
        request_id = new_request_id()
        set_request_id(request_id)
        probe = scope["path"].endswith(PROBES)
        begun = begin_request(self._tracer, headers.get(b"traceparent"), probe=probe)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["caller_request_id"] = callers_id(headers.get(b"x-request-id"))

        def count(status: int) -> None:
            count_request(self._service, scope, status, time.perf_counter() - arrived_s)
            if begun is not None:
                _end(begun, scope, status)

        async def answer(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                count(message["status"])
                _add_headers(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            await self._app(scope, receive, answer)
        except Exception:
            if not answered:  # the handler of unexpected errors answers outside this middleware
                count(HTTPStatus.INTERNAL_SERVER_ERROR)
            raise
        finally:
            if begun is not None:
                begun.end(error="unanswered")


def _add_headers(fields: MutableHeaders, request_id: str) -> None:
    """Add the headers of every answer."""
    fields["X-Request-ID"] = request_id
    fields["traceparent"] = current_traceparent() or ""
    fields.setdefault("Cache-Control", "no-store")
    fields["X-Content-Type-Options"] = "nosniff"


def _end(begun: Span, scope: Scope, status: int) -> None:
    """End a request's span with its first byte, as its metric: a stream may go on for hours."""
    method, route = names_of(scope)
    begun.end(
        name=f"{method} {route}",
        error=str(status) if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None,
        attributes={
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
        },
    )


def status_of(error: type[AlprError]) -> int:
    """Return the HTTP status of an error class: its own, or that of the nearest base class that has one."""
    return next(STATUS[kind] for kind in error.__mro__ if kind in STATUS)


def problem(request: Request, exc: AlprError) -> JSONResponse:
    """Return an error as a problem document."""
    body = members(exc)
    body["instance"] = f"urn:request:{request.state.request_id}"
    status, retry_after_s = body["status"], body.get("retry_after_s")
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s is not None else {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body, status, headers, media_type=PROBLEM)


def members(exc: AlprError) -> dict[str, Any]:
    """Return the members of an error's problem document that do not depend on the request."""
    code, detail, params = _published(exc)
    listed = None if exc.errors is None else [_values(one) for one in exc.errors]
    further = {
        "field": exc.field,
        "errors": listed,
        "retry_after_s": getattr(exc, "retry_after_s", None),
    }
    return {
        "type": "about:blank",
        "title": exc.title,
        "status": status_of(type(exc)),
        "code": code,
        "params": params,
        "detail": detail,
        **{name: value for name, value in further.items() if value is not None},
    }


def _published(exc: AlprError) -> tuple[str, str, dict[str, Any]]:
    """Return an error's code, text and parameters; hides the text of an error without a code: it is for operations."""
    if exc.problem is not None:
        return exc.problem.code, exc.detail, _values(exc.params)
    general = Common.UNAVAILABLE if isinstance(exc, errors.Unavailable) else Common.INTERNAL
    return general.code, general.text, {}


def _values(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as values of JSON."""
    return {name: _value(value) for name, value in params.items()}


def _value(value: object) -> Any:
    match value:
        case Explained():
            return _values(value.as_problem)
        case Mapping():
            return _values(value)
        case _:
            return to_builtins(value)


async def recorded(request: Request, exc: AlprError) -> AlprError:
    """Record a refusal behind the guard; return the error to show: Unavailable if it cannot be recorded."""
    if isinstance(exc, errors.NotAuthorised):
        try:
            await record_unrecorded(request, exc)
        except errors.Unavailable as away:
            return away
    return exc


async def _alpr_error(request: Request, exc: AlprError) -> JSONResponse:
    exc = await recorded(request, exc)
    if isinstance(exc, InternalFault):
        log.error("request %s failed: %s", request.state.request_id, type(exc).__name__)
    return problem(request, exc)


async def _invalid(request: Request, exc: RequestValidationError) -> JSONResponse:
    return problem(request, invalid_request(exc, request.scope.get("route")))


async def _http_exception(request: Request, exc: HTTPException) -> JSONResponse:
    answer = problem(request, _error_of(exc))
    answer.headers.update(exc.headers or {})
    return answer


def _error_of(exc: HTTPException) -> AlprError:
    """Convert an HTTPException of the framework into one of our errors."""
    if isinstance(exc, BodyRefused):
        return exc.error
    match exc.status_code:
        case HTTPStatus.NOT_FOUND:
            return errors.NotFound(Common.ROUTE_UNKNOWN)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (exc.headers or {}).get("Allow", "")
            return errors.MethodNotAllowed(
                Common.METHOD_NOT_ALLOWED, allowed=sorted(allowed.split(", "))
            )
        case _:
            return errors.Malformed(Common.REQUEST_UNREADABLE)


async def _unexpected(request: Request, exc: Exception) -> JSONResponse:
    log.error("request %s failed: %s", request.state.request_id, type(exc).__name__)
    answer = problem(request, InternalFault(type(exc).__name__))
    # This handler runs outside the middleware that adds the headers.
    _add_headers(answer.headers, request.state.request_id)
    return answer
