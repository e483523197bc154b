"""Purges, and the lists of destroyed records."""

from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Literal
from uuid import UUID

import msgspec

from shared.core.errors import InternalFault
from shared.events.base import AdministrativeEvent, Event, Sealing


class PurgeChanged(AdministrativeEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A step of a purge run: proposed, authorised, refused, executed, certified."""

    TOPIC: ClassVar[str] = "alpr.purge.changed"
    KEYED_BY: ClassVar[str] = "run_id"
    SEALED: ClassVar[Sealing | None] = Sealing(
        group="details",
        open=frozenset(["actor", "run_id", "change"]),
        inside={
            "details": frozenset(
                [
                    "basis",
                    "before",
                    "captures",
                    "certificate_sha256",
                    "checkpoint",
                    "key_id",
                    "kept_under_hold",
                    "kind",
                    "months_dropped",
                    "objects",
                    "policy_digest",
                    "route",
                    "purged_root",
                    "reads",
                    "reason",
                    "without_record",
                ]
            )
        },
    )

    run_id: UUID
    change: Literal["proposed", "authorised", "refused", "executed", "certified"]
    details: dict[str, Any] = {}


class PurgeMissed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Records that no hold keeps are long past the schedule, and no purge that reaches them was proposed, authorised,
    begun or executed meanwhile."""

    TOPIC: ClassVar[str] = "alpr.purge.missed"

    oldest_on: date  # day (UTC) of the oldest such record
    schedule_days: int
    overdue_days: int  # past the schedule, by the policy


class PurgeList(msgspec.Struct, frozen=True, kw_only=True):
    """The location and the proofs of the list of a run's records (docs/purge-list.md)."""

    key: str  # of the manifest in the object store
    sha256: str  # of the manifest, lower-case hex
    purged: int  # captures and reads that the run destroyed
    purged_root: str  # Merkle tree hash over their lines (RFC 6962), lower-case hex
    held: int  # captures and reads from before that holds keep
    held_root: str


class RecordsPurged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Retention destroyed the records older than `before`, except held ones; other services delete their copies."""

    TOPIC: ClassVar[str] = "alpr.records.purged"

    run_id: UUID
    before: datetime
    reads: int
    captures: int
    objects: int
    kept_under_hold: int
    purge_list: PurgeList | None = None  # None for runs from before lists existed


def check_floor(purged: RecordsPurged, floor_days: int, now: datetime) -> None:
    """Raise InternalFault for a purge that reaches into the last `floor_days` days, the legal floor, or has no zone."""
    if purged.before.tzinfo is None:
        raise InternalFault("the time before which a purge destroys needs an offset from UTC")
    if purged.before > now - timedelta(days=floor_days):
        raise InternalFault(
            f"a purge may not reach the last {floor_days} days (Government Code 34090.6)"
        )
