"""`POST /v1/reads`: accepts or refuses a whole batch of reads that a camera made itself."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict

from services.ingest.actions.edge_reads import Batch, EdgeRead, decode, unpack
from services.ingest.api.fields import pour
from services.ingest.api.guard import Camera, add_camera_route, still
from services.ingest.domain.buffering import may_buffer
from services.ingest.domain.devices import Device
from services.ingest.domain.problem_codes import Code
from services.ingest.service import IngestService
from shared.core.errors import InvalidInput
from shared.events import ReadRecorded
from shared.service.running import service_of
from shared.service.standing import NOTE_EXAMPLE

IDS_UP_TO = 100
"""Responses to batches up to this size include the reads' ids; to larger ones on request (`?ids=true`)."""

SLICE = 1000
"""Reads processed before the event loop runs other tasks."""

_encode = msgspec.json.Encoder().encode


class _Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    accepted: int
    duplicates: int
    sha256: str
    received_at: datetime
    copies: int
    late: int
    read_ids: list[UUID] | None = None


class ReadsReceipt(BaseModel):
    """Acknowledges a durable batch: Kafka has acknowledged every read."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        json_schema_extra={
            "examples": [
                {
                    "accepted": 1,
                    "duplicates": 0,
                    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                    "received_at": "2026-06-01T12:00:00.100000Z",
                    "copies": 2,
                    "late": 0,
                    "checkpoint": NOTE_EXAMPLE,
                    "read_ids": ["0b6d9f5e-7b56-8f0a-9a4e-3f2d6f2f7a10"],
                }
            ]
        },
    )

    accepted: int
    """How many distinct reads the batch has."""
    duplicates: int
    """How many repeated reads the batch has, beyond the first of each."""
    sha256: str
    """SHA-256 of the body as sent, hexadecimal."""
    received_at: datetime
    copies: int
    """How many Kafka brokers have the reads, at the least. 1: the loss of that broker loses them
    (KAFKA_ALLOW_ONE_COPY)."""
    late: int
    """How many distinct reads arrived later than the device may keep them back: they are stored, and shown as late."""
    checkpoint: str | None
    """The newest signed checkpoint of the audit log, a signed note; null only before the first one."""
    read_ids: list[UUID] | None = None
    """One per read of the body, in its order."""


def _openapi() -> dict[str, Any]:
    _, components = msgspec.json.schema_components(
        [EdgeRead], ref_template="#/components/schemas/{name}"
    )
    read = components["EdgeRead"]
    read["properties"]["captured_at"] = {"type": "string", "format": "date-time"}
    read["properties"]["characters"]["items"] = components["EdgeCharacter"]
    example = {
        "source_id": "cam12-000481",
        "plate": "7ABC123",
        "region": "US-CA",
        "confidence": 0.94,
        "captured_at": "2026-06-01T11:59:58.250Z",
    }
    array = {"type": "array", "items": read, "minItems": 1, "maxItems": 10_000}
    lines = {"type": "string", "description": "One read a line."}
    return {
        "parameters": [
            {"name": "ids", "in": "query", "schema": {"type": "boolean"},
             "description": f"Answer with the reads' ids; up to {IDS_UP_TO} reads always are."},
            {"name": "Content-Encoding", "in": "header", "schema": {"enum": ["identity", "gzip"]}},
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": array, "examples": {"one": {"value": [example]}}},
                "application/x-ndjson": {"schema": lines},
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
    ids = _ids_wanted(request.query_params)
    ingest.reads.spend(device.device_id, device.reads_per_s)
    with ingest.in_flight.body() as held:
        settings = ingest.settings
        most_bytes = settings.ingest_max_batch_bytes
        pieces: list[bytes] = []
        within_s = settings.ingest_body_timeout_s
        await pour(request, pieces.append, held, most_bytes=most_bytes, within_s=within_s)
        device = await still(request)
        body = b"".join(pieces)
        plain = unpack(body, request.headers.get("content-encoding", "").lower(), most_bytes)
        held.add(len(plain))
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        reads = decode(plain, media_type, settings.ingest_max_batch_reads)
        ingest.reads.charge(device.device_id, len(reads) - 1)
        receipt = await _accept(ingest, device, reads, body, ids=ids)
    answer = ingest.runtime.standing.checkpoint.into(_encode(receipt))
    return Response(answer, 202, media_type="application/json")


async def _accept(
    ingest: IngestService, device: Device, reads: list[EdgeRead], body: bytes, *, ids: bool
) -> _Receipt:
    now = ingest.runtime.clock.now()
    batch = Batch(
        device,
        ingest.runtime.policy.department.ori,
        ingest.window(),
        now,
        ingest.secrets,
        most_m=ingest.settings.ingest_fixed_within_m,
        may_take=may_buffer(device, ingest.runtime.policy.devices),
    )
    events: list[ReadRecorded] = []
    for start in range(0, len(reads), SLICE):
        if start:
            await asyncio.sleep(0)
        events += batch.events(reads[start : start + SLICE])
    await ingest.runtime.bus.publish(events)
    return _Receipt(
        accepted=len(events),
        duplicates=len(reads) - len(events),
        sha256=sha256(body).hexdigest(),
        received_at=now,
        copies=ingest.runtime.topics.copies,
        late=batch.late,
        read_ids=batch.ids if ids or len(reads) <= IDS_UP_TO else None,
    )


def _ids_wanted(query: Mapping[str, str]) -> bool:
    for name in query:
        if name != "ids":
            raise InvalidInput(Code.READS_PARAMETER_UNKNOWN, field=name[:64])
    asked = query.get("ids", "false").lower()
    if asked not in ("true", "false"):
        raise InvalidInput(Code.READS_IDS_NOT_BOOLEAN, field="ids")
    return asked == "true"


def add_routes(app: FastAPI) -> None:
    """Add the route."""
    add_camera_route(app, "/v1/reads", post_reads, ReadsReceipt, _openapi())
