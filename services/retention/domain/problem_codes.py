"""The problems that this service answers with, besides those of every service."""

from enum import unique

from shared.core.errors import (
    Conflict,
    InvalidInput,
    NotAuthorised,
    NotFound,
    ProblemCode,
    Unavailable,
)


@unique
class Code(ProblemCode):
    """One rule each; see `shared.core.errors.ProblemCode`."""

    # Records
    READ_UNKNOWN = NotFound, "no such read"
    CAPTURE_UNKNOWN = NotFound, "no such capture"
    CROP_UNKNOWN = NotFound, "no picture of this plate"
    PASS_UNKNOWN = NotFound, "no such pass"
    IMAGE_CHANGED = Unavailable, "the image is not what was recorded, and is withheld"

    # Searches
    SEARCH_WITHOUT_WINDOW = InvalidInput, "a search has a window of time"
    SEARCH_WINDOW_EMPTY = InvalidInput, "is not after captured_from"
    SEARCH_WINDOW_TOO_OLD = (
        InvalidInput,
        "records are kept {schedule_days} days; this window is before that",
    )
    SEARCH_LOOKALIKE_WITHOUT_PLATE = InvalidInput, "look-alikes are of a plate; give one"
    SEARCH_TOO_LITTLE_KNOWN = (
        InvalidInput,
        "too little of the plate is known: give two known characters beside each other",
    )
    SEARCH_TOO_MANY_PLATES = (
        InvalidInput,
        "over {max_plates:,} plates match; give more characters, an area or devices",
    )
    SEARCH_TOO_SLOW = InvalidInput, "this takes too long; narrow it"
    SEARCH_CURSOR_OF_ANOTHER = InvalidInput, "belongs to another search"
    AREA_INSIDE_OUT = InvalidInput, "south is above north, or west beyond east"
    AREA_OVER_THE_EDGE = InvalidInput, "reaches over a pole or the 180th meridian"
    AREA_TOO_LARGE = InvalidInput, "is over {max_km} km across"
    SCOPE_LIMIT_UNKNOWN = NotAuthorised, "the purpose's scope has a limit not known here: {limit}"
    SCOPE_UNREADABLE = NotAuthorised, "the purpose's scope cannot be understood"

    # Holds
    HOLD_UNKNOWN = NotFound, "no such hold"
    HOLD_BASIS_UNKNOWN = InvalidInput, "is one of: {allowed}"
    HOLD_OF_NOTHING = InvalidInput, "say what to hold"
    HOLD_RELEASED = Conflict, "this hold was released before"
    HOLD_CONFIRMED = Conflict, "this hold was confirmed before"
    HOLD_NEEDS_NO_CONFIRMATION = (
        Conflict,
        "this hold takes in no more than a search may; it needs no confirmation",
    )
    HOLD_UNCONFIRMED = (
        NotAuthorised,
        "this hold takes in more than a search may, and keeps what matches; to be shown it, another person"
        " than placed it, whose purpose names the hold's case number, confirms it first",
    )
    HOLD_UNCONFIRMED_PACKAGE = (
        Conflict,
        "the hold takes in more than a search may: another person than placed it, whose purpose names the"
        " hold's case number, confirms it first, then it is asked for anew",
    )
    HOLD_CONFIRMED_BY_PLACER = NotAuthorised, "who placed a hold does not confirm it"
    HOLD_RELEASED_BY_PLACER = (
        NotAuthorised,
        "who placed a hold does not release it; another person with hold:manage must (ADR-0036)",
    )
    HOLD_CASE_NOT_NAMED = (
        NotAuthorised,
        "the purpose does not name this hold's case: declare one with its case number",
    )
    HOLD_HAS_UNBOOKED_EXPORTS = (
        Conflict,
        "evidence was exported under this hold and no copy of it is booked: book it, or withdraw the"
        " export and say why",
        "export_ids",
    )

    # Evidence
    EXPORT_UNKNOWN = NotFound, "no such export"
    EXPORT_OF_RELEASED_HOLD = Conflict, "this hold was released; it keeps nothing"
    EXPORT_OF_EMPTY_HOLD = Conflict, "this hold keeps no record now; there is nothing to export"
    EXPORT_GONE_WITH_HOLD = (
        Conflict,
        "the hold was released, and the package went with it; the copies in evidence remain",
    )
    EXPORT_WITHOUT_PACKAGE = Conflict, "this export is {status}; there is no package"
    EXPORT_BOOKED = (
        Conflict,
        "a copy of this package is booked into evidence; it cannot be withdrawn",
    )
    EXPORT_ENDED = Conflict, "this export is {status} already"
    EXPORT_BUSY = Conflict, "this export is being worked on; try again later"
    BOOKING_UNKNOWN = NotFound, "no such booking"
    BOOKING_KEY_REUSED = Conflict, "another booking was made with this Idempotency-Key"
    BOOKING_COPY_DIFFERS = (
        InvalidInput,
        "the copy on the medium is not the package that was exported: write it anew, read it back and book"
        " that",
    )
    BOOKING_OF_SAME_COPY = (
        Conflict,
        "the copy on this medium is booked already; correct that booking instead",
        "booking_id",
    )
    CORRECTION_WITHOUT_NOTE = (
        InvalidInput,
        "say what was wrong with the booking that this one corrects",
    )
    CORRECTION_OF_NO_BOOKING = (
        Conflict,
        "no booking in force of this export has this id; one that was corrected stays so",
    )

    # Destruction
    PURGE_UNKNOWN = NotFound, "no such purge run"
    PURGE_NOT_CERTIFIED = NotFound, "this run is not certified"
    PURGE_FACTS_MISSING = (
        Conflict,
        "not on record: {missing} (policy 468.5, Government Code 34090.6)",
    )
    PURGE_UNDER_FLOOR = (
        InvalidInput,
        "records under {floor_days} days old are never destroyed (Government Code 34090.6)",
        "missing",
    )
    PURGE_BEFORE_SCHEDULE = (
        InvalidInput,
        "the schedule {schedule_id} keeps records {schedule_days} days",
        "missing",
    )
    PURGE_BASIS_CHANGED = (
        Conflict,
        "schedule, resolution or consent changed since this was authorised; propose it anew",
        "missing",
    )
    PURGE_STATE_FORBIDS = (
        Conflict,
        "this run is {status}; to {step} it, it must be {needed}",
    )
    PURGE_NEEDS_SECOND_PERSON = (
        Conflict,
        "who proposed a purge does not authorise it; another person must",
    )
    PURGE_NEEDS_THIRD_PERSON = (
        Conflict,
        "you {done} this purge; a third person with purge:execute carries it out (ADR-0036)",
    )
    PURGE_LEAVE_WITH_DATE = InvalidInput, "a standing leave goes by the schedule, not by a date"
    PURGE_LEAVE_NOT_EXECUTED = (
        Conflict,
        "a standing leave is not executed; the daily purge runs under it",
    )
    PURGE_LEAVE_IN_FORCE = Conflict, "another standing leave is in force; withdraw it first"

    # Packages
    PACKAGE_APPROVAL_EXPIRED = Conflict, "the approval expired before a package could be made"
    SIGNING_KEY_MISSING = (
        Unavailable,
        "packages are signed with the key {key_id}, which this process lacks",
    )
