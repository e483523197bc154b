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

    AUDIT_DEPARTMENT_ONLY = NotAuthorised, "the audit log is for people of this department"

    # Entries, proofs and exports
    ENTRY_NUMBER_UNKNOWN = NotFound, "no entry has this number"
    CHECKPOINT_NONE = NotFound, "no checkpoint was signed yet"
    CHECKPOINT_NONE_FOR_PROOF = NotFound, "no checkpoint was signed yet; name a size"
    PROOF_SIZE_BEYOND_LOG = InvalidInput, "the log is not that large"
    PROOF_ENTRY_BEYOND_SIZE = InvalidInput, "entry {seq} is not in a log of {size}"
    PROOF_SIZES_REVERSED = InvalidInput, "the older log is the larger one"
    LOG_EXPORTS_BUSY = Unavailable, "as many exports run as may"
    LOG_EXPORT_OF_OLD_LOG = (
        InvalidInput,
        "the log before this one is exported whole, and has its values in plaintext: ask for `with_values`,"
        " and for no part",
    )
    LOG_EXPORT_OUTSIDE = (
        InvalidInput,
        "the log has {size} entries: name a first and an end after it within them",
    )
    LOG_EXPORT_VALUES_TO_END = (
        InvalidInput,
        "an export with values goes to the log's end: leave `end` out",
    )
    LOG_EXPORT_OVERTAKEN = (
        Conflict,
        "a purge erased values while the export began: ask for it again",
    )
    LOG_CHECKPOINT_GONE = (
        Conflict,
        "the old key's checkpoint of size {size} is gone: verify the log",
    )
    LOG_KEY_MISSING = (
        Unavailable,
        "the log's key is {key_id}, which this process was not given",
    )

    # Audits
    PERIOD_UNKNOWN = (
        NotFound,
        "no entry of this number fixed a period; GET /v1/audits/periods lists them",
    )
    PERIOD_UNSIGNED = (
        Conflict,
        "two checkpoints are signed after a period's end before it is drawn",
    )
    PERIOD_DRAWN = Conflict, "the sample of this period was drawn before"
    AUDIT_UNKNOWN = NotFound, "no such audit"
    AUDIT_SIGNED_OFF = Conflict, "this audit is signed off"
    AUDIT_UNREVIEWED = Conflict, "{items} items are not reviewed yet"
    AUDIT_OF_OWN_ACCESS = NotAuthorised, "nobody reviews an access of their own"
    AUDIT_SIGNED_BY_SUBJECT = NotAuthorised, "an audit is signed off by another person"
    ITEM_UNKNOWN = NotFound, "no item of this audit has this number"
    ITEM_REVIEWED = Conflict, "this item was reviewed already"
    ITEM_LOG_DESTROYED = (
        NotFound,
        "the log that this audit was drawn from was destroyed on its schedule",
    )

    # Findings and policies
    FINDING_UNKNOWN = NotFound, "no such finding"
    FINDING_CLOSED = Conflict, "this finding is closed"
    FINDING_WORKED_BY_SUBJECT = (
        NotAuthorised,
        "a finding is worked by another person than its subject",
    )
    POLICY_UNKNOWN = NotFound, "no service has loaded a policy with this digest"
    POLICY_ROLE_MISSING = NotAuthorised, "this is for people with the role {role}"
    POLICY_ACKNOWLEDGED = (
        Conflict,
        "this policy is acknowledged in this role already, or by you in the other one",
    )
