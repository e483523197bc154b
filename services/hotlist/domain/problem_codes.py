"""The problems that this service answers with, besides those of every service."""

from enum import unique

from shared.core.errors import (
    Conflict,
    InvalidInput,
    Malformed,
    NotAuthenticated,
    NotAuthorised,
    NotFound,
    ProblemCode,
    TooLarge,
    Unavailable,
    UnsupportedMedia,
)


@unique
class Code(ProblemCode):
    """One rule each; see `shared.core.errors.ProblemCode`."""

    # Lists
    LIST_UNKNOWN = NotFound, "there is no such hot list"
    LIST_NAME_TAKEN = Conflict, "a hot list of this name exists"
    LIST_STALENESS_TOO_LONG = (
        InvalidInput,
        "the policy's limit for a {source} list is {max_hours} hours",
    )
    SOURCE_NOT_ENTITLED = NotAuthorised, "no entitlement to {source} data (policy 468.4(e))"
    RECORD_KIND_UNKNOWN = (
        InvalidInput,
        "{kind!r} is not a record kind of the policy; the kinds are: {allowed}",
    )
    RECORD_KIND_PROHIBITED = InvalidInput, "{kind} is not imported: {citation}"
    RECORD_KIND_OFF = InvalidInput, "{kind} is switched off for this list"

    # Versions
    VERSION_UNKNOWN = NotFound, "there is no such version"
    VERSION_NONE_BEFORE = Conflict, "no other version was in force before: name a version"
    VERSION_NONE_IN_FORCE = (
        Conflict,
        "no version is in force, so there is none to withdraw: activate one first",
    )
    VERSION_NOT_ACTIVATED = Conflict, "no version is in force: activate one first"
    VERSION_DROPPED = Conflict, "the entries of this version were deleted; choose a later version"
    VERSION_IN_FORCE = Conflict, "this version is in force already"
    VERSION_REPLACED_SINCE = (
        Conflict,
        "the list has changed since: look at what the version would change now, and decide again",
    )
    VERSION_OLDER = (
        Conflict,
        "the extract was made at {as_of}, before the one in force, of {in_force_as_of}: to replace a newer one by"
        " an older one, upload it without putting it in force, then put it in force with a reason",
    )
    VERSION_NEEDS_SECOND_PERSON = (
        NotAuthorised,
        "the list would shrink from {entries_before} to {entries} entries, by more than {share:.0%}: a person"
        " who did not upload the version must put it in force; you may also remove wrong entries singly,"
        " switch the list off or withdraw it",
    )

    # Uploads
    SHEET_MEDIA_UNKNOWN = (
        UnsupportedMedia,
        "upload a hot list as text/csv or application/octet-stream: the file itself is the body, not a form"
        " (curl --data-binary @list.csv)",
    )
    SHEET_AS_OF_AHEAD = (
        InvalidInput,
        "as_of is in the future: give the time at which the source made the list",
    )
    SHEET_STALLED = Malformed, "no data arrived for {stall_s:g} s"
    SHEET_TOO_SLOW = Malformed, "the file arrives with less than {bytes_per_s:g} bytes a second"
    SHEET_CUT_OFF = Malformed, "the upload ended before the body was complete"
    SHEET_WITHOUT_ENTRIES = (
        InvalidInput,
        "the file has no entries: to put all entries out of force, withdraw the list",
    )
    SHEET_UPLOADS_BUSY = Unavailable, "other hot lists are being uploaded; try again later"
    SHEET_TOO_LARGE = TooLarge, "a hot list has at most {max_bytes} bytes"
    SHEET_TOO_MANY_ROWS = TooLarge, "a hot list has at most {max_rows} rows"
    SHEET_HEADER_REFUSED = InvalidInput, "{first}", "faults"
    SHEET_BAD_LINES_SHARE = (
        InvalidInput,
        "{first}: {faults} of {lines} lines are bad; the policy allows {share:.1%}",
    )
    SHEET_BAD_LINES_MOST = InvalidInput, "{first}: more than {max_faults} lines are bad"
    SHEET_EMPTY = InvalidInput, "the file is empty: it needs a header row"
    SHEET_COLUMN_UNKNOWN = (
        InvalidInput,
        "{column!r} is not a column of a hot list; the columns are: {allowed}",
    )
    SHEET_COLUMN_TWICE = InvalidInput, "another column has this name: give each column once"
    SHEET_COLUMN_MISSING = InvalidInput, "this column is missing"
    SHEET_CELLS_DIFFER = InvalidInput, "{cells} fields under a header of {columns}"
    SHEET_LINE_TOO_LONG = InvalidInput, "this line has more than {max_bytes} bytes: shorten it"
    SHEET_LINE_NOT_UTF8 = InvalidInput, "not UTF-8 at byte {byte}"
    SHEET_QUOTE_OPEN = InvalidInput, "a quoted field has no closing quote on its line"
    SHEET_QUOTE_INSIDE = (
        InvalidInput,
        "text follows a closing quote: double each quote inside a quoted field",
    )
    SHEET_LINE_BREAK_BARE = (
        InvalidInput,
        "a carriage return inside a line: end lines with CR LF or LF",
    )
    SHEET_LINE_DOUBLED = InvalidInput, "the same entry as line {first_line}"
    SHEET_LINE_LENGTH = InvalidInput, "{characters} characters; the list's layout has {needed}"
    SHEET_DIGEST_DIFFERS = (
        Malformed,
        "the bytes that arrived have another SHA-256 than `sha256`: send the file again",
    )
    SHEET_LAYOUT_CHANGED = (
        Conflict,
        "the layout of the list changed while the file arrived: send the file again",
    )

    # Layouts
    LAYOUT_UNKNOWN = NotFound, "this list has no layout: its files are our own CSV"
    LAYOUT_TOO_LARGE = InvalidInput, "a layout has at most {max_bytes} bytes as JSON: shorten it"
    LAYOUT_COLUMN_MISPLACED = (
        InvalidInput,
        "{name}: give {needed} of its column, or a constant, and nothing else",
    )
    LAYOUT_COLUMN_ENDS_EARLY = InvalidInput, "{name}: `last` is before `first`"
    LAYOUT_COLUMN_TWICE = (
        InvalidInput,
        "{name}: this field or its column is there twice; give each once",
    )
    LAYOUT_FIELD_MISSING = InvalidInput, "{name}: say which column has this field"
    LAYOUT_PLATE_CONSTANT = InvalidInput, "plate: each line has its own; give its column"
    LAYOUT_LENGTH_OF_CELLS = (
        InvalidInput,
        "lines with a delimiter have no fixed length: leave out line_characters",
    )
    LAYOUT_CODE_TWICE = (
        InvalidInput,
        "a code is there twice; case and spaces at its ends do not count",
    )
    LAYOUT_CODE_REFUSED = InvalidInput, "{because}"
    LAYOUT_CONSTANT_UNKNOWN = (
        InvalidInput,
        "record_kind: the constant is one of the source's codes; add it to the codes",
    )
    LAYOUT_ZONE_MISSING = InvalidInput, "dates as {form} name no zone: give one"
    LAYOUT_ZONE_UNKNOWN = (
        InvalidInput,
        "this is not the name of a zone: write it as in America/Los_Angeles",
    )
    SAMPLE_UNREADABLE = InvalidInput, "the sample is not base64 of bytes"

    # Feeds
    FEED_UNKNOWN = NotFound, "this list has no such feed"
    FEED_OF_DEPARTMENT = (
        Conflict,
        "plates come on a list of the department for the declared purpose of a person, so it has no"
        " feed: upload the file, or name another source",
    )
    FEED_TOO_LONG = (
        InvalidInput,
        "a feed ends after {max_days} days at most, and not in the past",
    )
    FEED_REVOKED = Conflict, "this feed is revoked already"
    FEEDS_TOO_MANY = (
        Conflict,
        "a list has at most {max_feeds} feeds that have not ended: revoke one",
    )
    FEED_CREDENTIAL_MISSING = (
        NotAuthenticated,
        "send the feed's credential: Authorization: Bearer <feed id>.<secret>",
    )
    FEED_CREDENTIAL_REFUSED = (
        NotAuthenticated,
        "this credential is unknown, revoked or has ended: an administrator issues another",
    )

    # Entries
    ENTRY_UNKNOWN = NotFound, "there is no such entry in the version in force"
    ENTRY_LISTED = (
        Conflict,
        "an entry with this plate, state, kind, agency and reference is listed",
    )
    ENTRY_REFUSED = InvalidInput, "{name}: {because}"
    ENTRY_FIELD_TOO_LONG = (
        InvalidInput,
        "this field has more than {max_characters} characters: shorten it",
    )
    ENTRY_FIELD_UNPRINTABLE = InvalidInput, "a character that cannot be printed: remove it"
    ENTRY_KIND_MISSING = InvalidInput, "record_kind is missing: give a record kind of the policy"
    RECORD_CODE_UNKNOWN = (
        InvalidInput,
        "the list's layout has no record kind for this code: add it there, switched on or off",
    )
    ENTRY_YEAR_REFUSED = (
        InvalidInput,
        "the year of the vehicle has four digits, from {from_year} to {to_year}",
    )
    ENTRY_EXPIRES_BEFORE_VALID = InvalidInput, "expires_at must be later than valid_from"
    ENTRY_TIME_WITHOUT_ZONE = InvalidInput, "a time without its zone: add Z or an offset"
    ENTRY_TIME_UNREADABLE = (
        InvalidInput,
        "this is not a time in ISO 8601: write it as in 2026-06-01T12:00:00Z",
    )
    ENTRY_DATE_UNREADABLE = InvalidInput, "this is not a date as {form}"
    ENTRY_TIME_TOO_EARLY = InvalidInput, "before the year {from_year}"
    PARTIAL_WITHOUT_END = InvalidInput, "a partial plate needs an expiry time (policy 468.4(c))"
    PARTIAL_TOO_LONG = (
        InvalidInput,
        "a partial plate expires within {max_days} days",
    )
    PARTIAL_TOO_OPEN = (
        InvalidInput,
        "a partial plate needs {min_characters} known characters, not {characters}",
    )
    PARTIALS_TOO_MANY_IN_SHEET = InvalidInput, "a list has at most {max_partials} partial plates"
    PARTIALS_TOO_MANY = Conflict, "a list has at most {max_partials} partial plates"

    # Hits and alerts
    HIT_UNKNOWN = NotFound, "there is no such hit"
    HIT_PICTURE_UNKNOWN = NotFound, "this hit has no such picture"
    HIT_PICTURE_NOT_A_PICTURE = NotFound, "the stored object is not a picture"
    HIT_VERIFIED = Conflict, "this hit has been verified"
    HIT_ENFORCED_UNVERIFIED = (
        InvalidInput,
        "enforcement on a hit that was not verified as a correct read needs a stated reason (policy"
        " 468.4(f))",
    )
    HIT_NOT_LIVE = (
        Conflict,
        "this hit is no live alert: its capture was late, or is older than alerts without a purpose may be",
    )
    HIT_RESULT_WITHOUT_WORDS = (
        InvalidInput,
        "the result `other` needs words: say what came of the hit",
    )
    HIT_RESULT_CONTRADICTED = (
        InvalidInput,
        "{result}: answer {enforcement} to enforcement action, or give another result",
    )
    HIT_READ_DESTROYED = (
        Conflict,
        "the read of this hit was destroyed under the retention schedule",
    )
    HIT_DISPOSITIONS_FULL = Conflict, "this hit has the most dispositions that a hit may have"
    ALERT_STREAMS_FULL = Unavailable, "no more alert streams can be opened here; try again later"
    ALERT_STREAM_REPLACED = (
        Conflict,
        "this account opened another stream; it may have {max_streams} at a time",
    )
    ALERT_STREAM_UNCHECKED = (
        Unavailable,
        "the account could not be checked for {unchecked_s:g} s; open the stream again later",
    )
    ALERT_STREAM_STOPPED = Unavailable, "the server stops; open the stream again"
    ALERT_ID_MALFORMED = InvalidInput, "an id of this stream is a whole number"
