"""The problem codes of retention, besides those of every service."""

from enum import unique

from shared.core.errors import (
    Conflict,
    InvalidInput,
    NotAuthorised,
    NotFound,
    ProblemCode,
    Unavailable,
    Worded,
)


@unique
class Narrower(Worded):
    """What makes a search narrower."""

    MORE_CHARACTERS = "known_characters", "more known characters of the plate, beside each other"
    SHORTER_WINDOW = "captured_from", "a shorter window"
    AN_AREA = "area", "an area"
    SMALLER_AREA = "smaller_area", "a smaller area"
    FEWER_DEVICES = "device_ids", "fewer devices"


@unique
class Code(ProblemCode):
    """One rule each; see `shared.core.errors.ProblemCode`."""

    # Records
    READ_UNKNOWN = NotFound, "there is no such read"
    CAPTURE_UNKNOWN = NotFound, "there is no such capture"
    CROP_UNKNOWN = NotFound, "there is no picture of this plate"
    PASS_UNKNOWN = NotFound, "there is no such pass"
    READ_WITHOUT_PICTURE = (
        Conflict,
        "no picture of this read is on record, so nothing shows another plate",
    )
    READ_CORRECTED_TO_SAME = (
        Conflict,
        "this read has that plate and state already: give what the picture shows instead",
    )
    READ_CORRECTION_WITHOUT_PLATE = InvalidInput, "leave it out where no plate is legible"
    READ_CORRECTION_KEY_REUSED = (
        Conflict,
        "another correction has this Idempotency-Key; use a new key",
    )
    IMAGE_CHANGED = (
        Unavailable,
        "the stored image differs from its recorded SHA-256 and is not sent",
    )

    # Searches
    SEARCH_WITHOUT_WINDOW = (
        InvalidInput,
        "give captured_from and captured_to: a search needs a time window",
    )
    SEARCH_WINDOW_EMPTY = InvalidInput, "must be after captured_from"
    SEARCH_WINDOW_TOO_OLD = (
        InvalidInput,
        "must be later: records older than {schedule_days} days are past the schedule",
    )
    SEARCH_LOOKALIKE_WITHOUT_PLATE = (
        InvalidInput,
        "give a plate: look-alikes are look-alikes of a plate",
    )
    SEARCH_DESCRIBED_AS_NOTHING = (
        InvalidInput,
        "give a colour or a make: this leaves out reads whose camera reported none",
    )
    SEARCH_COLOUR_UNKNOWN = InvalidInput, "must name one colour: {allowed}"
    SEARCH_MAKE_UNKNOWN = (
        InvalidInput,
        "is not a known make: give its name or NCIC code, such as Toyota or TOYT, or leave it out",
    )
    SEARCH_TOO_SLOW = (
        InvalidInput,
        "the search takes too long: narrow it by a shorter window or more characters",
    )
    SEARCH_TOO_WIDE = (
        InvalidInput,
        "the search would have to compare about {reads} reads, and may compare {most_reads}; what narrows it:"
        " {narrow_by}",
        "known_characters",
        "days",
    )
    LOOKALIKES_TOO_MANY = (
        InvalidInput,
        "more than {most_plates} plates match: give more known characters, beside each other",
    )
    SEARCHES_BUSY = (
        Unavailable,
        "this service is busy with other wide searches: try again shortly, or narrow the search",
    )
    SEARCH_CURSOR_OF_ANOTHER = InvalidInput, "belongs to another search"
    SCOPE_LIMIT_UNKNOWN = (
        NotAuthorised,
        "the purpose's scope has a limit that this service does not know: {limit}",
    )
    SCOPE_UNREADABLE = NotAuthorised, "the purpose's scope cannot be read"

    # Holds
    HOLD_UNKNOWN = NotFound, "there is no such hold"
    HOLD_BASIS_UNKNOWN = InvalidInput, "must be one of: {allowed}"
    HOLD_OF_NOTHING = InvalidInput, "give at least one condition"
    HOLD_RELEASED = Conflict, "this hold is already released"
    HOLD_CONFIRMED = Conflict, "this hold is already confirmed"
    HOLD_NEEDS_NO_CONFIRMATION = (
        Conflict,
        "this hold covers no more than a search may, so it needs no confirmation",
    )
    HOLD_UNCONFIRMED = (
        NotAuthorised,
        "this hold covers more than a search may: its records stay hidden until another person than the one who"
        " placed it confirms it, with a purpose that names the hold's case number",
    )
    HOLD_UNCONFIRMED_PACKAGE = (
        Conflict,
        "the hold covers more than a search may: another person than the one who placed it must confirm it, with"
        " a purpose that names the hold's case number; then request the export again",
    )
    HOLD_CONFIRMED_BY_PLACER = (
        NotAuthorised,
        "another person than the one who placed this hold must confirm it",
    )
    HOLD_RELEASED_BY_PLACER = (
        NotAuthorised,
        "another person with hold:manage than the one who placed this hold must release it (ADR-0036)",
    )
    HOLD_CASE_NOT_NAMED = (
        NotAuthorised,
        "the purpose does not name this hold's case: declare a purpose with its case number",
    )
    HOLD_HAS_UNBOOKED_EXPORTS = (
        Conflict,
        "this hold has exports without a booked copy: book a copy of each, or withdraw the export with a"
        " reason",
        "export_ids",
    )

    # Evidence
    HOLD_REVIEW_DATE = InvalidInput, "must be after now, and at most {days} days from now"
    HOLD_OWNED = (
        Conflict,
        "you own this hold; another person with the right to manage holds can take it over",
    )
    EXPORT_UNKNOWN = NotFound, "there is no such export"
    EXPORT_OF_RELEASED_HOLD = Conflict, "this hold is released and keeps no records"
    EXPORT_OF_EMPTY_HOLD = Conflict, "this hold keeps no record now, so there is nothing to export"
    EXPORT_GONE_WITH_HOLD = (
        Conflict,
        "the hold was released, so its packages were deleted; the copies in evidence remain",
    )
    EXPORT_WITHOUT_PACKAGE = Conflict, "this export is {status} and has no package"
    EXPORT_BOOKED = (
        Conflict,
        "a copy of this package is booked into evidence, so the export cannot be withdrawn",
    )
    EXPORT_ENDED = Conflict, "this export is already {status}"
    EXPORT_BUSY = Conflict, "this export's package is being built; try again later"
    BOOKING_UNKNOWN = NotFound, "there is no such booking"
    BOOKING_KEY_REUSED = Conflict, "another booking has this Idempotency-Key; use a new key"
    BOOKING_COPY_DIFFERS = (
        InvalidInput,
        "the copy on the medium differs from the exported package: write it again, read it back and book the"
        " new copy",
    )
    BOOKING_OF_SAME_COPY = (
        Conflict,
        "the copy on this medium is already booked; correct that booking instead",
        "booking_id",
    )
    CORRECTION_WITHOUT_NOTE = (
        InvalidInput,
        "say what is wrong with the booking that this one corrects",
    )
    CORRECTION_OF_NO_BOOKING = (
        Conflict,
        "must be the id of a booking of this export that no other booking has corrected",
    )
    CUSTODY_KEY_REUSED = Conflict, "another act has this Idempotency-Key; use a new key"
    CUSTODY_OF_NO_BOOKING = (
        Conflict,
        "must be the id of a booking in force of this export: a correction is the booking of its copy",
    )
    CUSTODY_INCOMPLETE = InvalidInput, "is missing: an act of kind {kind} needs it"
    CUSTODY_OF_OTHER_KIND = InvalidInput, "leave it out: an act of kind {kind} does not have it"
    CUSTODY_IN_FUTURE = InvalidInput, "must not be in the future: record the act when it is done"
    CUSTODY_DESTROYED = (
        Conflict,
        "this copy is on record as destroyed; if that is wrong, correct that act",
    )
    CUSTODY_AWAY = Conflict, "this copy is handed over: record its return first"
    CUSTODY_NOT_AWAY = Conflict, "this copy is not handed over, so it cannot be returned"
    CUSTODY_CORRECTION_WITHOUT_NOTE = (
        InvalidInput,
        "say what is wrong with the act that this one corrects",
    )
    CUSTODY_CORRECTION_OF_OTHER = (
        Conflict,
        "must be the id of the last act of this copy: only that one can be corrected",
    )

    # Accuracy
    ACCURACY_REPORT_UNKNOWN = NotFound, "there is no such report on accuracy"
    ACCURACY_REPORT_WAITS = (
        Conflict,
        "another report on accuracy waits or is being measured: request this one when it has ended",
    )
    ACCURACY_KEY_REUSED = (
        Conflict,
        "a report of another window or other cameras has this Idempotency-Key; use a new key",
    )
    ACCURACY_WITHOUT_ENGINE = (
        Conflict,
        "this installation gives retention no engine to read crops with: set RETENTION_CROP_READER",
    )

    # Destruction
    PURGE_UNKNOWN = NotFound, "there is no such purge run"
    PURGE_NOT_CERTIFIED = NotFound, "this run has no certificate yet"
    PURGE_FACTS_MISSING = (
        Conflict,
        "the policy lacks: {missing} (policy 468.5, Government Code 34090.6)",
    )
    PURGE_UNDER_FLOOR = (
        InvalidInput,
        "records younger than {floor_days} days are never destroyed (Government Code 34090.6)",
        "missing",
    )
    PURGE_BEFORE_SCHEDULE = (
        InvalidInput,
        "the schedule {schedule_id} keeps records for {schedule_days} days: give an earlier time",
        "missing",
    )
    PURGE_BASIS_CHANGED = (
        Conflict,
        "the schedule, resolution or consent changed since the proposal; propose the purge again",
        "missing",
    )
    PURGE_STATE_FORBIDS = (
        Conflict,
        "this run is {status}; to {step} it, it must be {needed}",
    )
    PURGE_NEEDS_SECOND_PERSON = (
        Conflict,
        "another person than the one who proposed this purge must authorise it",
    )
    PURGE_NEEDS_THIRD_PERSON = (
        Conflict,
        "you {done} this purge; a third person with purge:execute must execute it (ADR-0036)",
    )
    PURGE_LEAVE_WITH_DATE = InvalidInput, "leave it out: a standing order follows the schedule"
    PURGE_LEAVE_NOT_EXECUTED = (
        Conflict,
        "a standing order is not executed: daily purges run under it",
    )
    PURGE_LEAVE_IN_FORCE = Conflict, "another standing order is in force; withdraw it first"

    # Packages
    PACKAGE_APPROVAL_EXPIRED = Conflict, "the approval expired before the package was built"
    SIGNING_KEY_MISSING = (
        Unavailable,
        "this process lacks the key {key_id}, which signs packages",
    )
