"""The log before this one, whose entries hold in plaintext what is sealed now.

It is closed once: signed at its last entry, and entry 0 of this log commits to its root and size. After
that it is only read, until it is destroyed whole.
"""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.entries import Entry, entry_from
from services.audit.settings import SigningSettings
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.log import OLD, Head, Log
from shared.events import LogClosed
from shared.ids import derive_id
from shared.merkle import Hash
from shared.notes import Checkpoint
from shared.outbox import emit


class OldLog:
    """Closes the log before this one, and knows its events."""

    def __init__(self, settings: SigningSettings, service: str) -> None:
        self._signer = settings.old_signer
        self._service = service
        self._is_there: bool | None = None

    async def known(self, connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Hash]:
        """Return the leaf hashes of those events that are in the log before this one."""
        if self._is_there is None:
            self._is_there = await Log(connection, OLD).size() > 0
        if not self._is_there or not ids:
            return {}
        return {i: known.leaf for i, known in (await Log(connection, OLD).known(ids)).items()}

    async def close(self, connection: AsyncConnection, at: datetime) -> list[Entry]:
        """Sign the old log's end; return entry 0 of this log, or nothing where there is no old log.

        Call it under the log's lock, while this log has no entry.
        """
        log = Log(connection, OLD)
        head = await log.head(Head())
        if not head.size:
            return []
        signed = await self._sign(connection, head, at)
        event = LogClosed(
            event_id=derive_id("log-closed", self._signer.verifier.name, head.size),
            occurred_at=at,
            origin=self._signer.verifier.name,
            size=head.size,
            root_hash=b64encode(head.frontier.root()).decode(),
            note=signed.note,
        )
        await emit(connection, self._service, event)
        return [entry_from(event, self._service)]

    async def _sign(self, connection: AsyncConnection, head: Head, at: datetime) -> Signed:
        checkpoints = Checkpoints(connection, OLD)
        latest = await checkpoints.latest()
        if latest is not None and latest.size == head.size:
            return latest
        verifier = self._signer.verifier
        previous = 0 if latest is None else latest.size
        root = head.frontier.root()
        note = self._signer.sign(
            Checkpoint(verifier.name, head.size, root, head.last, previous).text
        )
        signed = Signed(head.size, root, note, verifier.key_id, at)
        await checkpoints.add(signed)
        return signed
