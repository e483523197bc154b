"""Corrections of misread plates: the read stays as recorded, and what the picture shows stands beside it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict
from shared.core.types import PlateText
from shared.events import Actor


class PlateSeen(msgspec.Struct, frozen=True):
    """What a person sees in a read's picture."""

    plate: PlateText | None
    """None if the picture shows no legible plate."""
    region: str | None
    """ISO 3166-2 issuer; None if it is that of the record, or if there is no plate."""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A person's statement that a read was recorded wrong. It never changes; a further one takes its place."""

    correction_id: UUID
    seen: PlateSeen
    reason: str
    corrected_by: Actor
    corrected_at: datetime


def in_force(recorded: PlateSeen, corrections: Sequence[Correction]) -> PlateSeen:
    """Return the plate and the region of a read as its last correction has them.

    Args:
        recorded: as the read has them.
        corrections: of that read, oldest first.
    """
    if not corrections:
        return recorded
    last = corrections[-1].seen
    if last.plate is None or last.region is not None:
        return last
    return PlateSeen(last.plate, recorded.region)


def check_new(
    recorded: PlateSeen, corrections: Sequence[Correction], found: PlateSeen
) -> PlateSeen:
    """Return the plate and the region before a correction.

    Raises: Conflict if the read has those of the correction already.
    """
    before = in_force(recorded, corrections)
    if found.plate == before.plate and found.region in (None, before.region):
        raise Conflict(Code.READ_CORRECTED_TO_SAME, field="plate")
    return before
