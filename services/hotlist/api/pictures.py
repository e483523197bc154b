"""Routes of a hit's pictures: a person first compares the plate's crop with the listing."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from services.hotlist.actions.picture import fetch
from services.hotlist.api.guard import HitRead
from services.hotlist.api.hits import Visible
from services.hotlist.domain.problem_codes import Code
from services.hotlist.store.hits import Hits
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import NotFound
from shared.core.permissions import Permission
from shared.http.openapi import in_bytes
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/hits/{hit_id}", tags=["hits"])

HitReadPicture = Annotated[Grant, access(Permission.HIT_READ, picture_of="hit_id")]
LinkToken = Annotated[
    str | None,
    Query(description="From a hit's `crop_url`: the picture is part of that answer's access"),
]
PICTURE = in_bytes("The picture", "image/jpeg", "image/png", "image/webp")
_MAGIC = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
)


@router.get("/crop", response_class=Response, responses=PICTURE)
async def get_hit_crop(
    hit_id: UUID,
    grant: HitReadPicture,
    hits: Visible,
    request: Request,
    link_token: LinkToken = None,
) -> Response:
    """Return the crop of the plate. Without a link the request is an access of its own."""
    return await _picture(request, hits, grant, hit_id, "crop_key")


@router.get("/image", response_class=Response, responses=PICTURE)
async def get_hit_image(hit_id: UUID, grant: HitRead, hits: Visible, request: Request) -> Response:
    """Return the whole frame of the read: always an access of its own, since no page fetches it by itself."""
    return await _picture(request, hits, grant, hit_id, "image_key")


async def _picture(
    request: Request, hits: Hits, grant: Grant, hit_id: UUID, column: str
) -> Response:
    """Fetch the picture before its disclosure commits: a failed fetch records none, nor one that takes too long."""
    key = await hits.picture_key(grant, hit_id, column)
    data = await fetch(runtime_of(request).objects, key)
    for magic, start, media_type in _MAGIC:
        if data[start : start + len(magic)] == magic:
            return Response(data, media_type=media_type)
    raise NotFound(Code.HIT_PICTURE_NOT_A_PICTURE)
