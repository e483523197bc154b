"""The previous log, whose entries contain in plaintext the values that this log seals.

The service closes it once: it signs and hashes the export up to the last entry, and entry 0 of this log commits
to the root, size and export. The previous log is then read-only until the service destroys it whole, on the
schedule of access records.
"""

import logging
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.export import lines_of_old
from services.audit.actions.preparation import entry_from
from services.audit.domain.entries import Entry
from services.audit.settings import SigningSettings
from services.audit.store.checkpoints import Checkpoints, Signed
from services.audit.store.log import OLD, Head, Log
from services.audit.store.old_log import OldLogRows
from shared.core.ids import derive_id
from shared.core.merkle import Hash
from shared.core.policy import Policy
from shared.core.signed_notes import Checkpoint
from shared.events import Actor, LogClosed, LogDestroyed
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)


class OldLog:
    """Closes the previous log and finds its events."""

    def __init__(self, settings: SigningSettings, service: str) -> None:
        self._signer = settings.old_signer
        self._service = service
        self._is_there: bool | None = None

    async def known(self, connection: AsyncConnection, ids: Sequence[UUID]) -> dict[UUID, Hash]:
        """Return the leaf hashes of the events that are in the previous log."""
        if self._is_there is None:
            self._is_there = await Log(connection, OLD).size() > 0
        if not self._is_there or not ids:
            return {}
        return {i: known.leaf for i, known in (await Log(connection, OLD).known(ids)).items()}

    async def close(self, connection: AsyncConnection, at: datetime) -> list[Entry]:
        """Sign the old log's end; return entry 0 of this log, or an empty list if there is no old log.

        Call it under the log's lock, while this log has no entry.
        """
        head = await Log(connection, OLD).head(Head())
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
            export_sha256=await self._export(connection, head.size),
        )
        await emit(connection, self._service, event)
        return [entry_from(event, self._service)]

    async def _export(self, connection: AsyncConnection, size: int) -> str:
        """Return the SHA-256 of the old log's export.

        Does not store the bytes: they would be another copy of sightings in plaintext, and each export repeats them.
        """
        digest = sha256()
        async for piece in lines_of_old(connection, self._signer.verifier.name, size):
            digest.update(piece)
        return digest.hexdigest()

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


class OldLogEnd:
    """Destroys the previous log once it is due, in one transaction with the entry that records it."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime

    async def destroy_if_due(self) -> bool:
        """Destroy the previous log if it is due; return whether it was destroyed.

        Raises: DBAPIError if the database refuses.
        """
        policy, now = self._runtime.policy, self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            due = await OldLogRows(connection).due(policy.access_records.kept_years)
            if due is None or now < due:
                return False
            if missing := policy.retention.missing_authority:
                log.error(
                    "the old log is due but not destroyed: the policy lacks %s", ", ".join(missing)
                )
                return False
            await self._destroy(connection, policy, now)
        log.info("the log before this one was destroyed")
        return True

    async def _destroy(self, connection: AsyncConnection, policy: Policy, now: datetime) -> None:
        this = Log(connection)
        await this.lock()
        closed = msgspec.json.decode((await this.entry(0)).content)["data"]
        newest_at = await OldLogRows(connection).newest_at()
        event = LogDestroyed(
            event_id=derive_id("log-destroyed", closed["origin"], closed["size"]),
            occurred_at=now,
            actor=Actor.software(self._runtime.service, policy.department.ori),
            origin=closed["origin"],
            size=closed["size"],
            root_hash=closed["root_hash"],
            newest_at=newest_at,
            kept_years=policy.access_records.kept_years,
            schedule_id=policy.retention.schedule_id,
            resolution_id=policy.retention.resolution_id,
            attorney_consent_id=policy.retention.attorney_consent_id,
        )
        await OldLogRows(connection).destroy(event.event_id, event.kept_years)
        head = await this.head(Head())
        await this.append(head, [entry_from(event, self._runtime.service)], now)
        # Publish the event like every other; the consumer recognises it as already appended.
        await emit(connection, self._runtime.service, event)
