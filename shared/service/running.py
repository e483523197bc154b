"""The one object that a running app holds, and the one way to it."""

from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request


@dataclass(frozen=True)
class Service:
    """What an app works with. A service's own class adds what its routes, workers and tests share."""

    async def check(self) -> dict[str, str]:
        """Return the state of each part that the service needs: "ok" or what is wrong."""
        return {}


S = TypeVar("S", bound=Service)


def attach(app: FastAPI, service: Service) -> None:
    """Give an app the service that it serves; nothing else is ever put into its state."""
    app.state.service = service


def service_of(app: FastAPI, kind: type[S]) -> S:
    """Return the service that an app serves. Raises: TypeError when it is of another class."""
    service = app.state.service
    if not isinstance(service, kind):
        message = f"this app serves {type(service).__name__}, not {kind.__name__}"
        raise TypeError(message)
    return service


def needs(kind: type[S]) -> Any:
    """Return the dependency by which a route gets its service: `Annotated[Hotlist, needs(Hotlist)]`."""

    async def find(request: Request) -> S:
        return service_of(request.app, kind)

    return Depends(find)
