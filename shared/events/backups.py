"""Backups of the installation, and restores from them."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import AdministrativeEvent


class BackupMade(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A backup of database, objects and keys was made (ADR-0072)."""

    TOPIC: ClassVar[str] = "alpr.backup.made"
    KEYED_BY: ClassVar[str] = "backup"

    backup: str  # its name, the time of its snapshot
    ends_at: datetime  # when it is deleted, by the policy
    origin: str  # of the log
    entries: int  # of the log in it
    root_hash: str  # base64
    manifest_sha256: str  # lower-case hex
    keys_to: str | None = None  # the public half that its keys are sealed to, base64


class BackupRestored(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The installation was restored from a backup: this entry is the first after those of the backup.

    With `objects` only so many objects were, and the log is unchanged. Otherwise entries that the log had after the
    backup are lost. `witnessed_entries` is the size of the largest checkpoint of
    that log that was presented, and `agrees_to` the size up to which this log is proved to be the same.
    """

    TOPIC: ClassVar[str] = "alpr.backup.restored"
    KEYED_BY: ClassVar[str] = "backup"

    backup: str
    made_at: datetime
    origin: str
    entries: int
    root_hash: str  # base64
    reason: str
    witnessed_entries: int | None = None
    agrees_to: int | None = None
    objects: int | None = None
