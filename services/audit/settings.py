"""The settings that audit reads from its environment."""

import re
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from services.audit.domain.recount import Cadence
from shared.core.fields import KEY_BYTES, SecretKey, SecretKeys, is_key, key_bytes, keys_of
from shared.core.links import Given
from shared.core.signed_notes import Signer
from shared.core.vault import Vault
from shared.kafka.event_mac import MacKey
from shared.kafka.mac_settings import MacSettings
from shared.kafka.topics import TOPICS
from shared.mail.server import server_of
from shared.notices.receivers import Addresses, check_recipient, encrypted
from shared.objects.settings import ObjectSettings
from shared.postgres.settings import DatabaseSettings
from shared.service.settings import ApiSettings

GENERATION = 2
"""The log's generation. The first, which sealed no values, has the bare origin as its name."""


def origin_of(audit_origin: str) -> str:
    """Return the name of the log of this version, so that its checkpoints are no other log's."""
    return f"{audit_origin}/{GENERATION}"


def _mac_keys(value: SecretStr) -> SecretStr:
    parse_keys(value.get_secret_value())
    return value


_KEY = re.compile(r"(?P<service>[a-z]+):(?P<key>[A-Za-z0-9+/]+=*)(@(?P<until>\S+))?")
_AUDITED = frozenset(s for topic in TOPICS.values() if topic.audited for s in topic.producers)
PRODUCERS = frozenset(service for topic in TOPICS.values() for service in topic.producers)
"""Services that publish events."""


@dataclass(frozen=True)
class AcceptedKey:
    """A key whose MACs audit accepts. A service's previous key has an end, `until`; its current key has None."""

    key: MacKey
    until: datetime | None


def parse_keys(text: str) -> list[AcceptedKey]:
    """Return the keys in `service:base64` items, separated by spaces; a previous key ends in `@time`.

    Raises: ValueError, without showing a key.
    """
    found = [_parse_key(number, item) for number, item in enumerate(text.split(), 1)]
    current = [one.key.service for one in found if one.until is None]
    if twice := {service for service in current if current.count(service) > 1}:
        raise ValueError(f"two keys of {', '.join(sorted(twice))} have no end (service:key@time)")
    if lacking := _AUDITED - set(current):
        raise ValueError(f"there is no key of {', '.join(sorted(lacking))} without an end")
    ids = [one.key.id.rpartition(".")[2] for one in found]
    if len(set(ids)) < len(ids):
        raise ValueError("a key is named twice: each service has a key of its own")
    return found


def _parse_key(number: int, item: str) -> AcceptedKey:
    match = _KEY.fullmatch(item)
    if match is None:
        raise ValueError(f"item {number} is not service:base64 or service:base64@time")
    if match["service"] not in PRODUCERS:
        raise ValueError(f"item {number} names no service that publishes events")
    if not is_key(match["key"]):
        raise ValueError(f"the key of item {number} is not base64 of {KEY_BYTES} bytes")
    until = None
    if match["until"] is not None:
        until = datetime.fromisoformat(match["until"])
        if until.tzinfo is None:
            raise ValueError(f"the time of item {number} has no time zone")
    return AcceptedKey(MacKey(match["service"], b64decode(match["key"])), until)


GROUP = "audit"
"""Audit's consumer group."""


class LogSettings(DatabaseSettings):
    """The settings to verify the log; they contain no key."""

    policy_file: Path = Path("policy.toml")

    audit_origin: Annotated[str, Field(pattern=r"^[^\s+]{1,198}$")] = "plateward.local/audit"
    """The beginning of the log's name; never change it once a log has begun."""

    audit_checkpoint_entries: Annotated[int, Field(ge=1)] = 10_000
    """Audit signs a checkpoint after this many new entries ..."""

    audit_checkpoint_s: Annotated[float, Field(gt=0)] = 60.0
    """... or this many seconds after the last one, if the log has grown."""

    @property
    def log_origin(self) -> str:
        """The log's name in its checkpoints."""
        return origin_of(self.audit_origin)

    @property
    def cadence(self) -> Cadence:
        """The growth and the time after which the service signs a checkpoint."""
        return Cadence(self.audit_checkpoint_entries, self.audit_checkpoint_s)


class SigningSettings(LogSettings, MacSettings):
    """The settings to sign checkpoints and to export the log."""

    audit_signing_key: SecretKey
    """Base64 of 32 random bytes: the Ed25519 key that signs checkpoints."""

    audit_next_signing_key: Annotated[SecretKey | None, Given] = None
    """The next key, during a change: it signs from the entry that `rotate-key` appends. Give it to every replica
    before the change, and as AUDIT_SIGNING_KEY alone after it."""

    @property
    def signers(self) -> list[Signer]:
        """The signers of checkpoints: of today's key, and of the next one if it is set."""
        keys = filter(None, (self.audit_signing_key, self.audit_next_signing_key))
        return [Signer(self.log_origin, key_bytes(key)) for key in keys]

    @property
    def old_signer(self) -> Signer:
        """The signer of the previous log's last checkpoint."""
        return Signer(self.audit_origin, key_bytes(self.audit_signing_key))


