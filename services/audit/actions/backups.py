"""Records backups and restores in the log (ADR-0072)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.preparation import entry_from
from services.audit.store.log import Head, Log
from shared.events import Actor, AdministrativeEvent, BackupMade, BackupRestored
from shared.postgres.outbox import emit


@dataclass(frozen=True)
class BackedUpLog:
    """The log in a backup."""

    backup: str
    """The backup's name."""

    made_at: datetime
    origin: str
    entries: int
    root_hash: str
    """Base64."""


@dataclass(frozen=True)
class BroughtBack:
    """A log that was restored or imported: by whom, when and why, and how far its witnesses agree with it."""

    log: BackedUpLog
    actor: Actor
    at: datetime
    reason: str
    witnessed_entries: int | None
    """None without a witness, and below too."""

    agrees_to: int | None


Record = Callable[[AsyncConnection, str, BroughtBack], Awaitable[None]]
"""Appends what was done as the log's next entry, in the connection's transaction, for the service that is named."""


async def record_backup(
    connection: AsyncConnection,
    service: str,
    actor: Actor,
    made: BackedUpLog,
    *,
    at: datetime,
    ends_at: datetime,
    manifest_sha256: str,
    keys_to: str | None,
) -> None:
    """Publish that a backup was made."""
    event = BackupMade(
        occurred_at=at,
        actor=actor,
        backup=made.backup,
        ends_at=ends_at,
        origin=made.origin,
        entries=made.entries,
        root_hash=made.root_hash,
        manifest_sha256=manifest_sha256,
        keys_to=keys_to,
    )
    await emit(connection, service, event)


async def record_objects(
    connection: AsyncConnection,
    service: str,
    actor: Actor,
    restored: BackedUpLog,
    *,
    at: datetime,
    reason: str,
    objects: int,
) -> None:
    """Publish that objects were restored, and nothing else."""
    event = _event_of(restored, actor, at, reason)
    await emit(connection, service, replace(event, objects=objects))


async def record_restore(connection: AsyncConnection, service: str, back: BroughtBack) -> None:
    """Append the entry that follows the last one of the backup, before any other does."""
    event = replace(
        _event_of(back.log, back.actor, back.at, back.reason),
        witnessed_entries=back.witnessed_entries,
        agrees_to=back.agrees_to,
    )
    await append_first(connection, service, event, back.at)


async def append_first(
    connection: AsyncConnection, service: str, event: AdministrativeEvent, at: datetime
) -> None:
    """Append an event as the log's next entry in this transaction, and publish it."""
    log = Log(connection)
    await log.lock()
    await log.append(await log.head(Head()), [entry_from(event, service)], at)
    # Publish the event like every other; the consumer recognises it as already appended.
    await emit(connection, service, event)


def _event_of(restored: BackedUpLog, actor: Actor, at: datetime, reason: str) -> BackupRestored:
    """Return the event of a restore, without what it restored or found."""
    return BackupRestored(
        occurred_at=at,
        actor=actor,
        backup=restored.backup,
        made_at=restored.made_at,
        origin=restored.origin,
        entries=restored.entries,
        root_hash=restored.root_hash,
        reason=reason,
    )
