"""Checkpoints, proofs and exports, with which an outsider verifies that the log has not changed."""

from datetime import UTC
from email.utils import format_datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, StreamingResponse

from services.audit.actions import exports, proofs
from services.audit.api.fields import ExportIn
from services.audit.api.guard import AuditRead
from services.audit.api.views.proofs import ConsistencyProofOut, InclusionProofOut, KeyOut, KeysOut
from services.audit.domain.problem_codes import Code
from services.audit.service import Running
from services.audit.store.checkpoints import Checkpoints
from shared.core.errors import NotFound
from shared.http.app import Work
from shared.http.openapi import in_bytes

router = APIRouter(prefix="/v1", tags=["proofs"])

NDJSON = "application/x-ndjson"
Size = Annotated[int, Query(ge=0, lt=1 << 62)]


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
async def get_keys(work: Work, audit: Running) -> KeysOut:
    """The public keys that verify checkpoints. A verifier who trusts the first key can check each change."""
    keys = await proofs.log_keys(work, audit.settings)
    return KeysOut(origin=audit.settings.log_origin, keys=[KeyOut.of(key) for key in keys])


@router.get("/proofs/inclusion")
async def get_inclusion_proof(
    seq: Size, grant: AuditRead, work: Work, size: Size | None = None
) -> InclusionProofOut:
    """Prove that the log's first `size` entries include an entry (default: the newest checkpoint's size)."""
    return InclusionProofOut.of(await proofs.prove_inclusion(work, seq, size))


@router.get("/proofs/consistency")
async def get_consistency_proof(
    old_size: Size, grant: AuditRead, work: Work, new_size: Size | None = None
) -> ConsistencyProofOut:
    """Prove that the log of `new_size` extends the log of `old_size` (default: the newest checkpoint's size)."""
    return ConsistencyProofOut.of(await proofs.prove_consistency(work, old_size, new_size))


@router.post(
    "/exports",
    response_class=StreamingResponse,
    responses=in_bytes("The file", NDJSON),
)
async def export_entries(
    body: ExportIn, grant: AuditRead, work: Work, audit: Running
) -> StreamingResponse:
    """The log as JSON lines, for verification offline.

    Each entry has its exact hashed text, and each signed checkpoint follows the last entry that it covers; the last
    line is a checkpoint for the export's end. The export has no sealed values unless the request asks for them. In
    that case an entry of the log records the export before its first byte is sent.
    """
    audit.check_exports()
    begun = await exports.begin(audit.settings, audit.writer, work, grant, body.wanted())
    return StreamingResponse(audit.exporting(begun, grant), media_type=NDJSON)
