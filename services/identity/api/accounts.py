"""Accounts, by ALPR administrators (468.3)."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query

from services.identity.actions import administration, enrolment
from services.identity.api.fields import (
    AccountChangesIn,
    AccountIn,
    AccountReviewIn,
    DeliveryIn,
    ReasonIn,
    RolesIn,
    SourcesIn,
    TimeKey,
)
from services.identity.api.views import (
    AccountOut,
    DeliveredInvitationOut,
    InvitedAccountOut,
    ProposedInvitationOut,
    WaitingInvitationOut,
)
from services.identity.domain.accounts import Status, may_manage
from services.identity.service import Running, Work
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.models import After, Limit, Page, key_of

router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

AccountRead = Annotated[Grant, access(Permission.ACCOUNT_READ)]
AccountManage = Annotated[Grant, access(Permission.ACCOUNT_MANAGE)]
AccountDeliver = Annotated[Grant, access(Permission.ACCOUNT_DELIVER)]


@router.post("", status_code=201)
async def create_account(
    body: AccountIn, grant: AccountManage, identity: Running, work: Work
) -> InvitedAccountOut:
    """Create an account and its invitation, which another person delivers."""
    new = administration.NewAccount(**body.model_dump())
    invited = await administration.create(identity, work, grant.actor, new)
    return InvitedAccountOut.of(work, invited)


@router.get("")
async def list_accounts(
    grant: AccountRead,
    work: Work,
    status: Status | None = None,
    role: Annotated[str | None, Query(max_length=50, pattern="^[a-z_]+$")] = None,
    sign_in_locked: bool | None = None,
    after: After | None = None,
    limit: Limit = 100,
) -> Page[AccountOut]:
    """List accounts by username."""
    last = key_of(after, str) or ""
    found = await work.accounts.page(
        status=status, role=role, sign_in_locked=sign_in_locked, after=last, limit=limit
    )
    more = found[-1].username if len(found) == limit else None
    return Page.of([AccountOut.of(work, a) for a in found], last=more)


@router.get("/reviews/due")
async def list_reviews_due(
    grant: AccountRead, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[AccountOut]:
    """List people whose rights were not reviewed for a year, oldest first."""
    found = await administration.reviews_due(work, after=key_of(after, TimeKey), limit=limit)
    more = (found[-1].reviewed_at, found[-1].account_id) if len(found) == limit else None
    return Page.of([AccountOut.of(work, a) for a in found], last=more)


@router.get("/{account_id}")
async def get_account(account_id: UUID, grant: AccountRead, work: Work) -> AccountOut:
    """Show one account."""
    return AccountOut.of(work, await work.accounts.get(account_id))


@router.patch("/{account_id}")
async def update_account(
    account_id: UUID, body: AccountChangesIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Change a person's name or job title."""
    changed = await administration.update(
        work, grant.actor, account_id, name=body.name, title=body.title
    )
    return AccountOut.of(work, changed)


