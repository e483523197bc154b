"""The service object of a running app, and the access to it."""

from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request


@dataclass(frozen=True)
class Service:
    """The base of a service object. Each service's class adds the objects that its routes, workers and tests share."""

    async def check(self) -> dict[str, str]:
        """Return the state of each dependency: "ok" or what is wrong."""
        return {}


S = TypeVar("S", bound=Service)


def attach(app: FastAPI, service: Service) -> None:
    """Store the service object in an app's state, as its only entry."""
    app.state.service = service


def service_of(app: FastAPI, kind: type[S]) -> S:
    """Return the service that an app serves. Raises: TypeError if it is of another class."""
    service = app.state.service
    if not isinstance(service, kind):
        message = f"this app serves {type(service).__name__}, not {kind.__name__}"
        raise TypeError(message)
    return service


def needs(kind: type[S]) -> Any:
    """Return a route's dependency on its service: `Annotated[Hotlist, needs(Hotlist)]`."""

    async def find(request: Request) -> S:
        return service_of(request.app, kind)

    return Depends(find)
