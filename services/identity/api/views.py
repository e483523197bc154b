"""Response models. A secret appears in one response only."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fido2.utils import websafe_encode
from pydantic import BaseModel, ConfigDict, Field

from services.identity.actions.context import Identity
from services.identity.actions.enrolment import Delivered, Invited
from services.identity.actions.second_factors import Offer
from services.identity.actions.security_keys import Offer as KeyOffer
from services.identity.actions.sign_in import Opened
from services.identity.actions.webauthn import ALGORITHMS, Challenge
from services.identity.domain.accounts import Account, Status, permissions_of, rights_in_session
from services.identity.store.invitations import Invitation, Reinvitation
from services.identity.store.records import DeclaredPurpose, LimitLift, Training
from services.identity.store.security_keys import SecurityKey
from services.identity.store.sessions import SignIn
from services.identity.store.unit_of_work import Unit
from shared.events import Actor

WITHHELD = (
    "Roles whose rights this session lacks, since a code opened it: they come with a sign-in by"
    " security key alone (policy, `security_key_for`)"
)


class PersonOut(BaseModel):
    """The person of an account, as other answers begin."""

    account_id: UUID
    username: str
    name: str
    title: str


def _person(account: Account) -> dict[str, Any]:
    """Return the fields of `PersonOut`."""
    return {
        "account_id": account.account_id,
        "username": account.username,
        "name": account.name,
        "title": account.title,
    }


_ACCOUNT: dict[str, Any] = {
    "account_id": "7c8e2f0e-5f43-4b0e-9d7c-0d8a1d0f3a11",
    "username": "j.rivera",
    "name": "Jo Rivera",
    "title": "Dispatcher",
    "agency_ori": "CA0520100",
    "status": "active",
    "roles": ["dispatcher"],
    "held_roles": ["dispatcher", "officer"],
    "sources": ["department", "state"],
    "permissions": ["account:self", "alert:receive", "hit:read"],
    "trained_until": "2027-05-04T00:00:00Z",
    "refresher_due": False,
    "sign_in_locked_at": None,
    "keys_only": True,
    "last_active_at": "2026-06-01T12:00:00Z",
    "reviewed_at": "2026-05-04T09:30:00Z",
    "created_at": "2026-05-04T09:30:00Z",
}


class AccountOut(PersonOut):
    """A person."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ACCOUNT]})

    agency_ori: str
    status: Status
    roles: list[str]
    held_roles: Annotated[
        list[str],
        Field(
            description="Every role that the person has or had. With one of the policy's `two_to_reinvite` among"
            " them, it takes two administrators to invite the person anew"
        ),
    ]
    sources: list[str]
    permissions: list[str]
    trained_until: datetime | None
    refresher_due: bool
    sign_in_locked_at: datetime | None
    keys_only: Annotated[
        bool, Field(description="Only a security key counts as their second factor, no code")
    ]
    last_active_at: datetime
    reviewed_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, unit: Unit, account: Account) -> "AccountOut":
        """Return the response model of an account."""
        return cls(
            **_person(account),
            agency_ori=account.agency_ori,
            status=account.status,
            roles=list(account.roles),
            held_roles=sorted(account.ever_held),
            sources=list(account.sources),
            permissions=sorted(permissions_of(unit.policy, account.title, account.roles)),
            trained_until=account.trained_until,
            sign_in_locked_at=account.sign_in_locked_at,
            keys_only=account.keys_only,
            refresher_due=account.is_refresher_due(unit.policy, unit.now),
            last_active_at=account.last_active_at,
            reviewed_at=account.reviewed_at,
            created_at=account.created_at,
        )


