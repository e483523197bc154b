"""Begins exports of the log for people: the log has each on record before its first byte is sent."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.access_record import LogExport, log_values_export
from services.audit.actions.export import lines, lines_of_old
from services.audit.actions.writer import Writer
from services.audit.domain.exports import WantedExport, span_of
from services.audit.settings import Settings
from services.audit.store.log import OLD, Log
from services.audit.store.search import Entries
from shared.access.grant import Grant
from shared.core.merkle import Span
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Begun:
    """An export that is on record."""

    wanted: WantedExport
    origin: str
    span: Span
    note: str | None
    """The checkpoint for the span's end; None for the log before this one, or under a former key."""

    async def lines(self, connection: AsyncConnection) -> AsyncIterator[bytes]:
        """Yield the export in pieces of whole lines, from one snapshot of the log. Raises: as `export.lines`."""
        if self.wanted.old_log:
            await Log(connection).snapshot()
            exported = lines_of_old(connection, self.origin, self.span.end)
        else:
            values = self.wanted.with_values
            exported = lines(connection, self.origin, self.span, self.note, values=values)
        async for piece in exported:
            yield piece


async def begin(
    settings: Settings, writer: Writer, work: UnitOfWork, grant: Grant, wanted: WantedExport
) -> Begun:
    """Record an export and sign its end; return it. Write it only after the commit.

    Raises: InvalidInput for entries that the log does not export; Unavailable without the log's signing key.
    """
    log = Log(work.connection)
    if wanted.with_values:
        await log.lock()  # so that the log does not grow before the entry that records the export
    size = await Log(work.connection, OLD if wanted.old_log else "").size()
    span = span_of(wanted, size)
    await Entries(work.connection).disclose_span(
        grant, *span, values=wanted.with_values, old_log=wanted.old_log
    )
    note = None if wanted.old_log else await writer.sign_for(work.connection, span.end)
    origin = settings.audit_origin if wanted.old_log else settings.log_origin
    if wanted.with_values:
        exported = LogExport(
            attempt_id=grant.attempt_id,
            actor=grant.actor,
            purpose=grant.declared.record,
            request_id=grant.request_id,
            first=span.start,
            end=span.end,
            old_log=wanted.old_log,
        )
        await log_values_export(work.connection, work.service, origin, exported, grant.now)
    return Begun(wanted, origin, span, note)
