"""The account changes that ALPR administrators make; each publishes an event with who, whom, what, why (468.3)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.identity.actions.announce import account_changed, account_event, close_sessions
from services.identity.actions.context import Identity
from services.identity.actions.enrolment import Invited, invite
from services.identity.domain.accounts import (
    Account,
    check_approver,
    check_assignment,
    check_not_own_account,
    is_privileged,
    may_manage,
    permissions_of,
)
from services.identity.domain.problem_codes import Code, OwnAct
from services.identity.store.invitations import Reinvitation
from services.identity.store.unit_of_work import Unit
from shared.core.errors import Conflict
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.events import Actor

REVIEWED_EVERY = timedelta(days=365)


@dataclass(frozen=True)
class NewAccount:
    """A person to create an account for, with their roles and data sources."""

    username: str
    name: str
    title: str
    agency_ori: str
    roles: Sequence[str]
    sources: Sequence[str]


async def create(
    identity: Identity, unit: Unit, by: Actor, new: NewAccount, **more: Any
) -> Invited:
    """Create an account and its invitation; its event has the details `more`, too. Raises: InvalidInput, Conflict."""
    roles, sources = _sorted(new.roles), _sorted(new.sources)
    check_assignment(
        unit.policy, title=new.title, agency_ori=new.agency_ori, roles=roles, sources=sources
    )
    account = Account(
        account_id=uuid4(),
        username=new.username,
        name=new.name,
        title=new.title,
        agency_ori=Ori(new.agency_ori),
        status="invited",
        roles=roles,
        sources=sources,
        tokens_valid_from=unit.now,
        last_active_at=unit.now,
        reviewed_at=unit.now,
        created_at=unit.now,
        changed_at=unit.now,
    )
    await unit.accounts.add(account)
    details = {"agency_ori": account.agency_ori, "roles": roles, "sources": sources}
    unit.announce(account_event(account, "created", by, **details, **more))
    return await invite(identity, unit, account, by)


async def update(
    unit: Unit, by: Actor, account_id: UUID, *, name: str | None, title: str | None
) -> Account:
    """Change a name or job title. Remove the roles and sources that the new title may not hold first."""
    old = await _changeable(unit, by, account_id, "updated", doing=OwnAct.CHANGE)
    new = old.revoked(unit.now, name=name or old.name, title=title or old.title)
    check_account(unit, new)
    before = {"name": old.name, "title": old.title}
    await account_changed(unit, new, "updated", by, before=before)
    return new


async def assign_roles(
    unit: Unit,
    by: Actor,
    account_id: UUID,
    roles: Sequence[str],
    reason: str | None,
    replaces: Sequence[str] | None = None,
) -> Account:
    """Replace a person's roles with these, and revoke their tokens.

    Args:
        replaces: the roles that the caller saw; None for a caller who did not look.

    Raises: Conflict if the roles are others than those.
    """
    old = await _changeable(unit, by, account_id, "roles_assigned", doing=OwnAct.ASSIGN_ROLES)
    _check_seen(replaces, old.roles)
    new = old.revoked(unit.now, roles=_sorted(roles))
    check_account(unit, new)
    changes = _difference(old.roles, new.roles)
    await account_changed(
        unit, new, "roles_assigned", by, roles=new.roles, reason=reason, **changes
    )
    return new


async def assign_sources(
    unit: Unit,
    by: Actor,
    account_id: UUID,
    sources: Sequence[str],
    reason: str | None,
    replaces: Sequence[str] | None = None,
) -> Account:
    """Replace a person's data sources with these, and revoke their tokens (468.4(e)).

    Raises: Conflict if the sources are others than those that the caller saw, as in `assign_roles`.
    """
    old = await _changeable(unit, by, account_id, "sources_assigned", doing=OwnAct.ENTITLE)
    _check_seen(replaces, old.sources)
    new = old.revoked(unit.now, sources=_sorted(sources))
    check_account(unit, new)
    changes = _difference(old.sources, new.sources)
    await account_changed(
        unit, new, "sources_assigned", by, sources=new.sources, reason=reason, **changes
    )
    return new


def _check_seen(seen: Sequence[str] | None, held: Collection[str], field: str = "replaces") -> None:
    """Refuse to replace or confirm what another person changed since the caller saw it."""
    if seen is not None and set(seen) != set(held):
        raise Conflict(Code.ACCOUNT_CHANGED_SINCE, field=field)


async def lock(unit: Unit, by: Actor, account_id: UUID, reason: str) -> Account:
    """Lock an active account until it is unlocked; revoke its tokens and close its sessions."""
    old = await _changeable(unit, by, account_id, "locked", doing=OwnAct.LOCK)
    new = old.revoked(unit.now, status="locked")
    await account_changed(unit, new, "locked", by, reason=reason)
    await close_sessions(unit, new, by, "account locked")
    return new


async def unlock(unit: Unit, by: Actor, account_id: UUID, reason: str) -> Account:
    """Release a locked account, or the lock of its sign-in."""
    old = await _changeable(unit, by, account_id, "unlocked", doing=OwnAct.UNLOCK)
    await unit.credentials.clear_failures(account_id)
    status = "active" if old.status == "locked" else old.status
    new = replace(old, status=status, sign_in_locked_at=None)
    await account_changed(unit, new, "unlocked", by, reason=reason)
    return new


async def reinstate(unit: Unit, by: Actor, account_id: UUID, reason: str) -> Account:
    """Reactivate a disabled account, once training is current again (State Auditor 2019-118)."""
    old = await _changeable(unit, by, account_id, "reinstated", doing=OwnAct.REINSTATE)
    _check_trained(unit, old)
    new = replace(old, status="active", last_active_at=max(unit.now, old.last_active_at))
    await account_changed(unit, new, "reinstated", by, reason=reason)
    return new


async def separate(unit: Unit, by: Actor, account_id: UUID, reason: str) -> Account:
    """End an account for good, at once: the person has left (468.6)."""
    old = await _changeable(unit, by, account_id, "separated", doing=OwnAct.SEPARATE)
    held = {"roles": old.roles, "sources": old.sources}
    new = old.revoked(unit.now, status="separated", roles=(), sources=(), keys_only=False)
    await account_changed(unit, new, "separated", by, reason=reason, held=held)
    await close_sessions(unit, new, by, "account separated")
    await unit.invitations.drop(account_id)
    await unit.credentials.drop(account_id)
    await unit.browsers.forget_all(account_id)
    return new


async def invite_again(
    identity: Identity, unit: Unit, by: Actor, account_id: UUID, reason: str
) -> Invited:
    """Let a person enrol anew, for a lost password, authenticator or invitation.

    For an account that takes two people, this only stores a proposal; the account stays as it is.
    """
    old = await _changeable(unit, by, account_id, "reinvited", doing=OwnAct.INVITE)
    _check_may_return(unit, old)
    if not is_privileged(unit.policy, old):
        return await renew(identity, unit, old, reason, by)
    expires = unit.now + timedelta(hours=identity.settings.identity_invitation_hours)
    proposal = Reinvitation(account_id, UUID(by.person_id), reason, unit.now, expires)
    await unit.invitations.propose(proposal)
    await account_changed(unit, old, "reinvitation_proposed", by, reason=reason)
    return Invited(old, "proposed", expires)


async def approve_invitation(
    identity: Identity, unit: Unit, by: Actor, account_id: UUID
) -> Invited:
    """Invite a person anew as another administrator proposed, who still is one. Raises: Conflict, NotAuthorised."""
    old = await unit.accounts.get(account_id, lock=True)
    proposal = await unit.invitations.proposal(account_id)
    if proposal is None or proposal.expires_at <= unit.now:
        raise Conflict(Code.REINVITATION_NOT_PROPOSED)
    proposer = await unit.accounts.get(proposal.proposed_by)
    if not may_manage(unit.policy, proposer):
        raise Conflict(Code.REINVITATION_NOT_PROPOSED)
    check_approver(old, proposal.proposed_by, by)
    old.check_change("reinvited")
    _check_may_return(unit, old)
    return await renew(identity, unit, old, proposal.reason, by, proposer.actor)


async def renew(
    identity: Identity, unit: Unit, old: Account, reason: str, by: Actor, *proposers: Actor
) -> Invited:
    """Delete a person's credential and invite them; close their sessions and revoke their tokens."""
    await unit.invitations.end_proposal(old.account_id)
    await unit.credentials.drop(old.account_id)
    await unit.credentials.clear_failures(old.account_id)
    await unit.browsers.forget_all(old.account_id)
    new = old.revoked(unit.now, status="invited", sign_in_locked_at=None, keys_only=False)
    proposed_by = [who.person_id for who in proposers] or None
    await account_changed(unit, new, "reinvited", by, reason=reason, proposed_by=proposed_by)
    await close_sessions(unit, new, by, "account invited anew")
    return await invite(identity, unit, new, by, *proposers)


