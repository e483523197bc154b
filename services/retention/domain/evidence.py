"""Held records as evidence: the permitted steps of an export (policy 468.5).

An export is a package of the records under a hold, for portable media. A copy on a medium is booked into
evidence after it was read back and equals the package byte for byte.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from uuid import UUID

from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput

BOOKING = "booking of ALPR records into evidence"
"""Kind of statement in a signed booking."""


class CopyDiffers(InvalidInput):
    """The copy that was read back from a medium is not the package; the access record lists this refusal."""


class State(StrEnum):
    """State of an export. Requested: its package waits or is being built."""

    REQUESTED = "requested"
    READY = "ready"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


def check_request(*, in_force: bool, has_records: bool) -> None:
    """Raise Conflict unless the hold is in force and keeps a record."""
    if not in_force:
        raise Conflict(Code.EXPORT_OF_RELEASED_HOLD)
    if not has_records:
        raise Conflict(Code.EXPORT_OF_EMPTY_HOLD)


def check_download(state: State, *, in_force: bool, removed: bool) -> None:
    """Raise Conflict unless the package can be downloaded."""
    check_ready(state)
    if removed or not in_force:
        raise Conflict(Code.EXPORT_GONE_WITH_HOLD)


def check_ready(state: State) -> None:
    """Raise Conflict unless the package is built and the export was not withdrawn."""
    if state is not State.READY:
        raise Conflict(Code.EXPORT_WITHOUT_PACKAGE, status=state)


def check_read_back(package_sha256: str | None, read_back_sha256: str) -> None:
    """Raise CopyDiffers unless the copy read back from the medium equals the package."""
    if read_back_sha256 != package_sha256:
        raise CopyDiffers(Code.BOOKING_COPY_DIFFERS, field="sha256")


def check_repeated(earlier: Mapping[str, object], again: Mapping[str, object]) -> None:
    """Raise Conflict if a request repeats an Idempotency-Key with other particulars than the earlier booking."""
    if earlier != again:
        raise Conflict(Code.BOOKING_KEY_REUSED)


def check_booking(
    media_serial: str, corrects: UUID | None, note: str | None, in_force: Mapping[UUID, str]
) -> None:
    """Check that a booking is of a medium without one, or corrects a booking of this export.

    Args:
        in_force: the serial numbers of the media by the ids of the export's bookings in force.

    Raises: Conflict otherwise; InvalidInput for a correction without a note.
    """
    others = dict(in_force)
    if corrects is not None:
        check_correction(corrects, others, note)
        del others[corrects]
    medium = same_medium(media_serial)
    check_medium_free(
        next((id_ for id_, serial in others.items() if same_medium(serial) == medium), None)
    )


def check_medium_free(booked_by_booking: UUID | None) -> None:
    """Raise Conflict if a booking of the same copy is in force."""
    if booked_by_booking is not None:
        raise Conflict(
            Code.BOOKING_OF_SAME_COPY, field="media_serial", booking_id=booked_by_booking
        )


def check_correction(corrects: UUID, in_force: Collection[UUID], note: str | None) -> None:
    """Check that a booking may be corrected.

    Raises: Conflict unless it is one of this export and in force; InvalidInput without a note that explains the error.
    """
    if note is None:
        raise InvalidInput(Code.CORRECTION_WITHOUT_NOTE, field="note")
    if corrects not in in_force:
        raise Conflict(Code.CORRECTION_OF_NO_BOOKING, field="corrects")


def check_withdrawal(state: State, *, booked: bool) -> None:
    """Raise Conflict unless an export may be withdrawn; an export with a booking may not."""
    if booked:
        raise Conflict(Code.EXPORT_BOOKED)
    if state not in (State.REQUESTED, State.READY):
        raise Conflict(Code.EXPORT_ENDED, status=state)


def same_medium(serial: str) -> str:
    """Return a medium's serial number for comparison: without case and spaces."""
    return "".join(serial.split()).casefold()
