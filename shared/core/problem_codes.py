"""The problem codes that every service may answer with. Each service adds its own in `domain/problem_codes.py`.

The lists are closed. `make problems` writes `docs/problems.md` from them, and the OpenAPI documents contain them.
"""

from enum import unique

from shared.core.errors import (
    Conflict,
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
    Worded,
)


@unique
class Common(ProblemCode):
    """Problems of every service: requests, credentials, access, purposes, values and dependencies."""

    # Requests
    ROUTE_UNKNOWN = NotFound, "there is no such route; GET /openapi.json lists the routes"
    METHOD_NOT_ALLOWED = MethodNotAllowed, "this route accepts: {allowed}"
    REQUEST_UNREADABLE = Malformed, "the body does not match its Content-Type"
    JSON_INVALID = Malformed, "the body is not valid JSON near line {line}, column {column}"
    BODY_TOO_LARGE = TooLarge, "the body is larger than {max_kib} KiB"
    BODY_TOO_SLOW = RequestTimeout, "the body did not arrive completely within {within_s:g} s"
    UPLOAD_TOO_LARGE = TooLarge, "the body has more than {max_bytes} bytes"
    UPLOAD_CUT_OFF = Malformed, "the body did not arrive completely"
    KEY_REUSED = (
        Conflict,
        "you sent another request with this Idempotency-Key; use a new key, or open the form anew",
    )
    CURSOR_UNKNOWN = InvalidInput, "is not the `next` of a page of this list"
    TOO_MANY_REFUSED = (
        TooManyRequests,
        "too many refused requests came from this address; send a valid credential, or wait",
    )
    INTERNAL = (
        InternalFault,
        "the service failed on this request; try again, and if it fails again, report the request id in"
        " `instance` to operations",
    )

    # Fields
    FIELD_MISSING = InvalidInput, "{name} is required"
    FIELD_UNKNOWN = InvalidInput, "{name} is not a field of this request; allowed: {allowed}"
    FIELD_TYPE_WRONG = InvalidInput, "{name} must be of the type {expected}"
    FIELD_NOT_ALLOWED = InvalidInput, "{name} must be one of: {allowed}"
    FIELD_NOT_UUID = InvalidInput, "{name} must be a UUID"
    FIELD_NOT_DATE = InvalidInput, "{name} must be a date, e.g. 2026-06-01"
    FIELD_NOT_TIME = InvalidInput, "{name} must be a time, e.g. 2026-06-01T12:00:00Z"
    FIELD_TOO_SHORT = InvalidInput, "{name} must have {min_characters} or more characters"
    FIELD_TOO_LONG = InvalidInput, "{name} must have {max_characters} or fewer characters"
    FIELD_TOO_FEW = InvalidInput, "{name} must have {min_items} or more items"
    FIELD_TOO_MANY = InvalidInput, "{name} must have {max_items} or fewer items"
    FIELD_TOO_LOW = InvalidInput, "{name} must be {least} or more"
    FIELD_TOO_HIGH = InvalidInput, "{name} must be {most} or less"
    FIELD_NOT_ABOVE = InvalidInput, "{name} must be more than {bound}"
    FIELD_NOT_BELOW = InvalidInput, "{name} must be less than {bound}"
    FIELD_OUT_OF_RANGE = InvalidInput, "{name} is a number outside the range that can be stored"
    FIELD_PATTERN_DIFFERS = InvalidInput, "{name} must be {form}", "pattern"
    FIELD_INVALID = InvalidInput, "{name} is not valid; the API document describes it", "rule"

    # Credentials
    TOKEN_MISSING = NotAuthenticated, "an access token is required (Authorization: Bearer)"
    TOKEN_INCOMPLETE = NotAuthenticated, "the access token lacks a required claim"
    TOKEN_UNSIGNED = NotAuthenticated, "the token is not a signed JWT"
    TOKEN_HEADER_UNKNOWN = NotAuthenticated, "the token's header has unknown fields"
    TOKEN_ALGORITHM_UNKNOWN = NotAuthenticated, "tokens are signed with {algorithm} only"
    TOKEN_KEY_UNKNOWN = NotAuthenticated, "the token's key is not known"
    TOKEN_INVALID = NotAuthenticated, "the token is not valid"
    TOKEN_OF_ANOTHER_KIND = NotAuthenticated, "this is not a token for {kind}"
    TOKEN_LASTS_TOO_LONG = (
        NotAuthenticated,
        "the token is valid for longer than the policy allows",
    )
    TOKEN_EXPIRED = CredentialEnded, "the token has expired"
    TOKEN_REVOKED = CredentialEnded, "this token was revoked"
    ACCOUNT_ENDED = CredentialEnded, "this account is {status}"
    ACCOUNTS_UNCHECKED = (
        Unavailable,
        "your account cannot be checked now: no update of identity has arrived for more than 5 seconds;"
        " try again later",
    )

    # Access
    PERMISSION_MISSING = (
        NotAuthorised,
        "your roles do not let you {doing}; the ALPR administrator assigns roles",
        "permission",
    )
    TRAINING_MISSING = (
        NotAuthorised,
        "department-approved training is not on record (policy 468.4(d))",
    )
    TRAINING_LAPSED = NotAuthorised, "training lapsed on {lapsed_on:%Y-%m-%d} (policy 468.4(d))"
    PICTURE_NOT_OFFERED = (
        NotAuthorised,
        "this link does not offer you this picture: request the record again",
    )
    PICTURE_LINK_OVER = NotAuthorised, "this link has expired: request the record again"
    DEPARTMENT_ONLY = NotAuthorised, "this is for people of this department"
    DISCLOSURE_LIMIT = (
        NotAuthorised,
        "you have reached the limit of {most} records a day (policy, limits)."
        " The ALPR administrator can lift it for a case; then declare a purpose for the case again",
    )
    ACCESS_RECORDS_WAIT = (
        Unavailable,
        "too many access records wait for the audit log; try again later",
    )
    RESTORED_UNPURGED = (
        Unavailable,
        "the system was restored from a backup, and shows no ALPR data until a purge has destroyed the records that"
        " are past the schedule; a standing order purges at once, otherwise the custodian proposes a purge",
    )
    AUDIT_LOG_BEHIND = (
        Unavailable,
        "the audit log is too far behind, so access is refused; try again later, or report it to operations",
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
        "data captured more than {hours} hours ago needs a declared purpose in X-ALPR-Purpose (policy 468.4(a))",
    )
    PURPOSE_MISSING_TO_LIST = (
        NotAuthorised,
        "to list plates on a list of the department needs a declared purpose in X-ALPR-Purpose (policy 468.4(a))",
    )
    PURPOSE_TOKEN_REFUSED = (
        NotAuthorised,
        "X-ALPR-Purpose has no valid purpose: {because}. Declare a purpose again",
    )
    PURPOSE_OF_ANOTHER_PERSON = NotAuthorised, "another person declared this purpose"
    PURPOSE_DOES_NOT_OPEN = (
        NotAuthorised,
        "the purpose {kind} does not open {permission}; these do: {kinds}",
    )
    PURPOSE_SCOPE_EXCEEDED = (
        NotAuthorised,
        "the requested {what} is outside the declared purpose",
    )

    # Values
    WINDOW_TOO_LONG = (
        InvalidInput,
        "the window is {days} days at most if fewer than {known_characters} characters of the plate are"
        " known, whatever area or devices are named: give a shorter window, or more of the plate",
    )
    NOTHING_NAMED = InvalidInput, "give a plate, an area or devices"
    PLATE_TOO_OPEN = (
        InvalidInput,
        "too little of the plate is known: give two known characters beside each other, an area or devices",
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
    PLATE_IS_NUMBER = (
        InvalidInput,
        "this is a number as a spreadsheet rewrites a plate, 12E10 to 1.2E+11: format the plates as text, and enter"
        " this one anew",
    )
    PLATE_NOT_WHOLE = (
        InvalidInput,
        "give a plate without unknown characters, not {character!r}",
    )
    PATTERN_LENGTH = (
        InvalidInput,
        "a plate has 1 to {max_characters} characters, known or not, not {characters}",
    )
    PATTERN_CHARACTER_UNKNOWN = (
        InvalidInput,
        "a plate has letters A-Z and digits 0-9, ? and * for unknown characters, not {character!r}",
    )
    PATTERN_ALL_UNKNOWN = InvalidInput, "at least one character of the plate must be known"
    REGION_UNKNOWN = (
        InvalidInput,
        "is not a region: give {allowed}, or the letters of a state of {country}",
    )
    ORI_MALFORMED = (
        InvalidInput,
        "an ORI has two letters and seven letters or digits, e.g. CA0520100",
    )
    TEXT_UNPRINTABLE = InvalidInput, "has characters that cannot be printed"
    TEXT_HAS_CONTROLS = InvalidInput, "has control characters"
    TEXT_HAS_NUL = InvalidInput, "contains a NUL character"
    TEXT_HAS_HALF_SURROGATE = InvalidInput, "contains half of a surrogate pair"
    MOMENT_NOT_WRITTEN_OUT = (
        InvalidInput,
        "must have the form of RFC 3339, e.g. 2026-06-01T12:00:00Z",
    )
    MOMENT_OUT_OF_RANGE = InvalidInput, "must be between the years {from_year} and {to_year}"
    WINDOW_BACKWARDS = InvalidInput, "{start} must be before {end}"
    AREA_INSIDE_OUT = InvalidInput, "give south below north, and west below east"
    AREA_OVER_THE_EDGE = InvalidInput, "must not cross a pole or the 180th meridian"
    AREA_TOO_LARGE = InvalidInput, "must be at most {max_km} km across"
    TEXT_NOT_STORABLE = InvalidInput, "contains a character that cannot be stored"
    PICTURE_KEY_NOT_OURS = InvalidInput, "names no place where such pictures are stored"
    HEADING_OUT_OF_RANGE = InvalidInput, "a heading is from 0 to 360 degrees"
    TIME_WITHOUT_ZONE = InvalidInput, "has no time zone; add Z or an offset"
    CAPTURE_TIME_NOT_SANE = InvalidInput, "the capture time is too far in the past or in the future"
    MONTH_DESTROYED = (
        InvalidInput,
        "is in a month whose records were destroyed; no record can be added to it",
    )
    RECORD_TOO_LARGE = (
        TooLarge,
        "the log entry of this request would be too large; request less",
    )

    # Dependencies
    UNAVAILABLE = (
        Unavailable,
        "a dependency of this service is down; the request had no effect, try again later",
    )
    KAFKA_AWAY = Unavailable, "Kafka does not answer; try again later"
    KAFKA_NOT_ACKNOWLEDGED = (
        Unavailable,
        "Kafka did not acknowledge the events; send the request again",
    )
    EVENT_TOO_LARGE = (
        TooLarge,
        "the request makes an event larger than Kafka accepts; send less at once",
    )
    DATABASE_AWAY = Unavailable, "the database does not answer; try again later"
    DATABASE_BUSY = Unavailable, "the database is overloaded; try again later"
    DATABASE_READ_ONLY = Unavailable, "the database cannot serve this request now; try again later"
    OBJECT_MISSING = NotFound, "the object does not exist"
    OBJECT_STORE_AWAY = Unavailable, "the object store does not answer; try again later"
    OBJECT_NOT_STORED = (
        Unavailable,
        "the object store did not store the data; send the request again",
    )
    PACKAGE_CHANGED = (
        Unavailable,
        "the package in the object store differs from the one that was built, so it is not delivered; report the"
        " request id to operations",
    )
    MONTH_SECRET_UNKNOWN = (
        Unavailable,
        "the secret of that month is not loaded yet; try again later",
    )


@unique
class ScopeLimit(Worded):
    """The `what` of `purpose_scope_exceeded`: the criterion that goes beyond the purpose."""

    PLATE = "plate", "plate"
    LOOKALIKE = "lookalike", "search for look-alikes of the plate"
    DEVICES = "device_ids", "list of devices"
    AREA = "area", "area"
    WINDOW = "time_window", "time window"
    UNKNOWN = "unknown", "selection, which a limit unknown to this service narrows,"


@unique
class Form(Worded):
    """The `form` of `field_pattern_differs`: what the field's text is."""

    SIX_DIGITS = "six_digits", "six digits, e.g. 492039"
    TOKEN = "token", "the whole token: 20 to 100 letters, digits, dashes and underscores"
    EMAIL = "email", "an e-mail address, e.g. j.rivera@example.org"
    STATE = "state", "a state in its full form, e.g. US-CA"
    SHA256 = "sha256", "a SHA-256 in hexadecimal: 64 digits and letters a-f"
    BASE64URL = "base64url", "base64url without padding: letters, digits, dashes and underscores"
    VISIBLE = "visible", "of visible ASCII characters, without blanks"
    PRINTABLE = "printable", "one line of text without control characters"
    WORD = "word", "of lower-case letters and underscores, e.g. alpr_administrator"
    ORI = "ori", "an ORI: two letters and seven letters or digits, e.g. CA0520100"
    DOCUMENTED = "documented", "as the API document describes it"