@router.put("/{account_id}/roles")
async def assign_roles(
    account_id: UUID, body: RolesIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Replace a person's roles with these; one cannot change one's own."""
    changed = await administration.assign_roles(
        work, grant.actor, account_id, body.roles, body.reason, body.replaces
    )
    return AccountOut.of(work, changed)


@router.put("/{account_id}/sources")
async def assign_sources(
    account_id: UUID, body: SourcesIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Replace the data sources that a person is entitled to with these."""
    changed = await administration.assign_sources(
        work, grant.actor, account_id, body.sources, body.reason, body.replaces
    )
    return AccountOut.of(work, changed)


@router.post("/{account_id}/lock")
async def lock_account(
    account_id: UUID, body: ReasonIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Lock an account; its sessions and tokens end now."""
    return AccountOut.of(
        work, await administration.lock(work, grant.actor, account_id, body.reason)
    )


@router.post("/{account_id}/lock/release")
async def unlock_account(
    account_id: UUID, body: ReasonIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Release an account that was locked, or its sign-in that failures locked."""
    return AccountOut.of(
        work, await administration.unlock(work, grant.actor, account_id, body.reason)
    )


@router.post("/{account_id}/reinstatement")
async def reinstate_account(
    account_id: UUID, body: ReasonIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Bring back an account that was disabled as inactive; training must be current."""
    return AccountOut.of(
        work, await administration.reinstate(work, grant.actor, account_id, body.reason)
    )


@router.post("/{account_id}/separation")
async def separate_account(
    account_id: UUID, body: ReasonIn, grant: AccountManage, work: Work
) -> AccountOut:
    """End an account for good: the person has left. Sessions and tokens end now."""
    return AccountOut.of(
        work, await administration.separate(work, grant.actor, account_id, body.reason)
    )


@router.post("/{account_id}/invitation")
async def invite_again(
    account_id: UUID, body: ReasonIn, grant: AccountManage, identity: Running, work: Work
) -> InvitedAccountOut:
    """Invite a person to enrol anew: lost password, authenticator or invitation.

    Another person delivers it. For a person who has, or ever had, a role of the policy's `two_to_reinvite` this is
    a proposal (see `state`), which another administrator approves.
    """
    invited = await administration.invite_again(
        identity, work, grant.actor, account_id, body.reason
    )
    return InvitedAccountOut.of(work, invited)


@router.post("/{account_id}/invitation/approval")
async def approve_invitation(
    account_id: UUID, grant: AccountManage, identity: Running, work: Work
) -> InvitedAccountOut:
    """Invite a person anew as another administrator proposed."""
    invited = await administration.approve_invitation(identity, work, grant.actor, account_id)
    return InvitedAccountOut.of(work, invited)


@router.post("/{account_id}/invitation/delivery")
async def deliver_invitation(
    account_id: UUID,
    grant: AccountDeliver,
    identity: Running,
    work: Work,
    body: Annotated[DeliveryIn, Body(default_factory=DeliveryIn)],
) -> DeliveredInvitationOut:
    """Fetch an invitation to hand it to the person, once, or have it mailed; never by who invited them."""
    account = await work.accounts.get(account_id, lock=True)
    if body.email is None:
        return DeliveredInvitationOut.of(await enrolment.deliver(work, account, grant.actor))
    mailed = await enrolment.mail(identity, work, account, grant.actor, body.email)
    return DeliveredInvitationOut.of(mailed, mailed=True)


@router.get("/invitations/waiting")
async def list_waiting_invitations(
    grant: AccountDeliver, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[WaitingInvitationOut]:
    """List undelivered invitations, the first to expire first."""
    found = await work.invitations.to_deliver(work.now, after=key_of(after, TimeKey), limit=limit)
    invitations = [
        WaitingInvitationOut.of(await work.accounts.get(one.account_id), one, grant.actor)
        for one in found
    ]
    more = (found[-1].expires_at, found[-1].account_id) if len(found) == limit else None
    return Page.of(invitations, last=more)


@router.get("/invitations/proposed")
async def list_proposed_invitations(
    grant: AccountManage, work: Work, after: After | None = None, limit: Limit = 100
) -> Page[ProposedInvitationOut]:
    """List unapproved proposals to invite a person anew, the first to expire first.

    A proposal of a person who is no administrator any more cannot be approved, and is left out.
    """
    found = await work.invitations.proposed(work.now, after=key_of(after, TimeKey), limit=limit)
    invitations = []
    for one in found:
        proposer = await work.accounts.get(one.proposed_by)
        if may_manage(work.policy, proposer):
            invited = await work.accounts.get(one.account_id)
            invitations.append(ProposedInvitationOut.of(invited, one, proposer, grant.actor))
    more = (found[-1].expires_at, found[-1].account_id) if len(found) == limit else None
    return Page.of(invitations, last=more)


@router.post("/{account_id}/review")
async def review_account(
    account_id: UUID, body: AccountReviewIn, grant: AccountManage, work: Work
) -> AccountOut:
    """Record a review that leaves a person's rights unchanged."""
    account = await administration.review(
        work, grant.actor, account_id, body.note, body.roles, body.sources
    )
    return AccountOut.of(work, account)