class OwnAccountOut(AccountOut):
    """A person, and their rights in the session that asks."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_ACCOUNT, "withheld_roles": ["alpr_administrator"]}]}
    )

    withheld_roles: Annotated[list[str], Field(description=WITHHELD)]

    @classmethod
    def in_session(cls, unit: Unit, account: Account, *, by_key: bool) -> "OwnAccountOut":
        """Return a person's own account as a session sees it that a security key opened, or a code."""
        rights = rights_in_session(unit.policy, account, by_key=by_key)
        whole = AccountOut.of(unit, account).model_dump()
        whole["permissions"] = sorted(rights.permissions)
        return cls(**whole, withheld_roles=list(rights.withheld_roles))


class InvitedAccountOut(BaseModel):
    """An account and its invitation, without the token, which the inviter does not see."""

    account: AccountOut
    state: Annotated[
        Literal["proposed", "to_be_delivered"],
        Field(description="What comes next: another administrator's approval, or delivery"),
    ]
    expires_at: datetime

    @classmethod
    def of(cls, unit: Unit, invited: Invited) -> "InvitedAccountOut":
        """Return an invitation as its inviter sees it."""
        account = AccountOut.of(unit, invited.account)
        return cls(account=account, state=invited.state, expires_at=invited.expires_at)


class WaitingInvitationOut(PersonOut):
    """An undelivered invitation."""

    agency_ori: str
    expires_at: datetime
    yours: Annotated[bool, Field(description="You invited them, so another person delivers it")]

    @classmethod
    def of(cls, account: Account, invitation: Invitation, who: Actor) -> "WaitingInvitationOut":
        """Return an invitation as `who`, who may deliver some, sees it."""
        return cls(
            **_person(account),
            agency_ori=account.agency_ori,
            expires_at=invitation.expires_at,
            yours=who.person_id in invitation.invited_by or who == account.actor,
        )


class ProposedInvitationOut(PersonOut):
    """A proposal to invite a person anew, for another administrator to approve."""

    proposed_by: Annotated[str, Field(description="The name of the proposer")]
    proposed_at: datetime
    reason: str
    expires_at: datetime
    yours: Annotated[
        bool,
        Field(
            description="You are the proposer or the person to invite, so another person approves it"
        ),
    ]

    @classmethod
    def of(
        cls, account: Account, proposal: Reinvitation, proposer: Account, who: Actor
    ) -> "ProposedInvitationOut":
        """Return a proposal as `who`, who may approve some, sees it."""
        return cls(
            **_person(account),
            proposed_by=proposer.name,
            proposed_at=proposal.proposed_at,
            reason=proposal.reason,
            expires_at=proposal.expires_at,
            yours=who.person_id in (str(account.account_id), str(proposal.proposed_by)),
        )


class DeliveredInvitationOut(PersonOut):
    """An invitation to hand over. Its token is shown only here; null if it is mailed."""

    agency_ori: str
    invitation_token: str | None
    expires_at: datetime

    @classmethod
    def of(cls, delivered: Delivered, *, mailed: bool = False) -> "DeliveredInvitationOut":
        """Return an invitation as its deliverer gets it."""
        account = delivered.account
        return cls(
            **_person(account),
            agency_ori=account.agency_ori,
            invitation_token=None if mailed else delivered.invitation_token,
            expires_at=delivered.expires_at,
        )