async def review(
    unit: Unit,
    by: Actor,
    account_id: UUID,
    note: str,
    roles: Sequence[str] | None = None,
    sources: Sequence[str] | None = None,
) -> Account:
    """Record that a reviewer left an account's rights unchanged (yearly, CJIS Security Policy 5.9.5).

    Args:
        roles: the roles that the caller saw; None for a caller who did not look.
        sources: the data sources, likewise.

    Raises: Conflict if the account has others than those.
    """
    old = await _changeable(unit, by, account_id, "reviewed", doing=OwnAct.REVIEW)
    _check_seen(roles, old.roles, "roles")
    _check_seen(sources, old.sources, "sources")
    new = replace(old, reviewed_at=unit.now)
    await unit.accounts.add_review(new, UUID(by.person_id), unit.now, note)
    await account_changed(
        unit, new, "reviewed", by, roles=new.roles, sources=new.sources, note=note
    )
    return new


async def reviews_due(
    unit: Unit, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Account]:
    """Return people whose last review of rights is a year old or older, oldest first."""
    return await unit.accounts.reviewed_before(unit.now - REVIEWED_EVERY, after=after, limit=limit)


async def _changeable(
    unit: Unit, by: Actor, account_id: UUID, change: str, *, doing: OwnAct
) -> Account:
    account = await unit.accounts.get(account_id, lock=True)
    check_not_own_account(account, by, doing=doing)
    account.check_change(change)
    return account


def check_account(unit: Unit, account: Account) -> None:
    """Raise InvalidInput, naming the field, unless the account's person may hold its roles and sources."""
    check_assignment(
        unit.policy,
        title=account.title,
        agency_ori=account.agency_ori,
        roles=account.roles,
        sources=account.sources,
    )


def _check_may_return(unit: Unit, account: Account) -> None:
    """Raise Conflict for an inactive account whose training is not current: a new enrolment reactivates it."""
    if account.is_reactivated(unit.policy, unit.now):
        _check_trained(unit, account)


def _check_trained(unit: Unit, account: Account) -> None:
    held = permissions_of(unit.policy, account.title, account.roles)
    needed = any(permission.needs_training for permission in Permission if permission in held)
    if needed and not account.is_trained(unit.now):
        raise Conflict(Code.ACCOUNT_TRAINING_NOT_CURRENT)


def _sorted(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _difference(old: Sequence[str], new: Sequence[str]) -> dict[str, Any]:
    return {"added": sorted(set(new) - set(old)), "removed": sorted(set(old) - set(new))}
