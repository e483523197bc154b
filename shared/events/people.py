"""Accounts, training and signing keys; every service replays accounts and keys, to check tokens offline."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from shared.events.base import AdministrativeEvent, Event


class KeyPublished(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A public signing key, and the time until which it verifies tokens. Compacted by key id."""

    TOPIC: ClassVar[str] = "alpr.key.published"
    KEYED_BY: ClassVar[str] = "kid"

    kid: str
    issuer: str
    jwk: dict[str, str]  # public EC P-256 key, RFC 7517
    not_after: datetime
    key_number: int = 0  # counts the events of this key, from 1
    number: int = 0  # counts the events of all keys
    issuer_certificate: str = ""  # of the issuer key that signed this (shared/core/certificates.py)
    signature: str = ""  # base64, over all the rest (shared/events/signed_events.py)


class CertificateRevoked(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The offline root revoked a certificate. `revocation` carries the root's own signature."""

    TOPIC: ClassVar[str] = "alpr.certificate.revoked"

    usage: str
    serial: int
    revocation: str  # signed text (shared/core/certificates.py)

    @property
    def key(self) -> str:
        """The certificate."""
        return f"{self.usage}/{self.serial}"


class IdentityTicked(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Identity is up, and has published account and key events up to these numbers at `occurred_at`.

    A service without a tick for 5 s, or without an event up to these numbers, cannot check accounts.
    """

    TOPIC: ClassVar[str] = "alpr.identity.ticked"

    account_number: int  # of the newest account.changed
    key_number: int  # of the newest key.published
    issuer_certificate: str = ""
    signature: str = ""


class IssuerMisused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Identity found a key or an account change under its name that it did not make."""

    TOPIC: ClassVar[str] = "alpr.issuer.misused"
    KEYED_BY: ClassVar[str] = "subject"

    what: Literal["key", "account"]
    subject: str  # the key id, or the account's id
    fault: str  # why it is not identity's, in words
    verified: bool  # True: signed with an issuer key that a root certified


class SecretsRewrapped(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Secrets at rest were sealed with another key-encryption key; keys are named by their ids."""

    TOPIC: ClassVar[str] = "alpr.secrets.rewrapped"

    reason: str
    to_key: str
    from_keys: dict[str, int]  # how many were sealed with which key
    kind: Literal["signing_key", "second_factor"]
    count: int
    left: int  # of either kind, not yet sealed with `to_key`


class AccountChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The current state of an account. Tokens issued before `tokens_valid_from` are revoked."""

    TOPIC: ClassVar[str] = "alpr.account.changed"
    KEYED_BY: ClassVar[str] = "account_id"

    account_id: UUID
    status: Literal["invited", "active", "locked", "disabled", "separated"]
    tokens_valid_from: datetime
    change: str  # created, enrolled, role_assigned, locked, unlocked, separated, ...
    details: dict[str, Any] = {}
    account_number: int = 0  # counts the changes of this account, from 1
    number: int = 0  # counts the changes of all accounts, in the order of their commits
    issuer_certificate: str = ""  # of the issuer key that signed this (shared/core/certificates.py)
    signature: str = ""  # base64, over all the rest (shared/events/signed_events.py)


class SessionChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person signed in or out, refreshed a session, or was refused."""

    TOPIC: ClassVar[str] = "alpr.session.changed"

    change: Literal["opened", "refreshed", "closed", "refused"]
    account_id: UUID | None = None
    session_id: UUID | None = None
    client_address: str = ""
    factor: Literal["code", "security_key"] | None = (
        None  # the second factor that opened it; none before keys came
    )
    reason: str | None = None


class TrainingRecorded(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A member completed department-approved training (policy 468.4(d), 468.8)."""

    TOPIC: ClassVar[str] = "alpr.training.recorded"
    KEYED_BY: ClassVar[str] = "account_id"

    account_id: UUID
    course: str
    completed_on: datetime
    valid_until: datetime


class LimitLifted(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An administrator released a person, for one case, from the limit of records a day (ADR-0040)."""

    TOPIC: ClassVar[str] = "alpr.limit.lifted"
    KEYED_BY: ClassVar[str] = "account_id"

    account_id: UUID
    case_number: str
    until: datetime
    reason: str


class DeviceSilenced(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A fixed camera has sent no data for too long, or only data too late for a live alert (policy 468.3.1(c))."""

    TOPIC: ClassVar[str] = "alpr.device.silenced"
    KEYED_BY: ClassVar[str] = "device_id"

    device_id: UUID
    device_name: str
    last_heard_at: datetime  # the time of registration, if it never sent data
    silent_after_s: int  # for how long: the limit of silence, or that of late data
    late_since: datetime | None = (
        None  # since when all came late: its clock may be wrong; None: it is silent
    )


class DeviceChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A device was registered, its credential rotated or revoked, or its place changed."""

    TOPIC: ClassVar[str] = "alpr.device.changed"
    KEYED_BY: ClassVar[str] = "device_id"

    device_id: UUID
    change: Literal["registered", "updated", "rotated", "revoked", "reinstated"]
    details: dict[str, str] = {}