class SessionOut(BaseModel):
    """Tokens of a session. The refresh token works once, until `idle_until`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "session_id": "3d0f6c52-9a4e-4b1b-8a57-1f2e90b7c6d4",
                    "account_id": "7c8e2f0e-5f43-4b0e-9d7c-0d8a1d0f3a11",
                    "access_token": "eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiJ9...",
                    "token_type": "Bearer",
                    "expires_at": "2026-06-01T12:10:00Z",
                    "refresh_token": "n2S4Yl0cV5b8mKQ1xT7dZr9uWj3fHgAeOiPsLvBtCwE",
                    "idle_until": "2026-06-01T12:30:00Z",
                    "trained_until": "2027-05-04T00:00:00Z",
                    "permissions": ["account:self", "hit:read", "purpose:declare"],
                    "withheld_roles": [],
                }
            ]
        }
    )

    session_id: UUID
    account_id: UUID
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind, not a token
    expires_at: datetime
    refresh_token: str
    idle_until: datetime
    trained_until: datetime | None
    permissions: list[str]
    """Those of the access token, for a client to choose what it offers."""
    withheld_roles: Annotated[list[str], Field(description=WITHHELD)]

    @classmethod
    def of(cls, opened: Opened) -> "SessionOut":
        """Return a session as its owner gets it."""
        return cls(
            session_id=opened.session_id,
            account_id=opened.account.account_id,
            access_token=opened.access_token,
            expires_at=opened.expires_at,
            refresh_token=opened.refresh_token,
            idle_until=opened.idle_until,
            trained_until=opened.account.trained_until,
            permissions=sorted(opened.rights.permissions),
            withheld_roles=list(opened.rights.withheld_roles),
        )


class OpenedSessionOut(SessionOut):
    """Tokens of a new session, and the token that this client sends at its next sign-in to the account."""

    browser_token: str

    @classmethod
    def of(cls, opened: Opened) -> "OpenedSessionOut":
        """Return a new session as its owner gets it."""
        session = SessionOut.of(opened)
        return cls(**session.model_dump(), browser_token=opened.browser_token or "")


class ChallengeOut(BaseModel):
    """What a security key is to answer: the options of `navigator.credentials.get` (WebAuthn, 5.5).

    Leave `allowCredentials` out, so that the key names its person. `userVerification` is "preferred": the password is
    the other factor, but keys that have a PIN hide what is stored on them without it.
    """

    challenge: Annotated[
        str, Field(description="base64url", examples=["cGx3LWtlazGqkVh0c2lvbiB3YXMgaGVyZQ"])
    ]
    relying_party: Annotated[
        str, Field(description="`rpId`: the host of the console", examples=["console.example.org"])
    ]
    expires_at: datetime

    @classmethod
    def of(cls, identity: Identity, issued: Challenge) -> "ChallengeOut":
        """Return a challenge as a browser gets it."""
        return cls(**_challenge(identity, issued))


def _challenge(identity: Identity, issued: Challenge) -> dict[str, Any]:
    """Return the fields of `ChallengeOut`."""
    return {
        "challenge": websafe_encode(issued.value),
        "relying_party": identity.settings.identity_console_host,
        "expires_at": issued.expires_at,
    }


class OfferedKeyOut(ChallengeOut):
    """What a new security key is made for: the options of `navigator.credentials.create` (WebAuthn, 5.4).

    Ask for a `residentKey`, so that the key names its person at sign-in.
    """

    department: Annotated[str, Field(description="`rp.name`")]
    user_handle: Annotated[str, Field(description="`user.id`, base64url")]
    username: Annotated[str, Field(description="`user.name`", examples=["j.rivera"])]
    name: Annotated[str, Field(description="`user.displayName`", examples=["Jo Rivera"])]
    algorithms: Annotated[
        list[int], Field(description="`pubKeyCredParams`, COSE numbers", examples=[[-8, -7, -257]])
    ]
    known: Annotated[
        list[str],
        Field(description="`excludeCredentials`: the ids of one's keys, base64url"),
    ]

    @classmethod
    def offered(cls, identity: Identity, offer: KeyOffer) -> "OfferedKeyOut":
        """Return an offer as its person gets it."""
        return cls(
            **_challenge(identity, offer.challenge),
            department=identity.policy.department.name,
            user_handle=websafe_encode(offer.account.account_id.bytes),
            username=offer.account.username,
            name=offer.account.name,
            algorithms=list(ALGORITHMS),
            known=[websafe_encode(one) for one in offer.known],
        )


class SecurityKeyOut(BaseModel):
    """A security key of one's own."""

    key_id: UUID
    name: Annotated[str, Field(examples=["key on my ring"])]
    added_at: datetime
    used_at: Annotated[
        datetime | None,
        Field(description="When it was asked for last; null if not since it was added"),
    ]

    @classmethod
    def of(cls, key: SecurityKey) -> "SecurityKeyOut":
        """Return a key as its person sees it."""
        return cls(key_id=key.key_id, name=key.name, added_at=key.added_at, used_at=key.used_at)


