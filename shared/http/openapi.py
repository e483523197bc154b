"""Builds the OpenAPI document, with the permission of each route, and its problems by media type and code."""

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from shared.core.errors import ProblemCode
from shared.core.permissions import Permission

BINARY = {"type": "string", "format": "binary"}
"""The schema of bytes."""

OCTETS = "application/octet-stream"
"""The media type of bytes that every generator of clients knows (ADR-0069)."""

_UNSAID = "Successful Response"
"""FastAPI's description of an answer that has none."""


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
    """Return the guards of a route: dependencies that require a permission or a machine's credential."""
    own = isinstance(getattr(dependant.call, "permission", None), Permission)
    found = [dependant.call] if own or credential_of(dependant.call) is not None else []
    for child in dependant.dependencies:
        found += guards(child)
    return found


def credential_of(call: object) -> str | None:
    """Return the kind of machine whose credential a dependency requires; None if it requires none."""
    kind = getattr(call, "credential", None)
    return kind if isinstance(kind, str) else None


def in_bytes(description: str, *media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers with bytes of one of these media types, OCTETS first."""
    content = {kind: {"schema": BINARY} for kind in (OCTETS, *media_types)}
    return {200: {"description": description, "content": content}}


def file_body(description: str, **media: Any) -> dict[str, Any]:
    """Return the `requestBody` of a route that takes a file: one media type, whatever else the route accepts.

    Args:
        description: says which kinds of files the route accepts.
        media: further members of the media type, such as `example`.
    """
    content = {OCTETS: {"schema": BINARY, **media}}
    return {"required": True, "description": description, "content": content}


def describe(app: FastAPI, *, problem_codes: Iterable[ProblemCode]) -> None:
    """Make `app.openapi()` name the permission of each route, and its problems by media type and code."""
    codes = sorted(problem.code for problem in problem_codes)
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            _add_permissions(app, document)
            _lift_schemas(document)
            _problem_media(document)
            _problem_codes(document, codes)
            _describe_answers(document)
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
                    if (kind := credential_of(guard)) is not None:
                        operation["x-credential"] = kind
                    else:
                        operation["x-needs-purpose"] = getattr(guard, "needs_purpose", False)
                        by_record = getattr(guard, "scope_by_record", False)
                        operation["x-purpose-scope"] = "record" if by_record else "request"


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _lift_schemas(document: dict[str, Any]) -> None:
    """Move the schemas that an operation brings along (`x-schemas`) to the document's own."""
    for operation in _operations(document):
        document["components"]["schemas"].update(operation.pop("x-schemas", {}))


def _problem_media(document: dict[str, Any]) -> None:
    """Document every refusal as a problem document, whatever the media type of the route's answers."""
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            if status[0] in "45":
                response["content"] = {"application/problem+json": problem}
    schemas = document.get("components", {}).get("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _problem_codes(document: dict[str, Any], codes: Sequence[str]) -> None:
    document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] = list(codes)


def _describe_answers(document: dict[str, Any]) -> None:
    """Describe an answer that has no description by its schema's first line, else by its status."""
    schemas = document["components"]["schemas"]
    for operation in _operations(document):
        for status, response in operation["responses"].items():
            if response["description"] == _UNSAID:
                json = response.get("content", {}).get("application/json", {})
                name = json.get("schema", {}).get("$ref", "").rpartition("/")[2]
                said = schemas.get(name, {}).get("description") or HTTPStatus(int(status)).phrase
                response["description"] = said.partition("\n")[0]
