"""Records exports of everything that the department has, and imports of them, in the log (ADR-0082)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.backups import BackedUpLog, BroughtBack, append_first
from shared.events import Actor, ExportBegun, ExportImported, ExportMade
from shared.postgres.outbox import emit


async def record_begun(
    connection: AsyncConnection,
    service: str,
    actor: Actor,
    export: str,
    *,
    at: datetime,
    reason: str,
    keys_to: str | None,
) -> None:
    """Append the entry that names who exports and why. Commit it before the first byte is written."""
    await append_first(
        connection,
        service,
        ExportBegun(occurred_at=at, actor=actor, export=export, reason=reason, keys_to=keys_to),
        at,
    )


async def record_made(
    connection: AsyncConnection,
    service: str,
    actor: Actor,
    made: BackedUpLog,
    *,
    at: datetime,
    ends_at: datetime,
    manifest_sha256: str,
    rows: int,
    objects: int,
) -> None:
    """Publish that an export is finished."""
    event = ExportMade(
        occurred_at=at,
        actor=actor,
        export=made.backup,
        made_at=made.made_at,
        ends_at=ends_at,
        origin=made.origin,
        entries=made.entries,
        root_hash=made.root_hash,
        manifest_sha256=manifest_sha256,
        rows=rows,
        objects=objects,
    )
    await emit(connection, service, event)


async def record_imported(connection: AsyncConnection, service: str, back: BroughtBack) -> None:
    """Append the entry that follows the last one of the export, before any other does."""
    imported = back.log
    event = ExportImported(
        occurred_at=back.at,
        actor=back.actor,
        export=imported.backup,
        made_at=imported.made_at,
        origin=imported.origin,
        entries=imported.entries,
        root_hash=imported.root_hash,
        reason=back.reason,
        witnessed_entries=back.witnessed_entries,
        agrees_to=back.agrees_to,
    )
    await append_first(connection, service, event, back.at)
