"""All permissions, and the further conditions of each."""

from collections.abc import Mapping
from enum import StrEnum


class Permission(StrEnum):
    """noun:verb; roles in policy.toml are sets of these."""

    ACCOUNT_SELF = "account:self"
    ACCOUNT_READ = "account:read"
    ACCOUNT_MANAGE = "account:manage"
    ACCOUNT_DELIVER = "account:deliver"
    TRAINING_RECORD = "training:record"
    PURPOSE_DECLARE = "purpose:declare"
    DEVICE_READ = "device:read"
    DEVICE_MANAGE = "device:manage"
    HOTLIST_READ = "hotlist:read"
    HOTLIST_MANAGE = "hotlist:manage"
    ALERT_RECEIVE = "alert:receive"
    HIT_READ = "hit:read"
    HIT_VERIFY = "hit:verify"
    HIT_DISPOSE = "hit:dispose"
    RECORD_SEARCH = "record:search"
    RECORD_EXPORT = "record:export"
    RECORD_CORRECT = "record:correct"
    IMAGE_READ = "image:read"
    HOLD_READ = "hold:read"
    HOLD_MANAGE = "hold:manage"
    PURGE_READ = "purge:read"
    PURGE_PROPOSE = "purge:propose"
    PURGE_AUTHORISE = "purge:authorise"
    PURGE_EXECUTE = "purge:execute"
    AGENCY_MANAGE = "agency:manage"
    RELEASE_REQUEST = "release:request"
    RELEASE_READ = "release:read"
    RELEASE_REVIEW = "release:review"
    RELEASE_DOWNLOAD = "release:download"
    ACCURACY_MEASURE = "accuracy:measure"
    AUDIT_READ = "audit:read"
    AUDIT_WORK = "audit:work"
    DEADLETTER_MANAGE = "deadletter:manage"
    POLICY_ACKNOWLEDGE = "policy:acknowledge"

    @property
    def words(self) -> str:
        """What it lets a person do; completes the sentence "your role does not let you …"."""
        return _WORDS[self]

    @property
    def needs_training(self) -> bool:
        """It requires current training (468.4(d)): it operates the system or shows its data."""
        return self not in _WITHOUT_TRAINING

    @property
    def needs_purpose(self) -> bool:
        """Each use requires a declared purpose (468.4(a)); alerts need none (468.4(b))."""
        return self in _WITH_PURPOSE

    @property
    def is_opened_by_purpose(self) -> bool:
        """At least some uses require a declared purpose; the policy says which kinds open it (ADR-0046)."""
        return self in _WITH_PURPOSE | _WITH_PURPOSE_IN_PART

    @property
    def needs_current_accounts(self) -> bool:
        """Works only while accounts are current (ADR-0031): it shows, releases or holds ALPR data.

        Every permission that is not exempted below needs it, so a new one does by default.
        """
        return self not in _WITHOUT_CURRENT_ACCOUNTS

    @property
    def waits_for_a_purge(self) -> bool:
        """Refused after a restore until a purge has run (ADR-0072): it shows, releases or holds ALPR data."""
        return self.needs_current_accounts and self not in _AFTER_A_RESTORE

    @property
    def works_while_the_log_is_behind(self) -> bool:
        """It only ends the access of an account or a device, and shows no ALPR data."""
        return self in _ENDS_ACCESS


