"""Corrects misread plates (Civil Code 1798.90.51(b)(2)(F)): a correction is on file beside its read."""

from datetime import UTC
from uuid import UUID

from msgspec import structs

from services.retention.domain.corrections import Correction, PlateSeen, check_new
from services.retention.domain.problem_codes import Code
from services.retention.store.corrections import Corrections
from services.retention.store.records import Read, Records
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.core.ids import derive_id
from shared.events import ReadCorrected
from shared.postgres.unit_of_work import UnitOfWork


async def correct(
    work: UnitOfWork, grant: Grant, read_id: UUID, key: str, found: PlateSeen, reason: str
) -> Read:
    """Store what a person sees in a read's picture, and return the read; nothing more with the `key` of an earlier one.

    Raises: NotFound; Conflict if the read has no picture, if it has that plate and region already, or if the correction
    with `key` says something else.
    """
    read = await Records(work.connection).get(grant, read_id)
    if read is None:
        raise NotFound(Code.READ_UNKNOWN)
    if read.crop_key is None and read.image_key is None:
        raise Conflict(Code.READ_WITHOUT_PICTURE)
    correction = Correction(
        correction_id=derive_id("correction of a read", read_id, grant.actor.person_id, key),
        seen=found,
        reason=reason,
        corrected_by=grant.actor,
        corrected_at=grant.now,
    )
    corrections = Corrections(work.connection)
    known = await corrections.lock(read_id)
    for one in known:
        if one.correction_id == correction.correction_id:
            if (one.seen, one.reason) != (found, reason):
                raise Conflict(Code.READ_CORRECTION_KEY_REUSED)
            return structs.replace(read, corrections=known)
    before = check_new(PlateSeen(read.plate, read.region), known, found)
    await corrections.add(correction, read_id, read.captured_at)
    await work.emit(
        ReadCorrected(
            occurred_at=grant.now,
            actor=grant.actor,
            correction_id=correction.correction_id,
            read_id=read_id,
            captured_on=read.captured_at.astimezone(UTC).date(),
            captured_at=read.captured_at,
            plate_before=before.plate,
            plate=found.plate,
            region=found.region,
            reason=reason,
        )
    )
    return structs.replace(read, corrections=(*known, correction))
