"""The codes of the problems that every service may answer with. Each service adds its own in `domain/problem_codes.py`.

`docs/problems.md` is written from these lists (`make problems`); a list is closed, and the OpenAPI documents name it.
"""

from enum import unique

from shared.core.errors import (
    CredentialEnded,
    InternalFault,
    InvalidInput,
    Malformed,
    MethodNotAllowed,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    ProblemCode,
    RequestTimeout,
    TooLarge,
    TooManyRequests,
    Unavailable,
)


@unique
class Common(ProblemCode):
    """Problems of every service: requests, credentials, access, purposes, and what a service rests on."""

    # Requests
    ROUTE_UNKNOWN = NotFound, "there is no such route; GET /openapi.json lists the routes"
    METHOD_NOT_ALLOWED = MethodNotAllowed, "this route takes: {allowed}"
    REQUEST_UNREADABLE = Malformed, "the body cannot be read as its Content-Type says"
    JSON_INVALID = Malformed, "{name}: {fault}"
    FIELD_MISSING = InvalidInput, "{name}: Field required"
    FIELD_UNKNOWN = InvalidInput, "{name}: Extra inputs are not permitted"
    FIELD_INVALID = InvalidInput, "{name}: {fault}", "rule", "limits"
    BODY_TOO_LARGE = TooLarge, "the body is larger than {max_kib} KiB"
    BODY_TOO_SLOW = RequestTimeout, "the body did not arrive whole within {within_s:g} s"
    UPLOAD_TOO_LARGE = TooLarge, "the body has more than {max_bytes} bytes"
    UPLOAD_TOO_SLOW = Malformed, "the body did not arrive whole within {within_s:g} s"
    UPLOAD_CUT_OFF = Malformed, "the body did not arrive whole"
    CURSOR_UNKNOWN = InvalidInput, "is not the `next` of a page of this list"
    TOO_MANY_REFUSED = (
        TooManyRequests,
        "too many refused requests came from this address; send a credential that holds, or wait",
    )
    INTERNAL = InternalFault, "the fault is ours; give the request id to operations"

    # Credentials
    TOKEN_MISSING = NotAuthenticated, "an access token is required (Authorization: Bearer)"
    TOKEN_INCOMPLETE = NotAuthenticated, "the token lacks what an access token has"
    TOKEN_UNSIGNED = NotAuthenticated, "the token is not a signed JWT"
    TOKEN_HEADER_UNKNOWN = NotAuthenticated, "the token's header has fields that are not taken"
    TOKEN_ALGORITHM_UNKNOWN = NotAuthenticated, "tokens are signed with {algorithm} only"
    TOKEN_KEY_UNKNOWN = NotAuthenticated, "the token's key is not known"
    TOKEN_INVALID = NotAuthenticated, "the token does not hold"
    TOKEN_OF_ANOTHER_KIND = NotAuthenticated, "this is not a token for {kind}"
    TOKEN_LASTS_TOO_LONG = (
        NotAuthenticated,
        "the token would hold for longer than the policy allows",
    )
    TOKEN_EXPIRED = CredentialEnded, "the token has expired"
    TOKEN_REVOKED = CredentialEnded, "this token was revoked"
    ACCOUNT_ENDED = CredentialEnded, "this account is {status}"
    ACCOUNTS_UNCHECKED = (
        Unavailable,
        "whether your account still holds cannot be checked now: nothing was heard from identity for more"
        " than 5 seconds",
    )

    # Access
    PERMISSION_MISSING = NotAuthorised, "this needs the permission {permission}"
    TRAINING_MISSING = (
        NotAuthorised,
        "department-approved training is not on record (policy 468.4(d))",
    )
    TRAINING_LAPSED = NotAuthorised, "training lapsed on {lapsed_on:%Y-%m-%d} (policy 468.4(d))"
    PICTURE_NOT_OFFERED = NotAuthorised, "no answer offered you this picture by this link"
    PICTURE_LINK_OVER = NotAuthorised, "this link is over: ask for the record again"
    DEPARTMENT_ONLY = NotAuthorised, "this is for people of this department"
    DISCLOSURE_LIMIT = (
        NotAuthorised,
        "no more records are shown to you today: {most} are allowed (policy, limits)."
        " The ALPR administrator can release you for a case: then declare a purpose for it again",
    )
    ACCESS_RECORDS_WAIT = Unavailable, "too many access records wait for the audit log"
    AUDIT_LOG_BEHIND = (
        Unavailable,
        "the audit log is too far behind, so no access is given; operations must mend it",
    )

    # Purposes
    PURPOSE_MISSING = (
        NotAuthorised,
        "this needs a declared purpose in X-ALPR-Purpose (policy 468.4(a))",
        "kinds",
        "permission",
    )
    PURPOSE_MISSING_FOR = (
        NotAuthorised,
        "{what} needs a declared purpose in X-ALPR-Purpose (policy 468.4(a))",
    )
    PURPOSE_TOKEN_REFUSED = NotAuthorised, "X-ALPR-Purpose: {fault}", "because"
    PURPOSE_OF_ANOTHER_PERSON = NotAuthorised, "this purpose was declared by somebody else"
    PURPOSE_DOES_NOT_OPEN = (
        NotAuthorised,
        "the purpose {kind} does not open this; {permission} is opened by: {kinds}",
    )
    PURPOSE_SCOPE_EXCEEDED = (
        NotAuthorised,
        "the {what} asked for is outside the declared purpose",
    )

    # Values
    WINDOW_TOO_LONG = (
        InvalidInput,
        "the window is {days} days at most where fewer than {known_characters} characters of the plate are"
        " known, whatever area or devices are named: give a shorter window, or more of the plate",
    )
    NOTHING_NAMED = InvalidInput, "give a plate, an area or devices"
    PLATE_TOO_OPEN = (
        InvalidInput,
        "too little of the plate is known: give two known characters beside each other, or an area, or"
        " devices",
    )
    PLATE_NOT_NORMAL = InvalidInput, "a plate in its normal form is 1 to 12 of A-Z and 0-9"
    PLATE_LENGTH = (
        InvalidInput,
        "a plate has 1 to {max_characters} letters and digits, not {characters}",
    )
    PLATE_CHARACTER_UNKNOWN = (
        InvalidInput,
        "a plate has letters A-Z and digits 0-9, not {character!r}",
    )
    PLATE_NOT_WHOLE = (
        InvalidInput,
        "a plate without unknown characters is wanted here, not {character!r}",
    )
    PATTERN_LENGTH = (
        InvalidInput,
        "a plate has 1 to {max_characters} characters, known or not, not {characters}",
    )
    PATTERN_CHARACTER_UNKNOWN = (
        InvalidInput,
        "a plate has letters A-Z and digits 0-9, ? and * for what is unknown, not {character!r}",
    )
    PATTERN_ALL_UNKNOWN = InvalidInput, "at least one character of the plate must be known"
    REGION_UNKNOWN = (
        InvalidInput,
        "is no region: give {allowed}, or a state of {country} by its letters",
    )
    ORI_MALFORMED = (
        InvalidInput,
        "an ORI has two letters and seven letters or digits, e.g. CA0520100",
    )
    TEXT_UNPRINTABLE = InvalidInput, "has characters that cannot be printed"
    TEXT_HAS_CONTROLS = InvalidInput, "has control characters"
    TEXT_HAS_NUL = InvalidInput, "holds a NUL character"
    TEXT_HAS_HALF_SURROGATE = InvalidInput, "holds half of a surrogate pair"
    MOMENT_NOT_WRITTEN_OUT = (
        InvalidInput,
        "is written as RFC 3339 has it, e.g. 2026-06-01T12:00:00Z",
    )
    MOMENT_OUT_OF_RANGE = InvalidInput, "is not between the years {from_year} and {to_year}"
    WINDOW_BACKWARDS = InvalidInput, "{start} must be before {end}"
    TEXT_NOT_STORABLE = InvalidInput, "holds a character that cannot be stored"
    HEADING_OUT_OF_RANGE = InvalidInput, "a heading is from 0 to 360 degrees"
    TIME_WITHOUT_ZONE = InvalidInput, "has no time zone"
    CAPTURE_TIME_NOT_SANE = InvalidInput, "this was captured at no sane time"
    MONTH_DESTROYED = InvalidInput, "is of a month whose records are destroyed"
    RECORD_TOO_LARGE = (
        TooLarge,
        "the record of this would be larger than the log takes; ask for less",
    )

    # What a service rests on
    UNAVAILABLE = (
        Unavailable,
        "something that this service needs is down; nothing was done, try again later",
    )
    KAFKA_AWAY = Unavailable, "Kafka does not answer"
    KAFKA_NOT_ACKNOWLEDGED = Unavailable, "Kafka did not acknowledge"
    EVENT_TOO_LARGE = TooLarge, "an event is larger than Kafka accepts"
    DATABASE_AWAY = Unavailable, "the database does not answer"
    DATABASE_BUSY = Unavailable, "the database has more to do than it can take"
    DATABASE_READ_ONLY = Unavailable, "the database cannot take it now"
    OBJECT_MISSING = NotFound, "no such object"
    OBJECT_STORE_AWAY = Unavailable, "the object store does not answer"
    OBJECT_NOT_STORED = Unavailable, "the object could not be stored"
    PACKAGE_CHANGED = (
        Unavailable,
        "the package in the object store is not the one that was built",
    )
    MONTH_SECRET_UNKNOWN = Unavailable, "the secret of that month is not known yet"
