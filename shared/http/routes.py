"""The routes of a service: collected from its resources, and built once for all apps of a process.

`FastAPI.include_router` would build every route again for each app, at its first request: 50 to 150 ms of CPU.
"""

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from shared.http.models import Problem

PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "A problem document (RFC 9457)"},
    "5XX": {"model": Problem, "description": "A problem document (RFC 9457)"},
}
"""What every operation answers if it refuses or fails."""


def operation_id(route: APIRoute) -> str:
    """Return a route's operation id, the name of its function."""
    return route.name


def routes_of(*resources: APIRouter) -> APIRouter:
    """Return one router with the operations of several, in this order, each with its id and its problem documents."""
    router = APIRouter(generate_unique_id_function=operation_id, responses=PROBLEMS)
    for resource in resources:
        router.include_router(resource)
    return router


def add_routes(app: FastAPI, router: APIRouter) -> None:
    """Add a service's routes to an app, behind those that it has."""
    app.router.routes.extend(router.routes)
