"""Appends messages to the log: each event once, a whole batch in one commit, one writer at a time."""

import logging
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.checkpointing import Checkpointer, KeyMissing
from services.audit.entries import Entry, entry_of
from services.audit.makers import FORGED, Forged, Makers, Suspect, forged_event
from services.audit.settings import Settings
from services.audit.store.findings import Findings, a_finding, contradiction
from services.audit.store.log import Head, Log
from shared.codec import Message
from shared.consumer import SomeRefused
from shared.errors import AlprError, Conflict, Malformed
from shared.runtime import Runtime

log = logging.getLogger(__name__)


class Writer:
    """The log's one pen. Several processes may hold one: the lock lets one write at a time."""

    def __init__(self, runtime: Runtime, settings: Settings) -> None:
        self._runtime = runtime
        self._checkpointer = Checkpointer(settings.signers, runtime.service)
        self._every = settings.audit_checkpoint_entries
        self._batch = settings.audit_batch_entries
        self.makers = Makers(settings.mac_keys)
        self._head = Head()
        self._signed = 0

    async def take(self, messages: Sequence[Message]) -> None:
        """Append what is new in `messages` and proves who made it; returns once it is durable.

        Raises: SomeRefused naming the messages that do not, once the others are appended; Malformed
        for what is no event; Conflict for an event whose id stands in the log with other content.
        After those two nothing of the batch was appended.
        """
        refused: list[tuple[Message, AlprError]] = []
        for start in range(0, len(messages), self._batch):
            some = messages[start : start + self._batch]
            try:
                entries = [entry_of(message) for message in some]
            except Malformed as exc:
                if len(messages) == 1:  # the consumer has narrowed it down: this is the one
                    await self._not_logged(messages[0], exc)
                raise
            now = self._runtime.clock.now()
            proved: list[Entry] = []
            unproved: list[Suspect] = []
            for message, entry in zip(some, entries, strict=True):
                fault = self.makers.unproved(message, entry, now)
                if fault is None:
                    proved.append(entry)
                else:
                    unproved.append(Suspect(message, entry, fault))
            await self._append(proved)
            if unproved:
                refused += await self._refuse(unproved)
        if refused:
            raise SomeRefused(refused)

    async def sign_if_grown(self, by: int = 1) -> bool:
        """Sign a checkpoint if the log has grown `by` entries since the last; return whether."""
        async with self._runtime.db.begin() as connection:
            entries = Log(connection)
            await entries.lock()
            head = await entries.head(self._head)
            return await self._sign(connection, head, by)

    async def sign_for(self, connection: AsyncConnection, size: int) -> str | None:
        """Return a checkpoint for exactly the first `size` entries, as `Checkpointer.sign_for` does."""
        await Log(connection).lock()
        return await self._checkpointer.sign_for(connection, size, self._runtime.clock.now())

    async def sign_what_is_left(self) -> None:
        """Sign the newest entries, at start and stop; a failure is logged and holds nothing up."""
        try:
            await self.sign_if_grown()
        except AlprError as exc:
            log.warning("the newest entries are not signed: %s", exc.detail)
        except Exception:
            log.exception("the newest entries are not signed")

    async def _append(self, entries: Sequence[Entry]) -> None:
        first: dict[object, Entry] = {}
        for entry in entries:
            first.setdefault(entry.found.event_id, entry)
        if not entries:
            return
        async with self._runtime.db.begin() as connection:
            log = Log(connection)
            await log.lock()
            known = await log.known([entry.found.event_id for entry in first.values()])
            leaves = {event_id: entry.leaf for event_id, entry in first.items()} | known
            wrong = next((e for e in entries if e.leaf != leaves[e.found.event_id]), None)
            fresh = [entry for event_id, entry in first.items() if event_id not in known]
            head = self._head
            if wrong is None and fresh:
                head = await log.head(self._head)
                await log.append(head, fresh, self._runtime.clock.now())
                if head.size - self._signed >= self._every:
                    await self._sign(connection, head, self._every)
        self._head = head  # only now: what did not commit is not remembered
        if wrong is not None:
            await self._contradicted(wrong, leaves[wrong.found.event_id])

    async def _refuse(self, suspects: Sequence[Suspect]) -> list[tuple[Message, AlprError]]:
        """Raise findings of events that do not prove who made them; return what is dead-lettered.

        An event that stands in the log word for word is a redelivery from before MACs or before a
        key's end: there is nothing to append and nothing to find.
        """
        async with self._runtime.db.begin() as connection:
            known = await Log(connection).known([s.entry.found.event_id for s in suspects])
            forged = [s for s in suspects if known.get(s.entry.found.event_id) != s.entry.leaf]
            findings = Findings(connection, self._runtime.service)
            for suspect in forged:
                await findings.raise_once(forged_event(suspect, self._runtime.clock.now()))
        for suspect in forged:
            FORGED.labels(suspect.message.topic).inc()
        return [(s.message, Forged(s.fault.fault)) for s in forged]

    async def _not_logged(self, message: Message, exc: Malformed) -> None:
        """Raise a finding that something goes to the dead letters and not into the log."""
        place = f"{message.topic}/{message.partition}/{message.offset}"
        now = self._runtime.clock.now()
        finding = a_finding(
            "not_logged", message.topic, now, place, kafka_place=place, why=exc.detail
        )
        async with self._runtime.db.begin() as connection:
            await Findings(connection, self._runtime.service).raise_once(finding)

    async def _contradicted(self, wrong: Entry, kept: bytes) -> None:
        """Raise a finding, which commits, and then Conflict: the event goes to the dead letters."""
        async with self._runtime.db.begin() as connection:
            finding = contradiction(wrong, kept, self._runtime.clock.now())
            await Findings(connection, self._runtime.service).raise_once(finding)
        raise Conflict("an event with this id stands in the log with other content")

    async def _sign(self, connection: AsyncConnection, head: Head, by: int) -> bool:
        self._signed = await self._checkpointer.newest(connection)
        if head.size - self._signed < by:
            return False
        try:
            signed = await self._checkpointer.sign(connection, head, self._runtime.clock.now())
        except KeyMissing as exc:  # entries are taken all the same: `verify` tells of unsigned ones
            log.error("no checkpoint is signed: %s", exc.detail)
            return False
        self._signed = signed.size
        return True
