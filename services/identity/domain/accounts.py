"""Accounts: which roles and sources a person may hold, and which change may follow which state."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from services.identity.domain.problem_codes import Code, OwnAct
from shared.core.errors import Conflict, CredentialEnded, InvalidInput, NotAuthorised
from shared.core.permissions import Permission
from shared.core.policy import Policy
from shared.core.problem_codes import Common
from shared.core.types import Ori
from shared.events import AccountChanged, Actor

Status = Literal["invited", "active", "locked", "disabled", "separated"]

TICK = timedelta(microseconds=1)

EXTERNAL_ROLE = "agency_requester"
ADMINISTRATOR = "alpr_administrator"

ALLOWED_FROM: Mapping[str, tuple[Status, ...]] = {
    "locked": ("active",),
    "unlocked": ("locked",),
    "reinstated": ("disabled",),
    "disabled": ("active",),
    "reinvited": ("invited", "active", "locked", "disabled"),
    "separated": ("invited", "active", "locked", "disabled"),
    "reviewed": ("invited", "active", "locked", "disabled"),
    "updated": ("invited", "active", "locked", "disabled"),
    "roles_assigned": ("invited", "active", "locked", "disabled"),
    "sources_assigned": ("invited", "active", "locked", "disabled"),
}
"""The states in which each change is allowed. Separation is final: a person who returns gets a new account."""

PROVISIONING = frozenset(
    {
        "created",
        "reinvitation_proposed",
        "reinvited",
        "invitation_delivered",
        "updated",
        "roles_assigned",
        "sources_assigned",
        "reinstated",
    }
)
"""Changes that make their actor a provisioner: they give an account, or set its person or its rights.

Locks and their release, reviews and separation give no rights.
"""


@dataclass(frozen=True)
class Account:
    """A person's account, without secrets."""

    account_id: UUID
    username: str
    name: str
    title: str
    agency_ori: Ori
    status: Status
    roles: tuple[str, ...]
    sources: tuple[str, ...]
    tokens_valid_from: datetime
    last_active_at: datetime
    reviewed_at: datetime
    created_at: datetime
    changed_at: datetime
    """When this state was announced; strictly increasing, even if replicas' clocks differ."""

    trained_until: datetime | None = None
    sign_in_locked_at: datetime | None = None
    """When failures locked sign-in; open sessions and known browsers are not affected (ADR-0033)."""

    keys_only: bool = False
    """Whether no code but only a security key counts as the person's second factor; they choose it themselves."""

    number: int = 0
    """How many changes of the account were announced."""

    held_roles: tuple[str, ...] = ()
    """Every role that the person had; the store adds to it and removes none. One from an older replica may lack."""

    @property
    def ever_held(self) -> frozenset[str]:
        """Every role that the person has or had."""
        return frozenset({*self.held_roles, *self.roles})

    @property
    def has_enrolled(self) -> bool:
        """Whether the person ever enrolled; before that, they were last active when the account was made."""
        return self.last_active_at > self.created_at

    @property
    def actor(self) -> Actor:
        """The person as an actor of events."""
        return Actor(
            person_id=str(self.account_id),
            name=self.name,
            title=self.title,
            agency_ori=self.agency_ori,
        )

    def revoked(self, now: datetime, **changes: Any) -> "Account":
        """Return the account with `changes`, and with every token issued so far revoked.

        Another replica's clock may be ahead: its last token's time counts as well (`last_active_at`).
        """
        end = max(now, self.last_active_at + TICK, self.tokens_valid_from)
        return replace(self, tokens_valid_from=end, **changes)

    def check_change(self, change: str) -> None:
        """Raise Conflict unless `change` may be made to an account in this state."""
        is_sign_in_locked = self.sign_in_locked_at is not None and self.status != "separated"
        if change == "unlocked" and is_sign_in_locked:
            return
        if self.status not in ALLOWED_FROM[change]:
            raise Conflict(
                Code.ACCOUNT_STATE_FORBIDS, status=self.status, change=change.replace("_", " ")
            )

    def is_trained(self, now: datetime) -> bool:
        """Return whether the department's training is current (468.4(d))."""
        return self.trained_until is not None and self.trained_until > now

    def is_refresher_due(self, policy: Policy, now: datetime) -> bool:
        """Return whether training is missing, lapsed, or lapses soon (468.8); other agencies train their people."""
        if self.title in policy.titles.external:
            return False
        soon = now + timedelta(days=policy.training.refresher_due_days)
        return self.trained_until is None or self.trained_until <= soon

    def is_reactivated(self, policy: Policy, now: datetime) -> bool:
        """Return whether an enrolment would bring back an account that was or could be disabled as inactive."""
        return self.status == "disabled" or (self.has_enrolled and self.is_inactive(policy, now))

    def is_inactive(self, policy: Policy, now: datetime) -> bool:
        """Return whether the account is unused for long enough to be disabled (468.6)."""
        return now - self.last_active_at >= timedelta(days=policy.accounts.inactive_days)


def check_token(account: Account | None, issued: datetime) -> None:
    """Raise CredentialEnded if, by identity's own tables, an access token that was issued then has ended."""
    if account is None or account.status != "active":
        status = account.status if account is not None else "unknown"
        raise CredentialEnded(Common.ACCOUNT_ENDED, status=status)
    if issued < account.tokens_valid_from:
        raise CredentialEnded(Common.TOKEN_REVOKED)


