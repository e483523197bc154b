"""The problems that this service answers with, besides those of every service."""

from enum import unique

from shared.core.errors import (
    Conflict,
    InvalidInput,
    NotAuthorised,
    NotFound,
    ProblemCode,
    UnsupportedMedia,
)


@unique
class Code(ProblemCode):
    """One rule each; see `shared.core.errors.ProblemCode`."""

    # Agencies
    AGENCY_NOT_REGISTERED = NotAuthorised, "agency {ori} is not registered to ask for data"
    AGENCY_BARRED = NotAuthorised, "agency {ori} may not ask for data at present"
    AGENCY_UNKNOWN = NotFound, "no agency is registered under this ORI"
    AGENCY_IS_THE_DEPARTMENT = (
        InvalidInput,
        "this department is not an agency that it releases to",
    )
    AGENCY_REGISTERED_BEFORE = Conflict, "this ORI is registered already"
    AGENCY_UNCHANGED = Conflict, "nothing would change"

    # Documents of legal authority
    DOCUMENT_EMPTY = InvalidInput, "the body is empty"
    DOCUMENT_KIND_UNKNOWN = UnsupportedMedia, "a document is a PDF, a PNG or a JPEG"
    DOCUMENT_UNKNOWN = NotFound, "no such document"
    DOCUMENT_CHANGED = (
        NotFound,
        "the document in the object store is not the one that was uploaded",
    )
    DOCUMENT_OF_NO_UPLOAD = InvalidInput, "no document with this id was uploaded by this agency"

    # Filing
    RELEASE_PURPOSE_UNKNOWN = InvalidInput, "purpose_kind is one of {allowed}"
    RELEASE_PURPOSE_SHORT = InvalidInput, "purpose has at least {min_characters} characters"
    RELEASE_FROM_AHEAD = (
        InvalidInput,
        "captured_from lies ahead: a release is of records that exist",
    )
    RECORDS_POLICY_APPLIES = (
        NotAuthorised,
        "Refused: {policy}.",
        "citation",
        "request_id",
    )
    AUTHORITY_NEEDED = (
        NotAuthorised,
        "Refused: ALPR data is not shared with {recipients} ({citation}) unless a document of legal"
        " authority and a second approver are recorded.",
        "request_id",
    )
    RELEASE_PURPOSE_PROHIBITED = (
        NotAuthorised,
        "Refused: ALPR data is not released for {purpose_kind} ({citation}).",
        "request_id",
    )

    # Review
    REQUEST_UNKNOWN = NotFound, "no such request"
    REQUEST_ENDED = Conflict, "this request is {status} already"
    REQUEST_DECIDED = Conflict, "this request is {status}; there is nothing to decide"
    REVIEWER_OF_ANOTHER_AGENCY = (
        NotAuthorised,
        "a request is reviewed by this department's Administration Sergeant or designee (policy 468.7(b))",
    )
    REVIEWER_IS_REQUESTER = NotAuthorised, "nobody reviews a request of their own account"
    REVIEWER_PROVISIONED_ACCOUNT = (
        NotAuthorised,
        "you created, invited or changed the requester's account, so another person decides on its"
        " requests (ADR-0025)",
    )
    REVIEWER_PROVISIONED_AGENCY = (
        NotAuthorised,
        "you registered or changed the requesting agency, so another person decides on its requests"
        " (ADR-0025)",
    )
    AGENCY_BARRED_SINCE = Conflict, "the agency may not receive data any more"
    AUTHORITY_NOT_ON_RECORD = (
        NotAuthorised,
        "a document of legal authority is not on record ({citation})",
    )
    SECOND_APPROVER_NEEDED = (
        NotAuthorised,
        "the second approver must be another person than the first ({why})",
        "citation",
    )
    DENIAL_NAMES_LISTS = InvalidInput, "a denial hands nothing over: name no lists"
    DENIAL_NAMES_ORIGINALS = InvalidInput, "a denial hands nothing over: name no originals"
    NO_PICTURES_ASKED = (
        InvalidInput,
        "this request asks for no pictures, so there are no originals to name",
    )

    # Packages
    PACKAGE_UNKNOWN = NotFound, "no such package"
    PACKAGE_EXPIRED = Conflict, "the package has expired; ask again with a new request"
    PACKAGE_NOT_READY = Conflict, "the package is being prepared"
    PACKAGE_FAILED = Conflict, "no package could be made; ask again with a new request"
    PACKAGE_NEVER_MADE = Conflict, "this request is {status}; there is no package"
    RECIPIENT_PROVISIONED_BY_APPROVER = (
        NotAuthorised,
        "who approved this request also created, invited or changed your account, or nobody knows"
        " whether they did; another person of your agency fetches the package, or the request is"
        " filed anew (ADR-0025)",
    )
