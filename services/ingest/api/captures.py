"""`POST /v1/captures`: one frame, as a raw body or as the one file of a form."""

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from services.ingest.api.fields import receive
from services.ingest.api.guard import Camera, add_camera_route, still
from services.ingest.api.views import CaptureReceiptOut
from services.ingest.domain.circumstances import HEADERS, circumstances
from services.ingest.domain.places import hold_to_place
from services.ingest.service import IngestService
from shared.http.openapi import BINARY, binary
from shared.service.running import service_of

_encode = msgspec.json.Encoder().encode


_TEXTS = {
    "captured_at": "Time of the capture (RFC 3339, with a time zone). Left out: now.",
    "latitude": "Place of the capture, WGS 84 degrees. Left out: where the device is registered.",
    "longitude": "Degrees east.",
    "heading_deg": "Where the camera looked, degrees clockwise from north.",
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "captured_at": {"type": "string", "format": "date-time"},
    "latitude": {"type": "number", "minimum": -90, "maximum": 90},
    "longitude": {"type": "number", "minimum": -180, "maximum": 180},
    "heading_deg": {"type": "number", "minimum": 0, "maximum": 360},
}
_OPENAPI: dict[str, Any] = {
    "parameters": [
        {"name": name, "in": place, "description": text, "schema": _SCHEMAS[field]}
        for field, text in _TEXTS.items()
        for name, place in ((field, "query"), (HEADERS[field].title(), "header"))
    ],
    "requestBody": {
        "required": True,
        "description": (
            "The frame, 25 MB and 50 megapixels at most. Its bytes determine its format. Zeros after its"
            " end are accepted, other bytes are refused."
        ),
        "content": {
            **binary("image/jpeg", "image/png", "image/webp"),
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {"image": BINARY, **_SCHEMAS},
                }
            },
        },
    },
}


async def post_capture(request: Request, device: Camera) -> Response:
    """Accept one frame, and answer once it is durable: a JPEG, PNG or WebP body, or a form with one file.

    Send time and place by query, header or form field. The same frame again is the same capture.
    503 with Retry-After means that the frame is not stored: send it again.
    """
    ingest = service_of(request.app, IngestService)
    settings = ingest.settings
    ingest.frames.spend(device.device_id, device.frames_per_s)
    with ingest.in_flight.body() as held:
        upload = await receive(
            request,
            held,
            most_bytes=settings.ingest_max_frame_bytes,
            within_s=settings.ingest_body_timeout_s,
        )
        device = await still(request)
        query = request.query_params.multi_items()
        said = circumstances(query, request.headers, upload.fields, ingest.window())
        if said.place is not None:
            hold_to_place(device, said.place, settings.ingest_fixed_within_m)
        receipt = await ingest.captures.store(device, upload, said)
    answer = ingest.runtime.agreement.checkpoint.into(_encode(receipt))
    return Response(answer, 202, media_type="application/json")


def add_routes(app: FastAPI) -> None:
    """Add the route."""
    add_camera_route(app, "/v1/captures", post_capture, CaptureReceiptOut, _OPENAPI)
