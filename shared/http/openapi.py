"""Builds the OpenAPI document, with the permission of each route, and its problems by media type and code."""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from shared.core.errors import ProblemCode
from shared.core.permissions import Permission

BINARY = {"type": "string", "format": "binary"}
"""The schema of bytes."""


def permissions(dependant: Dependant) -> list[Permission]:
    """Return the permissions that a route's dependencies require, duplicates included."""
    found = []
    permission = getattr(dependant.call, "permission", None)
    if isinstance(permission, Permission):
        found.append(permission)
    for child in dependant.dependencies:
        found += permissions(child)
    return found


def guards(dependant: Dependant) -> list[Any]:
    """Return the guards of a route: dependencies that require a permission or a device's credential."""
    own = isinstance(getattr(dependant.call, "permission", None), Permission)
    found = [dependant.call] if own or getattr(dependant.call, "device", False) is True else []
    for child in dependant.dependencies:
        found += guards(child)
    return found


def binary(*media_types: str) -> dict[str, Any]:
    """Return the `content` of a body that is bytes of one of these media types."""
    return {kind: {"schema": BINARY} for kind in media_types}


def describe(app: FastAPI, *, problem_codes: Iterable[ProblemCode]) -> None:
    """Make `app.openapi()` name the permission of each route, and its problems by media type and code."""
    codes = sorted(problem.code for problem in problem_codes)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _add_permissions(app, document)
            _problem_media(document)
            _problem_codes(document, codes)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _add_permissions(app: FastAPI, document: dict[str, Any]) -> None:
    for context in iter_route_contexts(app.routes):
        route = context.route
        if not isinstance(route, APIRoute):
            continue
        for method in route.methods or ():
            operation = document["paths"].get(context.path, {}).get(method.lower())
            found = permissions(route.dependant)
            if operation is not None and found:
                operation["x-permission"] = found[0].value
                operation["x-needs-purpose"] = found[0].needs_purpose
                operation["x-needs-training"] = found[0].needs_training
            if operation is not None:
                for guard in guards(route.dependant):
                    if getattr(guard, "device", False) is True:
                        operation["x-credential"] = "device"
                    else:
                        operation["x-needs-purpose"] = getattr(guard, "needs_purpose", False)
                        by_record = getattr(guard, "scope_by_record", False)
                        operation["x-purpose-scope"] = "record" if by_record else "request"


def _problem_media(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation.get("responses", {}).items():
                content = response.get("content", {})
                if status[0] in "45" and "application/json" in content:
                    content["application/problem+json"] = content.pop("application/json")
                if status == "422":
                    content["application/problem+json"] = {
                        "schema": {"$ref": "#/components/schemas/Problem"}
                    }
    schemas = document.get("components", {}).get("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _problem_codes(document: dict[str, Any], codes: Sequence[str]) -> None:
    document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] = list(codes)
