"""Records exports of the log before their first byte.

The command line has no guard, so this module records all its exports; for the API it records those of sealed values.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.preparation import entry_from
from services.audit.store.log import Head, Log
from services.audit.store.values import Values
from shared.core.ids import new_id
from shared.core.permissions import Permission
from shared.core.trace import new_request_id
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    PurposeRecord,
    RecordsDisclosed,
    ValuesExported,
)
from shared.postgres.outbox import emit


@dataclass(frozen=True)
class LogExport:
    """An export of the log's entries `first` to `end` - 1, with its person and purpose."""

    attempt_id: UUID
    actor: Actor
    purpose: PurposeRecord
    request_id: str
    first: int
    end: int
    old_log: bool = False
    """Whether the export is of the previous log."""


async def log_values_export(
    connection: AsyncConnection, service: str, origin: str, exported: LogExport, at: datetime
) -> None:
    """Append the entry that records an export of sealed values.

    Appends it directly and not through Kafka, so that the log has it before the export begins. Call this after the
    checkpoint for the export's end is signed, and commit the transaction before the first byte is sent.
    """
    log = Log(connection)
    await log.lock()
    event = ValuesExported(
        occurred_at=at,
        actor=exported.actor,
        attempt_id=exported.attempt_id,
        purpose=exported.purpose,
        request_id=exported.request_id,
        origin=origin,
        first=exported.first,
        end=exported.end,
        values=exported.end
        if exported.old_log
        else await Values(connection).count(exported.first, exported.end),
        old_log=exported.old_log,
    )
    head = await log.head(Head())
    await log.append(head, [entry_from(event, service)], at)
    # Publish the event like every other; the consumer recognises it as already appended.
    await emit(connection, service, event)


async def record_export(
    connection: AsyncConnection,
    service: str,
    actor: Actor,
    purpose: PurposeRecord,
    size: int,
    *,
    values: bool,
    old_log: bool = False,
) -> LogExport:
    """Record `actor`'s export of the log's first `size` entries by the command line, before the file is written."""
    now = datetime.now(UTC)
    exported = LogExport(new_id(), actor, purpose, new_request_id(), 0, size, old_log)
    disclosed = RecordsDisclosed(
        occurred_at=now,
        attempt_id=exported.attempt_id,
        actor=actor,
        service=service,
        permission=Permission.AUDIT_READ.value,
        record_kind="old_audit_entries" if old_log else "audit_entries",
        records=[DisclosedDay(shown=[DisclosedRecord(record_id=f"0-{size - 1}")])] if size else [],
        count=size,
        purpose=purpose,
        request_id=exported.request_id,
    )
    await emit(connection, service, _attempt(service, exported, now, values=values), disclosed)
    return exported


async def record_refusal(
    connection: AsyncConnection, service: str, actor: Actor, purpose: PurposeRecord, reason: str
) -> None:
    """Record that the command line refused `actor` an export."""
    exported = LogExport(new_id(), actor, purpose, new_request_id(), 0, 0)
    now = datetime.now(UTC)
    await emit(connection, service, _attempt(service, exported, now, values=True, reason=reason))


def _attempt(
    service: str, exported: LogExport, now: datetime, *, values: bool, reason: str | None = None
) -> AccessAttempted:
    return AccessAttempted(
        occurred_at=now,
        attempt_id=exported.attempt_id,
        actor=exported.actor,
        service=service,
        permission=Permission.AUDIT_READ.value,
        method="CLI",
        route="export",
        elements={
            "first": exported.first,
            "end": exported.end,
            "with_values": values,
            "old_log": exported.old_log,
        },
        allowed=reason is None,
        reason=reason,
        purpose=exported.purpose,
        request_id=exported.request_id,
        client_address="",
    )
