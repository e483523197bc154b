"""The problem codes of audit, besides those of every service."""

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
    """The problem codes of audit, one for each rule; see `shared.core.errors.ProblemCode`."""

    AUDIT_DEPARTMENT_ONLY = NotAuthorised, "only people of this department may read the audit log"

    # Entries, proofs and exports
    ENTRY_NUMBER_UNKNOWN = NotFound, "there is no entry with this number"
    LOG_SEARCH_TOO_SLOW = (
        InvalidInput,
        "the search takes too long: narrow it by a person, a case, a request or a shorter time",
    )
    CHECKPOINT_NONE = NotFound, "the log has no signed checkpoint yet"
    CHECKPOINT_NONE_FOR_PROOF = NotFound, "the log has no signed checkpoint yet: give a size"
    PROOF_SIZE_BEYOND_LOG = InvalidInput, "the log has fewer entries than this size"
    PROOF_ENTRY_BEYOND_SIZE = (
        InvalidInput,
        "entry {seq} is not among the first {size} entries: give a larger size",
    )
    PROOF_SIZES_REVERSED = InvalidInput, "`old_size` must not be larger than `new_size`"
    LOG_EXPORTS_BUSY = Unavailable, "the maximum number of exports is running: try again later"
    LOG_EXPORT_OF_OLD_LOG = (
        InvalidInput,
        "the log before this one has its values in plaintext and is exported whole: set `with_values`, and leave"
        " out `first` and `end`",
    )
    LOG_EXPORT_OUTSIDE = (
        InvalidInput,
        "the log has {size} entries: `first` must be less than `end`, and `end` at most {size}",
    )
    LOG_EXPORT_VALUES_TO_END = (
        InvalidInput,
        "an export with values goes to the log's end: leave `end` out",
    )
    LOG_EXPORT_OVERTAKEN = (
        Conflict,
        "a purge erased values after this export began: request it again",
    )
    LOG_CHECKPOINT_GONE = (
        Conflict,
        "the old key's checkpoint of size {size} is missing: verify the log",
    )
    LOG_KEY_MISSING = (
        Unavailable,
        "this process does not have the log's signing key {key_id}",
    )

    # Audits
    PERIOD_UNKNOWN = (
        NotFound,
        "this entry does not fix a period: GET /v1/audits/periods lists the periods",
    )
    PERIOD_UNSIGNED = (
        Conflict,
        "this period cannot be drawn until two checkpoints are signed after the entry that fixed it",
    )
    PERIOD_UNCOVERED = (
        Conflict,
        "this period has no report until a checkpoint is signed after the entry that fixed it",
    )
    PERIOD_DRAWN = Conflict, "this period has a sample already: GET /v1/audits lists it"
    AUDIT_UNKNOWN = NotFound, "there is no such audit"
    AUDIT_SIGNED_OFF = Conflict, "this audit is already signed off"
    AUDIT_UNREVIEWED = Conflict, "{items} items are not reviewed yet"
    AUDIT_OF_OWN_ACCESS = (
        NotAuthorised,
        "this access is your own: another person must review it",
    )
    AUDIT_SIGNED_BY_SUBJECT = (
        NotAuthorised,
        "you drew this audit or reviewed an item of it: another person must sign it off",
    )
    AUDIT_DOUBTS_SIGNER = (
        NotAuthorised,
        "this audit did not find an access of yours proper: another person must sign it off",
    )
    ITEM_UNKNOWN = NotFound, "this audit has no item with this number"
    ITEM_NOTE_MISSING = (
        InvalidInput,
        "a review with the outcome {outcome} needs a note; only proper does not",
    )
    ITEM_REVIEWED = Conflict, "this item is already reviewed"
    ITEM_LOG_DESTROYED = (
        NotFound,
        "this access is in the log before this one, which was destroyed on its schedule",
    )

    # Findings and policies
    FINDING_UNKNOWN = NotFound, "there is no such finding"
    FINDING_CLOSED = Conflict, "this finding is closed"
    FINDING_WORKED_BY_SUBJECT = (
        NotAuthorised,
        "the subject of a finding must not work on it: another person must do so",
    )
    POLICY_UNKNOWN = NotFound, "no service has loaded a policy with this digest"
    POLICY_ROLE_MISSING = (
        NotAuthorised,
        "only people who hold the role {role} may acknowledge a policy in it",
    )
    POLICY_ACKNOWLEDGED = (
        Conflict,
        "this policy is already acknowledged in this role, or by you in the other role",
    )
