"""`POST /v1/reads`: accepts or refuses a whole batch of reads that a camera made itself."""

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response

from services.ingest.actions.edge_decoding import EdgeRead, reads_in
from services.ingest.actions.edge_reads import IDS_UP_TO
from services.ingest.api.fields import body_of, content_encoding, ids_wanted, media_type
from services.ingest.api.guard import Camera, add_camera_route, still
from services.ingest.api.views import ReadsReceiptOut
from services.ingest.service import IngestService
from shared.core.errors import InvalidInput, Malformed, TooLarge
from shared.service.running import service_of

READ_BYTES = 200
"""Size of a usual read: a batch that does not decode counts by its size."""

_encode = msgspec.json.Encoder().encode


def _openapi() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(
        [EdgeRead], ref_template="#/components/schemas/{name}In"
    )
    schemas = {f"{name}In": schema for name, schema in components.items()}
    for name, schema in schemas.items():
        schema["title"] = name
    read = schemas["EdgeReadIn"]
    read["properties"]["captured_at"] = {"type": "string", "format": "date-time"}
    example = {
        "source_id": "cam12-000481",
        "plate": "7ABC123",
        "region": "US-CA",
        "confidence": 0.94,
        "captured_at": "2026-06-01T11:59:58.250Z",
    }
    items = {"$ref": "#/components/schemas/EdgeReadIn"}
    array = {"type": "array", "items": items, "minItems": 1, "maxItems": 10_000}
    return {
        "x-schemas": schemas,
        "parameters": [
            {"name": "ids", "in": "query", "schema": {"type": "boolean"},
             "description": f"Answer with the reads' ids; up to {IDS_UP_TO} reads always are."},
            {"name": "Content-Encoding", "in": "header", "schema": {"type": "string", "enum": ["identity", "gzip"]}},
        ],
        "requestBody": {
            "required": True,
            "description": "The reads. NDJSON, one read a line, is accepted too, as `application/x-ndjson`.",
            "content": {
                "application/json": {"schema": array, "examples": {"one": {"value": [example]}}},
            },
        },
    }  # fmt: skip


async def post_reads(request: Request, device: Camera) -> Response:
    """Accept 1 to 10,000 reads as a JSON array or NDJSON, and answer once they are durable. One fault refuses all.

    An error names the first faulty read by its position in the batch and its field. A read that is sent again with
    equal time (as written), `source_id`, plate, region and confidence is the same read, so a batch may be sent again,
    whole or in part.
    """
    ingest = service_of(request.app, IngestService)
    ids = ids_wanted(request.query_params)
    ingest.reads.spend(device.device_id, device.reads_per_s)
    with ingest.in_flight.body(device.device_id) as held:
        settings = ingest.settings
        most_bytes = settings.ingest_max_batch_bytes
        within_s = settings.ingest_body_timeout_s
        body = await body_of(request, held, most_bytes=most_bytes, within_s=within_s)
        device = await still(request)
        try:
            reads = reads_in(
                body,
                held,
                encoding=content_encoding(request),
                media_type=media_type(request),
                most_bytes=most_bytes,
                most_reads=settings.ingest_max_batch_reads,
            )
        except (InvalidInput, Malformed, TooLarge):
            # Decoding 8 MiB takes a second, and a few kB of gzip unpack to as much.
            ingest.reads.charge(device.device_id, held.count_bytes // READ_BYTES)
            raise
        with ingest.reads.charged(device.device_id, len(reads) - 1):
            receipt = await ingest.edge_reads.accept(device, reads, body, ingest.window(), ids=ids)
    answer = ingest.runtime.agreement.checkpoint.into(_encode(receipt))
    return Response(answer, 202, media_type="application/json")


def add_routes(app: FastAPI) -> None:
    """Add the route."""
    add_camera_route(app, "/v1/reads", post_reads, ReadsReceiptOut, _openapi())
