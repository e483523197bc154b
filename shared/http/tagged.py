"""Answers that caches may keep: with an entity tag, and 304 for a client that has the document (RFC 9110, 13.1.2)."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Response

KnownTags = Annotated[
    str,
    Header(
        alias="If-None-Match",
        max_length=1000,
        description="Entity tags of the documents that the client has; 304 without a body if this is one of them",
    ),
]


def tagged(body: bytes, tag: str, known: str, *, max_age_s: int) -> Response:
    """Return a JSON document for anyone, or 304 if one of the `known` tags is its own.

    Args:
        tag: quoted, as the header has it.
        max_age_s: how long a cache may answer with it.
    """
    headers = {"ETag": tag, "Cache-Control": f"public, max-age={max_age_s}"}
    if tag in [one.strip().removeprefix("W/") for one in known.split(",")]:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
