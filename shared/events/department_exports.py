"""Exports of everything that a department has, and imports of them elsewhere."""

from datetime import datetime
from typing import ClassVar

from shared.events.base import AdministrativeEvent


class ExportBegun(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A person began an export of everything that the department has; the log has this before the first file."""

    TOPIC: ClassVar[str] = "alpr.export.begun"
    KEYED_BY: ClassVar[str] = "export"

    export: str  # its name, the time at which it began
    reason: str
    keys_to: str | None = None  # the public half that its keys are sealed to, base64


class ExportMade(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An export of everything that the department has is finished (ADR-0082)."""

    TOPIC: ClassVar[str] = "alpr.export.made"
    KEYED_BY: ClassVar[str] = "export"

    export: str
    made_at: datetime  # of its snapshot
    ends_at: datetime  # by when it is imported or destroyed, by the policy
    origin: str  # of the log
    entries: int  # of the log in it
    root_hash: str  # base64
    manifest_sha256: str  # lower-case hex
    rows: int
    objects: int


class ExportImported(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """An export was imported into an empty installation: this entry is the first after those of the export.

    `witnessed_entries` is the size of the largest checkpoint of that log that was presented, and `agrees_to` the size
    up to which this log is proved to be the same.
    """

    TOPIC: ClassVar[str] = "alpr.export.imported"
    KEYED_BY: ClassVar[str] = "export"

    export: str
    made_at: datetime
    origin: str
    entries: int
    root_hash: str  # base64
    reason: str
    witnessed_entries: int | None = None
    agrees_to: int | None = None
