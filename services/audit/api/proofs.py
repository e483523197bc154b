"""Checkpoints, proofs and exports, with which an outsider verifies that the log has not changed."""

from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.audit.actions.access_record import Taking, log_values_export
from services.audit.actions.export import lines, lines_of_old
from services.audit.api.guard import AuditRead
from services.audit.domain.problem_codes import Code
from services.audit.domain.proofs import consistency_spans, inclusion_spans
from services.audit.service import Running
from services.audit.store.checkpoints import Checkpoints
from services.audit.store.keys import KeyChanges
from services.audit.store.log import OLD, Log
from services.audit.store.search import Entries
from shared.access.grant import Grant
from shared.core.errors import InvalidInput, NotFound, Unavailable
from shared.core.merkle import Span
from shared.http.app import Work
from shared.http.models import RequestBody

router = APIRouter(tags=["proofs"])

NDJSON = "application/x-ndjson"
Size = Annotated[int, Query(ge=0, lt=1 << 62)]


class InclusionProof(RequestBody):
    """Proof that an entry is in the log (RFC 6962, 2.1.1). Hashes are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "seq": 0,
                    "size": 2,
                    "leaf_hash": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                    "root_hash": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                    "path": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="],
                }
            ]
        }
    )

    seq: int
    size: int
    leaf_hash: str
    root_hash: str
    path: list[str]


class ConsistencyProof(BaseModel):
    """Proof that a log extends an older one (RFC 6962, 2.1.2). Hashes are base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "old_size": 1,
                    "new_size": 2,
                    "old_root": "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
                    "new_root": "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
                    "path": ["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="],
                }
            ]
        }
    )

    old_size: int
    new_size: int
    old_root: str
    new_root: str
    path: list[str]


class KeyOut(BaseModel):
    """A key of the log and the range of checkpoint sizes that it signs."""

    verifier_key: str = Field(description="C2SP signed-note: name+hash+key")
    first_size: int
    last_size: int | None = Field(description="Null for the current key")


class Keys(BaseModel):
    """The log's name and its keys, oldest first. An entry of the log changes each key to the next."""

    origin: str
    keys: list[KeyOut]