class NoticeSettings(DatabaseSettings):
    """The settings to send findings to the department (ADR-0075)."""

    audit_console_url: str = ""
    """The console's address, to which notices link; empty for no link."""

    audit_notice_url: str = ""
    """The address that gets new findings by HTTP POST: a chat's or ticket system's webhook. https, or this machine."""

    audit_notice_token: Annotated[SecretStr | None, Given] = None
    """Sent as `Authorization: Bearer` with each POST."""

    audit_notice_secret: SecretKeys = SecretStr("")
    """Base64 of 32 random bytes, which the receiver has too: signs each POST (Standard Webhooks). While it changes, the
    coming and the former one, separated by a space: each POST then has both signatures."""

    audit_mail_url: SecretStr = SecretStr("")
    """The server that mails new findings: smtps://user:password@host, or smtp+starttls://; empty for no mail."""

    audit_mail_from: str = ""
    """The sender address of those mails."""

    audit_mail_to: str = ""
    """Their recipient: one address, such as a list's."""

    audit_notice_s: Annotated[float, Field(gt=0)] = 10.0
    """Seconds between two deliveries of due notices."""

    audit_notice_hours: Annotated[float, Field(gt=0)] = 24.0
    """A notice that its receiver has not accepted for so long after the first attempt becomes a dead letter."""

    audit_heartbeat_url: str = ""
    """The dead-man switch outside the department, which gets a POST each minute while the log is appended and signed in
    time; empty for none. https, or this machine."""

    _encrypted = field_validator("audit_console_url", "audit_notice_url", "audit_heartbeat_url")(
        encrypted
    )

    @model_validator(mode="after")
    def _mail_is_whole(self) -> Self:
        """Refuse a mail server without TLS, sender or recipient."""
        check_recipient("AUDIT", self.notice_addresses)
        return self

    @property
    def notice_addresses(self) -> Addresses:
        """Where notices go."""
        return Addresses(
            self.audit_notice_url,
            self.audit_notice_token,
            [key_bytes(key) for key in keys_of(self.audit_notice_secret)],
            server_of("AUDIT", self.audit_mail_url, self.audit_mail_from),
            self.audit_mail_to,
        )


class Settings(SigningSettings, NoticeSettings, ApiSettings, ObjectSettings):
    """Common settings, and audit's own; built once, in main."""

    audit_values_key: SecretKey
    """Seals the keys of capture days in the database. This key and the database together yield the salts."""

    audit_values_old_keys: SecretKeys = SecretStr("")
    """Former values of that key, separated by spaces: each one that still seals the key of a day."""

    audit_watch_s: Annotated[float, Field(gt=0)] = 5.0
    """Seconds between two runs of the rules over new entries."""

    audit_batch_entries: Annotated[int, Field(ge=1, le=20_000)] = 2_000
    """The most entries that one transaction appends."""

    audit_refusals: Annotated[int, Field(ge=1)] = 5
    audit_refusals_minutes: Annotated[int, Field(ge=1)] = 15
    """This many refused accesses of one person within this many minutes raise a finding."""

    audit_searches_per_hour: Annotated[int, Field(ge=1)] = 60
    """More searches than this by one person within an hour raise a finding."""

    audit_plate_searches: Annotated[int, Field(ge=2)] = 10
    audit_plate_cases: Annotated[int, Field(ge=2)] = 3
    audit_plate_days: Annotated[int, Field(ge=1)] = 30
    """One person's searches of one plate raise a finding if there are this many, or for this many cases, within this
    many days."""

    audit_corrections_per_day: Annotated[int, Field(ge=1)] = 30
    """More corrections of reads than this by one person in a day (UTC) raise a finding."""

    audit_plate_corrections: Annotated[int, Field(ge=2)] = 5
    """This many reads of one plate, corrected to others by one person within `audit_plate_days`, raise a finding."""

    audit_late_minutes: Annotated[int, Field(ge=1)] = 30
    """An entry appended this long after its event raises a finding: an outbox or the log was stopped."""

    audit_gap_minutes: Annotated[int, Field(ge=1)] = 15
    """A disclosure raises a finding if the log lacks its attempt after this long."""

    audit_due_days: Annotated[int, Field(ge=1)] = 90
    """The next audit is overdue this many days after the last sign-off (policy 468.6(c))."""

    audit_stall_minutes: Annotated[float, Field(gt=0, le=60)] = 5.0
    """A consumer that is stopped for this long raises a finding (CJIS AU-5: within an hour)."""

    audit_disk_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds between two checks of the disks of Kafka's brokers."""

    audit_disk_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """A broker's disk raises a finding if this share or more is in use."""

    audit_event_mac_keys: Annotated[SecretStr, AfterValidator(_mac_keys)]
    """Every service's EVENT_MAC_KEY, as `service:key`, separated by spaces. During a change of keys it has the
    previous key too, as `service:key@time`: audit accepts it until that time, 30 days ahead at most (ADR-0022)."""

    @property
    def mac_keys(self) -> list[AcceptedKey]:
        """The keys whose MACs audit accepts."""
        return parse_keys(self.audit_event_mac_keys.get_secret_value())

    @property
    def vault(self) -> Vault:
        """The vault that seals the keys of capture days."""
        others = [key_bytes(key) for key in keys_of(self.audit_values_old_keys)]
        return Vault(key_bytes(self.audit_values_key), others)
