"""Signs and stores checkpoints in the caller's transaction, and changes the signing key."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.preparation import entry_from
from services.audit.domain.problem_codes import Code
from services.audit.domain.succession import SIGNS
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.keys import KeyChanges
from services.audit.store.log import Head, Log
from shared.core.errors import InternalFault, Unavailable
from shared.core.signed_notes import Checkpoint, Signer
from shared.events import Actor, CheckpointSigned, SigningKeyChanged
from shared.postgres.outbox import emit


class KeyMissing(Unavailable):
    """This process does not have the key that signs the log's checkpoints."""


class Checkpointer:
    """Signs with the log's keys. Call its methods under the log's lock: two processes then never sign the same size."""

    def __init__(self, signers: Sequence[Signer], service: str) -> None:
        """`signers`: the signer of the current key and, during a change, that of the next key."""
        self._signers = signers
        self._service = service

    async def newest(self, connection: AsyncConnection) -> int:
        """Return the size of the newest checkpoint; 0 if there is none."""
        return await Checkpoints(connection).newest()

    async def sign(self, connection: AsyncConnection, head: Head, at: datetime) -> Signed:
        """Sign the log up to `head`, store the checkpoint and publish it.

        Raises: KeyMissing if this process lacks the log's key.
        """
        return await self._put(connection, await self._in_force(connection), head, at)

    async def _put(
        self, connection: AsyncConnection, signer: Signer, head: Head, at: datetime
    ) -> Signed:
        root, previous = head.frontier.root(), await self.newest(connection)
        checkpoint = Checkpoint(signer.verifier.name, head.size, root, head.last, previous)
        note, key_id = signer.sign(checkpoint.text), signer.verifier.key_id
        signed = Signed(checkpoint.size, root, note, key_id, at)
        await Checkpoints(connection).add(signed)
        event = CheckpointSigned(
            occurred_at=signed.signed_at,
            origin=signer.verifier.name,
            size=signed.size,
            root_hash=b64encode(signed.root_hash).decode(),
            note=signed.note,
        )
        await emit(connection, self._service, event)
        return signed

    async def sign_for(self, connection: AsyncConnection, size: int, at: datetime) -> str | None:
        """Return the note of a checkpoint for exactly the first `size` entries, at least one, for an export's end.

        Stores and publishes the checkpoint only if it covers the whole log. A smaller one needs no storage: signing
        the same text again gives the same signature, and the stored checkpoints stay a complete chain. Returns None
        if a former key was in force at that size: it no longer signs, so the export uses a larger checkpoint.

        Raises: KeyMissing if this process lacks the log's key.
        """
        if (known := await Checkpoints(connection).at(size)) is not None:
            return known.note
        if size > await self.newest(connection):
            head = await Log(connection).head(Head())
            if head.size == size:
                return (await self.sign(connection, head, at)).note
        return await self.closing_for(connection, size)

    async def closing_for(self, connection: AsyncConnection, size: int) -> str | None:
        """Return the note of a checkpoint for exactly the first `size` entries, at least one; stores nothing.

        Returns None if a former key was in force at that size. Raises: KeyMissing if this process lacks the log's key.
        """
        log, checkpoints = Log(connection), Checkpoints(connection)
        if (known := await checkpoints.at(size)) is not None:
            return known.note
        changes = await KeyChanges(connection).all()
        if changes and size <= changes[-1].last_size:
            return None
        signer = await self._in_force(connection)
        checkpoint = Checkpoint(
            signer.verifier.name,
            size,
            await log.root(size),
            (await log.entry(size - 1)).entry_hash,
            await checkpoints.newest(below=size),
            closing=True,
        )
        return signer.sign(checkpoint.text)

    async def change_key(
        self, connection: AsyncConnection, actor: Actor, reason: str, at: datetime
    ) -> SigningKeyChanged:
        """Append the entry that changes to the other key, and sign the log up to that entry with the old key.

        Raises: KeyMissing if this process lacks the log's key; InternalFault if there is no other key, the log has
        used it before, or the log is empty.
        """
        log = Log(connection)
        old = await self._in_force(connection)
        others = [signer for signer in self._signers if signer.verifier != old.verifier]
        if not others:
            raise InternalFault(
                "give the next key as AUDIT_NEXT_SIGNING_KEY, beside the one in force"
            )
        new = others[0].verifier
        changes = await KeyChanges(connection).all()
        if any(new in (change.old, change.new) for change in changes):
            raise InternalFault(f"{new.key_id} was the log's key before: give a new key")
        head = await log.head(Head())
        if not head.size:
            raise InternalFault(
                "the log has no entry: start it with the new key as AUDIT_SIGNING_KEY"
            )
        event = SigningKeyChanged(
            occurred_at=at,
            actor=actor,
            signs=SIGNS,
            old_key=old.verifier.vkey,
            new_key=new.vkey,
            reason=reason,
        )
        await log.append(head, [entry_from(event, self._service)], at)
        await self._put(connection, old, head, at)
        # Publish the event like every other; the consumer recognises it as already appended.
        await emit(connection, self._service, event)
        return event

    async def _in_force(self, connection: AsyncConnection) -> Signer:
        """Return the signer of the log's key, which its last change names, or else its latest checkpoint.

        A new log uses the first signer. Raises: KeyMissing.
        """
        changes = await KeyChanges(connection).all()
        if changes:
            key_id = changes[-1].new.key_id
        elif (latest := await Checkpoints(connection).latest()) is not None:
            key_id = latest.key_id
        else:
            return self._signers[0]
        for signer in self._signers:
            if signer.verifier.key_id == key_id:
                return signer
        raise KeyMissing(Code.LOG_KEY_MISSING, key_id=key_id)
