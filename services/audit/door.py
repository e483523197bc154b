"""The access record of who takes the log out by the command line, where no guard stands."""

from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.access import Permission
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    PurposeRecord,
    RecordsDisclosed,
)
from shared.outbox import emit


async def record_export(
    connection: AsyncConnection, service: str, actor: Actor, reason: str, size: int
) -> None:
    """Record that `actor` takes out the log's first `size` entries, before they are written."""
    now, attempt_id, request_id = datetime.now(UTC), uuid4(), str(uuid4())
    purpose = PurposeRecord(kind="audit", justification=reason)
    attempt = AccessAttempted(
        occurred_at=now,
        attempt_id=attempt_id,
        actor=actor,
        service=service,
        permission=Permission.AUDIT_READ.value,
        method="CLI",
        route="export",
        elements={"first": 0, "end": size},
        allowed=True,
        purpose=purpose,
        request_id=request_id,
        client_address="",
    )
    disclosed = RecordsDisclosed(
        occurred_at=now,
        attempt_id=attempt_id,
        actor=actor,
        service=service,
        permission=Permission.AUDIT_READ.value,
        record_kind="audit_entries",
        records=[DisclosedDay(shown=[DisclosedRecord(record_id=f"0-{size - 1}")])] if size else [],
        count=size,
        purpose=purpose,
        request_id=request_id,
    )
    await emit(connection, service, attempt, disclosed)
