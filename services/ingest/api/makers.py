"""`POST /v1/makers/{maker}`: takes what cameras and engines of known makers post, in their own formats."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from services.ingest.actions.makers import MAKERS
from services.ingest.actions.makers.posted import FormField, Maker, Posted
from services.ingest.api.fields import form_of
from services.ingest.api.guard import Camera, add_camera_route, still
from services.ingest.api.reads import READ_BYTES
from services.ingest.api.views import MakerReceiptOut
from services.ingest.service import IngestService
from shared.core.errors import InvalidInput, Malformed, TooLarge
from shared.http.openapi import file_body
from shared.service.running import service_of

INLINE_BYTES = 256_000
"""Larger posts, which have pictures in base64, are translated in a thread."""

_encode = msgspec.json.Encoder().encode


def _body(maker: Maker) -> dict[str, Any]:
    """Describe the body of a maker's posts: theirs to define, so an example says the most."""
    is_xml = isinstance(maker.example, str)
    text = maker.example if is_xml else json.dumps(maker.example)
    what = "XML" if is_xml else "JSON"
    form = ", alone or in a form with pictures beside it" if maker.is_form else ""
    return {"requestBody": file_body(f"What {maker.name} posts: {what}{form}.", example=text)}


def _endpoint(name: str, maker: Maker) -> Callable[[Request, Camera], Awaitable[Response]]:
    async def post(request: Request, device: Camera) -> Response:
        ingest = service_of(request.app, IngestService)
        settings = ingest.settings
        ingest.reads.spend(device.device_id, device.reads_per_s)
        with ingest.in_flight.body(device.device_id) as held:
            most_bytes = settings.max_maker_post_bytes
            form, body = await form_of(
                request, held, most_bytes=most_bytes, within_s=settings.ingest_body_timeout_s
            )
            device = await still(request)
            try:
                posted = await _translated(maker, form, ingest.runtime.policy.department.state)
            except (InvalidInput, Malformed, TooLarge):
                ingest.reads.charge(device.device_id, len(body) // READ_BYTES)
                raise
            if posted.has_picture:
                ingest.frames.spend(device.device_id, device.frames_per_s)
            with ingest.reads.charged(device.device_id, max(0, len(posted.reads) - 1)):
                receipt = await ingest.maker_posts.accept(
                    device,
                    name,
                    posted,
                    body,
                    ingest.window(),
                    most_reads=settings.ingest_max_batch_reads,
                    most_frame_bytes=settings.ingest_max_frame_bytes,
                )
        answer = ingest.runtime.agreement.checkpoint.into(_encode(receipt))
        return Response(answer, 202, media_type="application/json")

    post.__name__ = f"post_{name.replace('-', '_')}"
    post.__doc__ = f"""Accept what {maker.name} posts, and answer once its reads and pictures are durable.

    The reads are stored as the device's own, with the pictures that come along. {maker.about_pictures}
    503 means that nothing is stored: send it again.
    """
    return post


async def _translated(maker: Maker, form: Sequence[FormField], home: str) -> Posted:
    if sum(len(one.data) for one in form) > INLINE_BYTES:
        return await asyncio.to_thread(maker.translate, form, home)
    return maker.translate(form, home)


def add_routes(app: FastAPI) -> None:
    """Add a route for each maker."""
    for name, maker in MAKERS.items():
        add_camera_route(
            app, f"/v1/makers/{name}", _endpoint(name, maker), MakerReceiptOut, _body(maker)
        )
