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
from shared.http.openapi import file_body
from shared.service.running import service_of

_encode = msgspec.json.Encoder().encode


_TEXTS = {
    "captured_at": "Time of the capture (RFC 3339, with a time zone). Left out: now.",
    "latitude": "Place of the capture, WGS 84 degrees. Left out: where the device is registered.",
    "longitude": "Degrees east.",
    "heading_deg": "Where the camera looked, degrees clockwise from north. Left out: the registered heading.",
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "captured_at": {"type": "string", "format": "date-time"},
    "latitude": {"type": "number", "minimum": -90, "maximum": 90},
    "longitude": {"type": "number", "minimum": -180, "maximum": 180},
    "heading_deg": {"type": "number", "minimum": 0, "maximum": 360},
}
_OPENAPI: dict[str, Any] = {
    "parameters": [
        {
            "name": field,
            "in": "query",
            "description": f"{text} The header `{HEADERS[field].title()}` says the same.",
            "schema": _SCHEMAS[field],
        }
        for field, text in _TEXTS.items()
    ],
    "requestBody": file_body(
        "The frame: JPEG, PNG or WebP, 25 MB and 50 megapixels at most. Its bytes determine its format, so any"
        " `Content-Type` is accepted. Zeros after its end are accepted, other bytes are refused. A form"
        " (`multipart/form-data`) is accepted too: its one file is the frame, and its other fields have the names of"
        " the query's parameters."
    ),
}


async def post_capture(request: Request, device: Camera) -> Response:
    """Accept one frame, and answer once it is durable: a JPEG, PNG or WebP body, or a form with one file.

    Send time and place by query, header or form field. The same frame again is the same capture.
    503 with Retry-After means that the frame is not stored: send it again.
    """
    ingest = service_of(request.app, IngestService)
    settings = ingest.settings
    ingest.frames.spend(device.device_id, device.frames_per_s)
    with ingest.in_flight.body(device.device_id) as held:
        upload = await receive(
            request,
            held,
            most_bytes=settings.ingest_max_frame_bytes,
            within_s=settings.ingest_body_timeout_s,
        )
        device = await still(request)
        query = request.query_params.multi_items()
        said = circumstances(query, request.headers.items(), upload.fields, ingest.window())
        if said.place is not None:
            hold_to_place(device, said.place, settings.ingest_fixed_within_m)
        stored = await ingest.captures.store(device, upload, said)
    answer = ingest.runtime.agreement.checkpoint.into(_encode(stored.receipt))
    return Response(answer, 202, media_type="application/json")


def add_routes(app: FastAPI) -> None:
    """Add the route."""
    add_camera_route(app, "/v1/captures", post_capture, CaptureReceiptOut, _OPENAPI)