class SecondFactorOut(BaseModel):
    """What goes into an authenticator app (RFC 6238, SHA-1, six digits, 30 s); shown this once."""

    username: Annotated[str, Field(examples=["j.rivera"])]
    totp_secret: Annotated[str, Field(examples=["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"])]
    provisioning_uri: Annotated[
        str, Field(examples=["otpauth://totp/Department:j.rivera?secret=...&issuer=Department"])
    ]


class OfferedFactorOut(SecondFactorOut):
    """A new key, which `change_token` puts in force with its first code, in the session that asked for it."""

    change_token: str
    expires_at: datetime

    @classmethod
    def of(cls, offer: Offer) -> "OfferedFactorOut":
        """Return a new key as its person gets it."""
        return cls(
            **vars(offer.factor), change_token=offer.change_token, expires_at=offer.expires_at
        )


class OwnSessionOut(BaseModel):
    """One of one's own sign-ins: open until `closed_at`."""

    session_id: UUID
    opened_at: datetime
    used_at: datetime
    """When it last got tokens, which is no more than some minutes before its last use."""
    client_address: str | None
    closed_at: datetime | None
    closed_reason: str | None
    current: Annotated[bool, Field(description="The session that asks")]

    @classmethod
    def of(cls, one: SignIn, session_id: UUID) -> "OwnSessionOut":
        """Return a session as its person sees it from the session named."""
        plain = {name: getattr(one, name) for name in cls.model_fields if name != "current"}
        return cls(**plain, current=one.session_id == session_id)


class EnrolledOut(BaseModel):
    """The account is active."""

    account_id: UUID
    username: str
    status: Status


class PublicKeyOut(BaseModel):
    """A public signing key (RFC 7517)."""

    kid: str
    kty: Literal["EC"] = "EC"
    crv: Literal["P-256"] = "P-256"
    x: str
    y: str
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"


class KeySetOut(BaseModel):
    """The keys that verify now (RFC 7517)."""

    keys: list[PublicKeyOut]


class LimitLiftOut(BaseModel):
    """A release: purposes for its case that are declared before it ends carry it."""

    lift_id: UUID
    account_id: UUID
    case_number: str
    reason: str
    lifted_by: UUID
    lifted_at: datetime
    until: datetime

    @classmethod
    def of(cls, lift: LimitLift) -> "LimitLiftOut":
        """Return the response model of a release."""
        return cls(**vars(lift))


class AcceptedPurposeOut(BaseModel):
    """A purpose and its token, for the header X-ALPR-Purpose."""

    purpose_id: UUID
    purpose_token: Annotated[str, Field(examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6Ii4uLiJ9..."])]
    expires_at: datetime
    unknown_numbers: Annotated[
        list[str],
        Field(
            description="Its numbers that the department's own systems do not have yet. A finding if they do not have"
            " them by `known_by`; the purpose is good meanwhile."
        ),
    ] = []
    known_by: datetime | None = None


class PurposeOut(BaseModel):
    """A purpose that was declared."""

    purpose_id: UUID
    kind: str
    offence_type: str
    case_number: str | None
    call_number: str | None
    justification: str
    scope: dict[str, Any]
    declared_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, purpose: DeclaredPurpose) -> "PurposeOut":
        """Return the response model of a purpose."""
        return cls(**{name: getattr(purpose, name) for name in cls.model_fields})


class TrainingOut(BaseModel):
    """A training record."""

    training_id: UUID
    account_id: UUID
    course: str
    completed_on: date
    valid_until: datetime
    recorded_by: UUID
    recorded_at: datetime

    @classmethod
    def of(cls, record: Training) -> "TrainingOut":
        """Return the response model of a training record."""
        return cls(**{**vars(record), "completed_on": record.completed_on.date()})
