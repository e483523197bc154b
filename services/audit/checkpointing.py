"""Signs checkpoints and puts them on record, in the transaction of whoever asks."""

from base64 import b64encode
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.log import Head, Log
from shared.events import CheckpointSigned
from shared.merkle import Hash
from shared.notes import Checkpoint, Signer
from shared.outbox import emit


class Checkpointer:
    """Holds the key. Call it under the log's lock, so that nobody signs the same size beside it."""

    def __init__(self, signer: Signer, service: str) -> None:
        self._signer = signer
        self._service = service

    async def newest(self, connection: AsyncConnection) -> int:
        """Return the size of the newest checkpoint; 0 if there is none."""
        latest = await Checkpoints(connection).latest()
        return latest.size if latest is not None else 0

    async def sign(self, connection: AsyncConnection, head: Head, at: datetime) -> Signed:
        """Sign the log as it ends at `head`, put that on record and publish it."""
        previous = await self.newest(connection)
        signed = self._signed(head.size, head.frontier.root(), head.last, previous, at)
        await Checkpoints(connection).add(signed)
        event = CheckpointSigned(
            occurred_at=signed.signed_at,
            origin=self._signer.verifier.name,
            size=signed.size,
            root_hash=b64encode(signed.root_hash).decode(),
            note=signed.note,
        )
        await emit(connection, self._service, event)
        return signed

    async def sign_for(self, connection: AsyncConnection, size: int, at: datetime) -> Signed:
        """Return a checkpoint for exactly the first `size` entries: as on record, or signed now.

        Publishes it only if it is the newest: followers of the topic keep the last that they see.
        """
        log, checkpoints = Log(connection), Checkpoints(connection)
        if (known := await checkpoints.at(size)) is not None:
            return known
        if size > await self.newest(connection):
            head = await log.head(Head())
            if head.size == size:
                return await self.sign(connection, head, at)
        last = (await log.entry(size - 1)).entry_hash
        signed = self._signed(size, await log.root(size), last, None, at)
        await checkpoints.add(signed)
        return signed

    def _signed(
        self, size: int, root: Hash, last: Hash, previous: int | None, at: datetime
    ) -> Signed:
        verifier = self._signer.verifier
        note = self._signer.sign(Checkpoint(verifier.name, size, root, last, previous).text)
        return Signed(size, root, note, verifier.key_id, at)