_WORDS: Mapping[Permission, str] = {
    Permission.ACCOUNT_SELF: "use an account",
    Permission.ACCOUNT_READ: "see people's accounts",
    Permission.ACCOUNT_MANAGE: "manage people's accounts",
    Permission.ACCOUNT_DELIVER: "hand invitations over",
    Permission.TRAINING_RECORD: "record training",
    Permission.PURPOSE_DECLARE: "declare a purpose",
    Permission.DEVICE_READ: "see the cameras",
    Permission.DEVICE_MANAGE: "manage the cameras",
    Permission.HOTLIST_READ: "see the hot lists",
    Permission.HOTLIST_MANAGE: "change the hot lists",
    Permission.ALERT_RECEIVE: "receive alerts",
    Permission.HIT_READ: "see hits",
    Permission.HIT_VERIFY: "verify hits",
    Permission.HIT_DISPOSE: "record what became of hits",
    Permission.RECORD_SEARCH: "search the records",
    Permission.RECORD_EXPORT: "save search results as a file",
    Permission.RECORD_CORRECT: "correct misread plates",
    Permission.IMAGE_READ: "see pictures",
    Permission.HOLD_READ: "see the holds",
    Permission.HOLD_MANAGE: "place, export or release holds",
    Permission.PURGE_READ: "see the purges",
    Permission.PURGE_PROPOSE: "propose a purge",
    Permission.PURGE_AUTHORISE: "authorise a purge",
    Permission.PURGE_EXECUTE: "carry out a purge",
    Permission.AGENCY_MANAGE: "manage the agencies",
    Permission.RELEASE_REQUEST: "request a release",
    Permission.RELEASE_READ: "see the release requests",
    Permission.RELEASE_REVIEW: "decide on release requests",
    Permission.RELEASE_DOWNLOAD: "download a release",
    Permission.ACCURACY_MEASURE: "measure how well plates are read",
    Permission.AUDIT_READ: "see the audit log",
    Permission.AUDIT_WORK: "draw, review or sign off audits",
    Permission.DEADLETTER_MANAGE: "work on rejected events",
    Permission.POLICY_ACKNOWLEDGE: "acknowledge a change of the policy",
}

_ENDS_ACCESS = frozenset(
    {Permission.ACCOUNT_SELF, Permission.ACCOUNT_MANAGE, Permission.DEVICE_MANAGE}
)

_ABOUT_ACCOUNTS = frozenset(
    {
        Permission.ACCOUNT_SELF,
        Permission.ACCOUNT_READ,
        Permission.ACCOUNT_MANAGE,
        Permission.ACCOUNT_DELIVER,
        Permission.TRAINING_RECORD,
    }
)
"""They concern accounts and training, and show no ALPR data."""

_WITHOUT_CURRENT_ACCOUNTS = _ABOUT_ACCOUNTS | frozenset(
    {
        # identity's own, as `_ABOUT_ACCOUNTS` are: its tables are the source of accounts, and an administrator
        # must be able to end one while Kafka is down.
        Permission.PURPOSE_DECLARE,
        # Cameras are not ALPR data, and a stolen one must be revocable.
        Permission.DEVICE_READ,
        Permission.DEVICE_MANAGE,
    }
)

_AFTER_A_RESTORE = frozenset(
    {
        Permission.PURGE_READ,
        Permission.PURGE_PROPOSE,
        Permission.PURGE_AUTHORISE,
        Permission.PURGE_EXECUTE,
        Permission.AGENCY_MANAGE,
        Permission.POLICY_ACKNOWLEDGE,
    }
)
"""They carry the purge out, or show no record."""

_WITHOUT_TRAINING = _ABOUT_ACCOUNTS | frozenset(
    {
        # People of other agencies: their own agency trains them, and they see a package, not the system.
        Permission.RELEASE_REQUEST,
        Permission.RELEASE_DOWNLOAD,
    }
)

_WITH_PURPOSE = frozenset(
    {
        Permission.RECORD_SEARCH,
        Permission.RECORD_EXPORT,
        Permission.RECORD_CORRECT,
        Permission.IMAGE_READ,
        Permission.AUDIT_READ,
        Permission.HOLD_MANAGE,
    }
)

_WITH_PURPOSE_IN_PART = frozenset(
    {
        # Required on routes that show plates, cases or people.
        Permission.HOTLIST_READ,
        Permission.HOTLIST_MANAGE,
        Permission.HOLD_READ,
        Permission.RELEASE_READ,
        Permission.RELEASE_REVIEW,
        Permission.AUDIT_WORK,
        # Required for the job, which uses crops; a report shows counts.
        Permission.ACCURACY_MEASURE,
        # Required for old hits: a hit from hours ago is not patrol.
        Permission.HIT_READ,
        Permission.HIT_VERIFY,
        Permission.HIT_DISPOSE,
    }
)

PATROL_PERMISSIONS = frozenset(
    {Permission.ALERT_RECEIVE, Permission.HIT_READ, Permission.HIT_VERIFY, Permission.HIT_DISPOSE}
)
"""Recorded as routine patrol if no purpose was declared (468.4(b))."""