class ExportIn(BaseModel):
    """The entries to export."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"first": 0}]})

    first: Annotated[int, Field(ge=0, lt=1 << 62)] = 0
    end: Annotated[int, Field(ge=0, lt=1 << 62)] | None = Field(
        default=None, description="Not included; default: the end of the log"
    )
    with_values: bool = Field(
        default=False,
        description="Include the remaining sealed values: plates, cameras and times of sightings."
        " The log records such an export in an entry `values.exported`; it goes to the log's end",
    )
    old_log: bool = Field(
        default=False,
        description="Export the whole log before this one. Its entries have values in plaintext that this"
        " log seals, so `with_values` is required",
    )


@router.get("/checkpoint", response_class=PlainTextResponse)
async def get_checkpoint(work: Work) -> PlainTextResponse:
    """The newest signed checkpoint (C2SP tlog-checkpoint). It has no ALPR data, so anyone may keep a copy.

    `Last-Modified` is the time of the signature, which the note itself does not contain.
    """
    latest = await Checkpoints(work.connection).latest()
    if latest is None:
        raise NotFound(Code.CHECKPOINT_NONE)
    signed_at = format_datetime(latest.signed_at.astimezone(UTC), usegmt=True)
    return PlainTextResponse(latest.note, headers={"Last-Modified": signed_at})


@router.get("/keys")
async def get_keys(work: Work, audit: Running) -> Keys:
    """The public keys that verify checkpoints. A verifier who trusts the first key can check each change."""
    origin, settings = audit.settings.log_origin, audit.settings
    changes = await KeyChanges(work.connection).all()
    first = changes[0].old if changes else settings.signers[0].verifier
    ends = [change.last_size for change in changes]
    return Keys(
        origin=origin,
        keys=[
            KeyOut(verifier_key=key.vkey, first_size=begin + 1, last_size=end)
            for key, begin, end in zip(
                [first, *(change.new for change in changes)], [0, *ends], [*ends, None], strict=True
            )
        ],
    )


@router.get("/proofs/inclusion")
async def prove_inclusion(
    seq: Size, grant: AuditRead, work: Work, size: Size | None = None
) -> InclusionProof:
    """Prove that the log's first `size` entries include an entry (default: the newest checkpoint's size)."""
    log = Log(work.connection)
    size = await _size(work, log, size)
    if seq >= size:
        raise InvalidInput(Code.PROOF_ENTRY_BEYOND_SIZE, field="query.seq", seq=seq, size=size)
    [leaf] = await log.leaves(Span(seq, seq + 1))
    path = await log.proof(inclusion_spans(seq, size))
    return InclusionProof(
        seq=seq,
        size=size,
        leaf_hash=_base64(leaf),
        root_hash=_base64(await log.root(size)),
        path=[_base64(value) for value in path],
    )


@router.get("/proofs/consistency")
async def prove_consistency(
    old_size: Size, grant: AuditRead, work: Work, new_size: Size | None = None
) -> ConsistencyProof:
    """Prove that the log of `new_size` extends the log of `old_size` (default: the newest checkpoint's size)."""
    log = Log(work.connection)
    new_size = await _size(work, log, new_size)
    if old_size > new_size:
        raise InvalidInput(Code.PROOF_SIZES_REVERSED, field="query.old_size")
    path = await log.proof(consistency_spans(old_size, new_size))
    return ConsistencyProof(
        old_size=old_size,
        new_size=new_size,
        old_root=_base64(await log.root(old_size)),
        new_root=_base64(await log.root(new_size)),
        path=[_base64(value) for value in path],
    )


@router.post(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def export_entries(
    body: ExportIn, grant: AuditRead, work: Work, audit: Running
) -> StreamingResponse:
    """The log as JSON lines, for verification offline.

    Each entry has its exact hashed text, and each signed checkpoint follows the last entry that it covers; the last
    line is a checkpoint for the export's end. The export has no sealed values unless the request asks for them. In
    that case an entry of the log records the export before its first byte is sent.
    """
    if audit.exports.locked():
        raise Unavailable(Code.LOG_EXPORTS_BUSY, retry_after_s=30)
    runtime, settings = audit.runtime, audit.settings
    log = Log(work.connection)
    if body.with_values:
        await log.lock()  # so that the log does not grow before the entry that records the export
    span = await _span(work, body)
    await Entries(work.connection).disclose_span(
        grant, *span, values=body.with_values, old_log=body.old_log
    )
    note = None if body.old_log else await audit.writer.sign_for(work.connection, span.end)
    origin = settings.audit_origin if body.old_log else settings.log_origin
    if body.with_values:
        await log_values_export(
            work.connection, runtime.service, origin, _taking(grant, body, span), grant.now
        )

    async def stream() -> AsyncIterator[bytes]:
        # An export holds a connection until its reader is done. The lock keeps the others free for requests.
        async with audit.exports, runtime.db.begin() as connection:
            if body.old_log:
                await Log(connection).snapshot()
                exported = lines_of_old(connection, origin, span.end)
            else:
                exported = lines(connection, origin, span, note, values=body.with_values)
            async for line in exported:
                yield line

    return StreamingResponse(stream(), media_type=NDJSON)


async def _span(work: Work, body: ExportIn) -> Span:
    """Return the entries to export.

    Raises: InvalidInput for a span outside the log, a part of the old log or the old log without values, and an
    export with values that does not go to the log's end.
    """
    if body.old_log and (not body.with_values or body.first or body.end is not None):
        raise InvalidInput(Code.LOG_EXPORT_OF_OLD_LOG, field="body.old_log")
    size = await Log(work.connection, OLD if body.old_log else "").size()
    end = size if body.end is None else body.end
    if end > size or body.first >= end:
        raise InvalidInput(Code.LOG_EXPORT_OUTSIDE, field="body.end", size=size)
    if body.with_values and end != size:
        raise InvalidInput(Code.LOG_EXPORT_VALUES_TO_END, field="body.end")
    return Span(body.first, end)


def _taking(grant: Grant, body: ExportIn, span: Span) -> Taking:
    return Taking(
        attempt_id=grant.attempt_id,
        actor=grant.actor,
        purpose=grant.declared.record,
        request_id=grant.request_id,
        first=span.start,
        end=span.end,
        old_log=body.old_log,
    )


async def _size(work: Work, log: Log, asked: int | None) -> int:
    """Return the size to prove, by default the newest checkpoint's.

    Raises: InvalidInput if the log is smaller; NotFound if no size is given and there is no checkpoint.
    """
    if asked is not None:
        if asked > await log.size():
            raise InvalidInput(Code.PROOF_SIZE_BEYOND_LOG, field="query.size")
        return asked
    latest = await Checkpoints(work.connection).latest()
    if latest is None:
        raise NotFound(Code.CHECKPOINT_NONE_FOR_PROOF)
    return latest.size


def _base64(value: bytes) -> str:
    return b64encode(value).decode()
