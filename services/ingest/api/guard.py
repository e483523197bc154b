"""The guard of the cameras' routes: checks credential and rate without a query."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBasic, HTTPBearer
from prometheus_client import Counter
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from services.ingest.actions.makers import MAKERS
from services.ingest.domain.credentials import presented
from services.ingest.domain.devices import Device
from services.ingest.service import IngestService
from shared.access import principals
from shared.access.principals import Principal
from shared.core.errors import NotAuthenticated, TooManyRequests, Unavailable
from shared.http.app import problem
from shared.limits.limiter import mark_uncounted
from shared.service.running import service_of

REFUSED = Counter("alpr_device_refused", "Requests with an invalid device credential")

CAMERA_PATHS = ("/v1/captures", "/v1/reads", *(f"/v1/makers/{maker}" for maker in MAKERS))

_PRESENTED = "plateward.presented"
"""Key of a request's scope: the device's id and the digest of its secret, as the request gave them."""

_BEARER = HTTPBearer(
    scheme_name="device_credential",
    description="`<device id>.<secret>`, as it was shown once when the device was registered.",
    auto_error=False,
)
_BASIC = HTTPBasic(
    scheme_name="device_credential_basic",
    description="Device id as the user name, secret as the password: for cameras that only support Basic.",
    auto_error=False,
)


async def still(request: Request) -> Device:
    """Return the device that sends `request`, in its current state. Routes call this again after the body, since the
    device may be revoked then.

    Raises: NotAuthenticated, Unavailable.
    """
    try:
        return await _device(request)
    except NotAuthenticated:
        REFUSED.inc()
        mark_uncounted(request)
        raise


async def identify(request: Request) -> Device | Principal:
    """Authenticate the sender of `request`, as its route requires. Raises: NotAuthenticated, Unavailable."""
    if request.url.path.endswith(CAMERA_PATHS):
        return await _device(request)
    return await principals.identify(request)


async def _device(request: Request) -> Device:
    ingest = service_of(request.app, IngestService)
    credential: tuple[UUID, bytes] | None = request.scope.get(_PRESENTED)
    if credential is None:
        authorization = request.headers.get("authorization")
        if authorization is None and (key := request.headers.get("x-api-key")) is not None:
            authorization = f"Bearer {key}"  # for engines that send no other header
        credential = presented(authorization)
        request.scope[_PRESENTED] = credential
    return await ingest.cache.authenticate(*credential, ingest.runtime.clock.now())


async def device_credential(
    request: Request,
    bearer: Annotated[object, Depends(_BEARER)],
    basic: Annotated[object, Depends(_BASIC)],
) -> Device:
    """The guard as a dependency, for FastAPI and the OpenAPI document."""
    return await still(request)


device_credential.credential = "device"  # type: ignore[attr-defined]  # read by the architecture test

Camera = Annotated[Device, Depends(device_credential)]


class CameraRoute(APIRoute):
    """A route whose endpoint gets the request and the device only.

    FastAPI's dependency resolution costs more than the rest of a single read, so this calls the guard directly; a test
    checks that every such route refuses requests without a credential. The app answers its errors, as everywhere.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the guard, then the endpoint."""
        request = Request(scope, receive, send)
        response: Response
        try:
            response = await self._heard(request, await still(request))
        except NotAuthenticated as exc:
            response = problem(request, exc)
            # Many cameras send a password only after this challenge.
            response.headers.append("WWW-Authenticate", 'Basic realm="Plateward"')
        await response(scope, receive, send)

    async def _heard(self, request: Request, device: Device) -> Response:
        """Run the endpoint, and note that the device sent data.

        What is refused for the device's own fault does not count: a camera whose clock is wrong is silent to everyone.
        """
        try:
            response: Response = await self.endpoint(request, device)
        except (Unavailable, TooManyRequests):
            _note(request, device)
            raise
        _note(request, device)
        return response


def _note(request: Request, device: Device) -> None:
    ingest = service_of(request.app, IngestService)
    ingest.last_seen.note(device.device_id, ingest.runtime.clock.now())


def add_camera_route(
    app: FastAPI,
    path: str,
    endpoint: Callable[..., Awaitable[Response]],
    receipt: type[BaseModel],
    openapi: dict[str, Any],
) -> None:
    """Add a POST route for cameras before all other routes.

    It goes directly on the app: FastAPI searches an included router twice for every request.
    """
    app.router.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        status_code=202,
        response_model=receipt,
        openapi_extra=openapi,
        tags=["cameras"],
        route_class_override=CameraRoute,
    )
    app.router.routes.insert(0, app.router.routes.pop())