def check_assignment(
    policy: Policy, *, title: str, agency_ori: str, roles: Iterable[str], sources: Iterable[str]
) -> None:
    """Check that a person of this title and agency may hold these roles and sources.

    Raises: InvalidInput, naming the field.

    Roles that exclude each other are refused with their names (policy.toml, exclusive_roles).

    An unauthorised title may hold no role and no source (468.3.1(a)). People of other agencies get data only by a
    written request (468.7), so an external title may hold only the requester's role, and no source.
    """
    ours = agency_ori == policy.department.ori
    if title in policy.titles.external:
        if ours:
            raise InvalidInput(Code.TITLE_OF_OTHER_AGENCIES, field="agency_ori")
        if set(roles) - {EXTERNAL_ROLE}:
            raise InvalidInput(Code.TITLE_ALLOWS_ONE_ROLE, field="roles", role=EXTERNAL_ROLE)
        if set(sources):
            raise InvalidInput(Code.TITLE_ALLOWS_NO_SOURCE, field="sources")
        return
    if title not in policy.titles.authorised:
        allowed = sorted(policy.titles.authorised | policy.titles.external)
        raise InvalidInput(Code.TITLE_NOT_AUTHORISED, field="title", allowed=allowed)
    if not ours:
        raise InvalidInput(Code.TITLE_OF_THE_DEPARTMENT, field="agency_ori")
    if EXTERNAL_ROLE in roles:
        raise InvalidInput(Code.ROLE_OF_OTHER_AGENCIES, field="roles", role=EXTERNAL_ROLE)
    if unknown := set(roles) - policy.roles.keys():
        raise InvalidInput(
            Code.ROLE_UNKNOWN, field="roles", roles=sorted(unknown), allowed=sorted(policy.roles)
        )
    _check_exclusive(policy, roles)


def _check_exclusive(policy: Policy, roles: Iterable[str]) -> None:
    pairs = policy.exclusive_roles.pairs_in(roles)
    if not pairs:
        return
    raise InvalidInput(Code.EXCLUSIVE_ROLES, field="roles", pairs=pairs)


def permissions_of(policy: Policy, title: str, roles: Iterable[str]) -> frozenset[str]:
    """Return a person's permissions under the current policy, whatever an older one allowed."""
    if title in policy.titles.external:
        roles = set(roles) & {EXTERNAL_ROLE}
    elif title in policy.titles.authorised:
        roles = set(roles) - {EXTERNAL_ROLE}
    else:
        return frozenset()
    return frozenset().union(*(policy.roles.get(role, frozenset()) for role in roles))


@dataclass(frozen=True)
class Rights:
    """What a person may do in one session."""

    permissions: frozenset[str]
    withheld_roles: tuple[str, ...]
    """Roles of the person whose rights this session lacks, as a code opened it (policy, `security_key_for`)."""


def rights_in_session(policy: Policy, account: Account, *, by_key: bool) -> Rights:
    """Return a person's rights in a session that a security key opened, or a code.

    They reach their own account in any case, to add a key.
    """
    withheld = frozenset() if by_key else policy.accounts.security_key_for & set(account.roles)
    own = permissions_of(policy, account.title, account.roles) & {Permission.ACCOUNT_SELF}
    left = permissions_of(policy, account.title, set(account.roles) - withheld)
    return Rights(left | own, tuple(sorted(withheld)))


def provisioner_of(event: AccountChanged) -> str | None:
    """Return the id of the person whom a change makes a provisioner; None for software or the account's person."""
    person_id = event.actor.person_id
    is_own = person_id == str(event.account_id)
    if event.change not in PROVISIONING or is_own or event.actor.is_software:
        return None
    return person_id


def is_privileged(policy: Policy, account: Account) -> bool:
    """Return whether re-inviting takes two people: the account has, or ever had, a role of `two_to_reinvite`.

    Else one administrator could remove the role, invite anew and assign the role again.
    """
    return bool(policy.accounts.two_to_reinvite & account.ever_held)


def check_deliverer(account: Account, invited_by: Collection[str], who: Actor) -> None:
    """Raise NotAuthorised if `who` is the invited person or one of the inviters."""
    check_not_own_account(account, who, doing=OwnAct.DELIVER_INVITATION)
    if who.person_id in invited_by:
        raise NotAuthorised(Code.INVITER_DELIVERS)


def may_manage(policy: Policy, account: Account) -> bool:
    """Return whether a person may administer accounts now."""
    held = permissions_of(policy, account.title, account.roles)
    return account.status == "active" and Permission.ACCOUNT_MANAGE in held


def check_approver(account: Account, proposed_by: UUID, who: Actor) -> None:
    """Raise NotAuthorised if `who` is the person to invite anew or the proposer."""
    check_not_own_account(account, who, doing=OwnAct.INVITE)
    if str(proposed_by) == who.person_id:
        raise NotAuthorised(Code.REINVITATION_NEEDS_ANOTHER_PERSON)


def check_not_own_account(account: Account, who: Actor, *, doing: OwnAct) -> None:
    """Raise NotAuthorised if `who` would administer their own account (no self-elevation)."""
    if str(account.account_id) == who.person_id:
        raise NotAuthorised(Code.OWN_ACCOUNT, doing=doing)
