"""Held records as evidence: the permitted steps of an export (policy 468.5).

An export is a package of the records under a hold, for portable media. A copy on a medium is booked into
evidence after it was read back and equals the package byte for byte.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from uuid import UUID

from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput, NotAuthorised

BOOKING = "booking of ALPR records into evidence"
"""Kind of statement in a signed booking."""


class State(StrEnum):
    """State of an export. Requested: its package waits or is being built."""

    REQUESTED = "requested"
    READY = "ready"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


def check_request(*, in_force: bool, keeps_any: bool) -> None:
    """Raise Conflict unless the hold is in force and keeps a record."""
    if not in_force:
        raise Conflict(Code.EXPORT_OF_RELEASED_HOLD)
    if not keeps_any:
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
    """Raise InvalidInput unless the copy read back from the medium equals the package."""
    if read_back_sha256 != package_sha256:
        raise InvalidInput(Code.BOOKING_COPY_DIFFERS, field="sha256")


def check_medium_free(booked_by_booking: UUID | None) -> None:
    """Raise Conflict if a booking of the same copy is in force."""
    if booked_by_booking is not None:
        raise Conflict(
            Code.BOOKING_OF_SAME_COPY, field="media_serial", booking_id=booked_by_booking
        )


def check_correction(corrects: UUID, in_force: Collection[UUID], note: str | None) -> None:
    """Raise Conflict unless the booking to be corrected is one of this export and in force.

    Raises: InvalidInput without a note that explains the error.
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


def check_released_by(placed_by: str, person_id: str) -> None:
    """Raise NotAuthorised if the person who placed a hold would also release it; both are account ids."""
    if placed_by == person_id:
        raise NotAuthorised(Code.HOLD_RELEASED_BY_PLACER)


def check_release(unbooked: Sequence[UUID]) -> None:
    """Raise Conflict if a hold with unbooked exports would be released.

    The release deletes the packages: the person who exported one would have an unbooked copy left.
    """
    if unbooked:
        raise Conflict(Code.HOLD_HAS_UNBOOKED_EXPORTS, export_ids=list(unbooked))


def same_medium(serial: str) -> str:
    """Return a medium's serial number for comparison: without case and spaces."""
    return "".join(serial.split()).casefold()
