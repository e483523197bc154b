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
    AGENCY_NOT_REGISTERED = NotAuthorised, "agency {ori} is not registered to request data"
    AGENCY_BARRED = NotAuthorised, "agency {ori} may not request data at present"
    AGENCY_UNKNOWN = NotFound, "no agency is registered under this ORI"
    AGENCY_IS_THE_DEPARTMENT = (
        InvalidInput,
        "this is the department's own ORI: register other agencies only",
    )
    AGENCY_REGISTERED_BEFORE = Conflict, "this ORI is registered already"
    AGENCY_UNCHANGED = Conflict, "these values are registered already"

    # Documents of legal authority
    DOCUMENT_EMPTY = InvalidInput, "the body is empty"
    DOCUMENT_KIND_UNKNOWN = UnsupportedMedia, "send the document as a PDF, PNG or JPEG"
    DOCUMENT_UNKNOWN = NotFound, "there is no such document"
    DOCUMENT_CHANGED = (
        NotFound,
        "the document in the object store differs from the one that was uploaded",
    )
    DOCUMENT_OF_NO_UPLOAD = InvalidInput, "this agency uploaded no document with this id"

    # Filing
    RELEASE_PURPOSE_UNKNOWN = InvalidInput, "purpose_kind must be one of {allowed}"
    RELEASE_PURPOSE_SHORT = InvalidInput, "purpose needs at least {min_characters} characters"
    RELEASE_FROM_AHEAD = (
        InvalidInput,
        "captured_from is in the future: a release contains existing records only",
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
    REQUEST_UNKNOWN = NotFound, "there is no such request"
    REQUEST_ENDED = Conflict, "this request is {status} already"
    REQUEST_DECIDED = Conflict, "this request is {status} and awaits no decision"
    REVIEWER_OF_ANOTHER_AGENCY = (
        NotAuthorised,
        "only this department's Administration Sergeant or designee reviews requests (policy 468.7(b))",
    )
    REVIEWER_IS_REQUESTER = (
        NotAuthorised,
        "you filed this request, so another person must review it",
    )
    REVIEWER_PROVISIONED_ACCOUNT = (
        NotAuthorised,
        "you created, invited or changed the requester's account, so another person must decide on its"
        " requests (ADR-0025)",
    )
    REVIEWER_PROVISIONED_AGENCY = (
        NotAuthorised,
        "you registered or changed the requesting agency, so another person must decide on its requests"
        " (ADR-0025)",
    )
    AGENCY_BARRED_SINCE = Conflict, "the agency may no longer receive data"
    AUTHORITY_NOT_ON_RECORD = (
        NotAuthorised,
        "this request needs a document of legal authority, which is not on record ({citation})",
    )
    SECOND_APPROVER_NEEDED = (
        NotAuthorised,
        "a second person must approve this request too ({why})",
        "citation",
    )
    DENIAL_NAMES_LISTS = InvalidInput, "a denial releases no data: leave list_sources empty"
    DENIAL_NAMES_ORIGINALS = InvalidInput, "a denial releases no data: leave originals empty"
    NO_PICTURES_ASKED = (
        InvalidInput,
        "this request asks for no pictures: leave originals empty",
    )

    # Packages
    PACKAGE_UNKNOWN = NotFound, "there is no such package"
    PACKAGE_EXPIRED = Conflict, "the package has expired; file a new request"
    PACKAGE_NOT_READY = Conflict, "the package is being prepared"
    PACKAGE_FAILED = Conflict, "the package could not be made; file a new request"
    PACKAGE_NEVER_MADE = Conflict, "this request is {status}; there is no package"
    AGENCY_RESTRICTED_SINCE = (
        NotAuthorised,
        "the registration of your agency, or the policy, has changed since this request was approved, and what was"
        " approved may not be released to it any more ({citation}); file a new request",
    )
    RECIPIENT_PROVISIONED_BY_APPROVER = (
        NotAuthorised,
        "an approver of this request created, invited or changed your account, or it is not on record"
        " whether they did: another person of your agency must download the package, or file a new"
        " request (ADR-0025)",
    )
