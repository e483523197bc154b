"""Held records as evidence: the permitted steps of an export (policy 468.5).

An export is a package of the records under a hold, for portable media. A copy on a medium is booked into
evidence after it was read back and equals the package byte for byte.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from uuid import UUID

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
        raise Conflict("this hold was released; it keeps nothing")
    if not keeps_any:
        raise Conflict("this hold keeps no record now; there is nothing to export")


def check_download(state: State, *, in_force: bool, removed: bool) -> None:
    """Raise Conflict unless the package can be downloaded."""
    check_ready(state)
    if removed or not in_force:
        raise Conflict(
            "the hold was released, and the package went with it; the copies in evidence remain"
        )


def check_ready(state: State) -> None:
    """Raise Conflict unless the package is built and the export was not withdrawn."""
    if state is not State.READY:
        raise Conflict(f"this export is {state.value}; there is no package")


def check_read_back(package_sha256: str | None, read_back_sha256: str) -> None:
    """Raise InvalidInput unless the copy read back from the medium equals the package."""
    if read_back_sha256 != package_sha256:
        raise InvalidInput(
            "the copy on the medium is not the package that was exported: write it anew, read it back"
            " and book that",
            field="sha256",
        )


def check_medium_free(booked_by_booking: UUID | None) -> None:
    """Raise Conflict if a booking of the same copy is in force."""
    if booked_by_booking is not None:
        raise Conflict(
            "the copy on this medium is booked already; correct that booking instead",
            field="media_serial",
            booking_id=str(booked_by_booking),
        )


def check_correction(corrects: UUID, in_force: Collection[UUID], note: str | None) -> None:
    """Raise Conflict unless the booking to be corrected is one of this export and in force.

    Raises: InvalidInput without a note that explains the error.
    """
    if note is None:
        raise InvalidInput(
            "say what was wrong with the booking that this one corrects", field="note"
        )
    if corrects not in in_force:
        raise Conflict(
            "no booking in force of this export has this id; one that was corrected stays so",
            field="corrects",
        )


def check_withdrawal(state: State, *, booked: bool) -> None:
    """Raise Conflict unless an export may be withdrawn; an export with a booking may not."""
    if booked:
        raise Conflict("a copy of this package is booked into evidence; it cannot be withdrawn")
    if state not in (State.REQUESTED, State.READY):
        raise Conflict(f"this export is {state.value} already")


def check_released_by(placed_by: str, person_id: str) -> None:
    """Raise NotAuthorised if the person who placed a hold would also release it; both are account ids."""
    if placed_by == person_id:
        raise NotAuthorised(
            "who placed a hold does not release it; another person with hold:manage must (ADR-0036)",
            code="placed_it",
        )


def check_release(unbooked: Sequence[UUID]) -> None:
    """Raise Conflict if a hold with unbooked exports would be released.

    The release deletes the packages: the person who exported one would have an unbooked copy left.
    """
    if unbooked:
        raise Conflict(
            "evidence was exported under this hold and no copy of it is booked: book it, or withdraw"
            " the export and say why",
            export_ids=[str(export_id) for export_id in unbooked],
        )


def same_medium(serial: str) -> str:
    """Return a medium's serial number for comparison: without case and spaces."""
    return "".join(serial.split()).casefold()
