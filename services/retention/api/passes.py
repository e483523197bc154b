"""The route of one pass: the vote over the frames of one vehicle, and each read in the vote."""

from uuid import UUID

from fastapi import APIRouter, Request

from services.retention.api.guard import ImageReadOfRecord
from services.retention.api.views.passes import PassOut
from services.retention.api.views.records import reads_out
from services.retention.domain.problem_codes import Code
from services.retention.store.passes import Passes
from shared.core.errors import NotFound
from shared.http.app import Work
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/passes", tags=["records"])


@router.get("/{pass_id}")
async def get_pass(
    pass_id: UUID, grant: ImageReadOfRecord, work: Work, request: Request
) -> PassOut:
    """Return one pass with its reads.

    The answer is the same 404 for an unknown id, another agency's pass, and one outside the purpose.
    """
    found = await Passes(work.connection).get(grant, pass_id)
    if found is None:
        raise NotFound(Code.PASS_UNKNOWN)
    return PassOut.of(found, reads_out(found.reads, grant, runtime_of(request).links))
