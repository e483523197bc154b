"""Appends messages to the log: each event once, one batch in each commit, one writer at a time."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.batches import ENTRIES, Batch, Batches, Whole
from services.audit.actions.checkpointing import Checkpointer, KeyMissing
from services.audit.actions.old_log import OldLog
from services.audit.actions.preparation import entry_from
from services.audit.actions.producer_keys import FORGED, Forged, Suspect, forged_event
from services.audit.actions.redelivery import is_same
from services.audit.domain.entries import Entry
from services.audit.domain.findings import a_finding, contradiction, hour_of
from services.audit.domain.periods import due_period
from services.audit.domain.sealing import Unreadable
from services.audit.settings import Settings
from services.audit.store.findings import Findings
from services.audit.store.log import Head, Known, Log
from services.audit.store.packed import Packed
from services.audit.store.periods import Periods
from services.audit.store.values import Values
from shared.core.errors import AlprError, InternalFault
from shared.core.ids import derive_id
from shared.core.merkle import Hash
from shared.core.periodic import cancelled
from shared.events import PeriodFixed, PurgeList, RecordsPurged, ValuesErased
from shared.kafka.codec import Message
from shared.kafka.consumer import SomeRefused
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)


class Writer:
    """Appends to the log. Several processes may each have one: the log's lock admits one append at a time."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._checkpointer = Checkpointer(settings.signers, runtime.service)
        self._batches = Batches(runtime, settings)
        self._keys = self._batches.keys
        self.producer_keys = self._batches.producer_keys
        self._old = OldLog(settings, runtime.service)
        self._every = settings.audit_checkpoint_entries
        self._batch = min(settings.audit_batch_entries, ENTRIES)
        self._head = Head()
        self._signed = 0

    async def append(self, messages: Sequence[Message]) -> None:
        """Append the new events of `messages` that prove their producer; returns once they are durable.

        Raises: SomeRefused with the messages that do not prove it, after the others are appended; Unreadable for a
        message that is no event; InternalFault for an event whose id the log has with other content. The last two
        append no message of their batch.
        """
        refused: list[tuple[Message, AlprError]] = []
        storing: asyncio.Task[list[tuple[Message, AlprError]]] | None = None
        try:
            for start in range(0, len(messages), self._batch):
                batch = await self._made(messages[start : start + self._batch])
                if storing is not None:
                    refused += await storing
                storing = asyncio.create_task(self._store(batch))
            if storing is not None:
                refused += await storing
        finally:
            await cancelled(storing)
        if refused:
            raise SomeRefused(refused)

    async def _made(self, messages: Sequence[Message]) -> Batch:
        """Return the batch of these messages, while the one before it is stored. Raises: Unreadable."""
        try:
            return await self._batches.of(messages)
        except Unreadable as exc:
            if (
                len(messages) == 1
            ):  # the consumer halves the batch until this is the unreadable message
                await self._not_logged(messages[0], exc)
            raise

    async def _store(self, batch: Batch) -> list[tuple[Message, AlprError]]:
        """Append a batch; return its messages that do not prove their producer, to dead-letter."""
        unproved = [*batch.unproved]
        while batch.messages and not await self._append(batch):
            self._keys.forget()
            batch = await self._batches.of(batch.messages)
            unproved += batch.unproved  # a producer's previous key may have ended meanwhile
        return await self._refuse(unproved) if unproved else []

    async def begin(self) -> None:
        """Close the log before this one and append entry 0, if there is an old log and this one is empty."""
        async with self._runtime.db.begin() as connection:
            log = Log(connection)
            await log.lock()
            head = await self._open(connection, log)
        self._head = head

    async def _open(self, connection: AsyncConnection, log: Log) -> Head:
        """Return the end of the log. An empty log first gets the entry that closes the log before it, if any."""
        head = await log.head(self._head)
        if not head.size:
            now = self._runtime.clock.now()
            if first := await self._old.close(connection, now):
                await log.append(head, first, now)
        return head

    async def erase(
        self, purged: RecordsPurged, named: PurgeList, held: Sequence[str], gone: Sequence[str]
    ) -> ValuesErased | None:
        """Erase the sealed values of purged records, and append the `values.erased` entry.

        Returns None if this was done before. The log must already have the purge's certificate.

        Args:
            purged: the purge.
            named: the roots of its list, which the entry repeats.
            held: digests of the ids of reads and captures that holds keep.
            gone: those of reads and captures of the purge's last day that it destroyed.

        Raises: DBAPIError if the log has no entry of the purge or of its certificate.
        """
        erasing = derive_id("values-erased", purged.event_id)
        async with self._runtime.db.begin() as connection:
            log = Log(connection)
            await log.lock()
            done = await Values(connection).erase(purged.event_id, erasing, held, gone)
            if done is None:
                return None
            event = ValuesErased(
                event_id=erasing,
                occurred_at=self._runtime.clock.now(),
                run_id=purged.run_id,
                purged_event_id=purged.event_id,
                before=purged.before,
                groups=done.erased_groups,
                records=done.erased_records,
                list_sha256=done.list_sha256.hex(),
                captured_from=done.captured_from,
                captured_to=done.captured_to,
                certificate_sha256=done.certificate_sha256.hex(),
                purged_root=named.purged_root,
                held_root=named.held_root,
            )
            head = await self._open(connection, log)
            await log.append(
                head, [entry_from(event, self._runtime.service)], self._runtime.clock.now()
            )
            # Publish the event like every other; the consumer recognises it as already appended.
            await emit(connection, self._runtime.service, event)
        self._head = head
        self._keys.forget()
        return event

    async def fix_period(self, months: int) -> PeriodFixed | None:
        """Append the entry that fixes the next period of the audit plan; None until that period has ended.

        The id is derived: replicas, and a retry after a lost commit reply, write the same entry once.
        """
        async with self._runtime.db.begin() as connection:
            log, periods, now = Log(connection), Periods(connection), self._runtime.clock.now()
            await log.lock()
            began, last = await periods.log_began(), await periods.last()
            due = began and due_period(began, last.occurred_to if last else None, months, now)
            if not due:
                return None
            event = PeriodFixed(
                event_id=derive_id("audit-period", *(at.isoformat() for at in due)),
                occurred_at=now,
                occurred_from=due[0],
                occurred_to=due[1],
            )
            head = await log.head(self._head)
            await log.append(head, [entry_from(event, self._runtime.service)], now)
            # Publish the event like every other; the consumer recognises it as already appended.
            await emit(connection, self._runtime.service, event)
        self._head = head
        return event

    async def sign_if_grown(self, by: int = 1) -> bool:
        """Sign a checkpoint if the log has grown by `by` entries since the last; return whether it signed one."""
        async with self._runtime.db.begin() as connection:
            entries = Log(connection)
            await entries.lock()
            head = await entries.head(self._head)
            return await self._sign(connection, head, by)

    async def sign_first(self) -> bool:
        """Sign the first checkpoint of a new log, which no other signature covers; return whether it signed one."""
        return not self._signed and await self.sign_if_grown()

    async def sign_for(self, connection: AsyncConnection, size: int) -> str | None:
        """Return the note of a checkpoint for the first `size` entries; see `Checkpointer.sign_for`."""
        await Log(connection).lock()
        return await self._checkpointer.sign_for(connection, size, self._runtime.clock.now())

    async def sign_what_is_left(self) -> None:
        """Sign the newest entries, at start and stop. Logs a failure and continues."""
        try:
            await self.sign_if_grown()
        except AlprError as exc:
            log.warning("the newest entries are not signed: %s", exc.detail)
        except Exception:
            log.exception("the newest entries are not signed")

    async def _append(self, batch: Batch) -> bool:
        """Append the new events. Return False if keys were destroyed meanwhile: the caller must seal them again.

        Does not look the events up first, because nearly all are new: the unique index refuses a known one.
        """
        try:
            return await self._append_new(batch, search_first=False)
        except UniqueViolationError:
            return await self._append_new(batch, search_first=True)

    async def _append_new(self, batch: Batch, *, search_first: bool) -> bool:
        """Append the new events, as `_append` does; looks them up first if `search_first`.

        Raises: UniqueViolationError for a known event unless `search_first`.
        """
        first: dict[UUID, Packed] = {}
        for entry in batch.entries:
            first.setdefault(entry.event_id, entry)
        async with self._runtime.db.begin() as connection:
            log = Log(connection)
            await log.lock()
            if batch.epoch is not None and await Values(connection).epoch() != batch.epoch:
                return False
            known = await log.known(list(first)) if search_first else {}
            before = await self._old.known(connection, list(first))
            wrong = None
            if known or before or len(first) < len(batch.entries):
                whole = await self._batches.whole(batch.messages)
                wrong = await _contradicting(connection, whole, known, before)
            fresh = [entry for i, entry in first.items() if i not in known and i not in before]
            head = self._head
            if wrong is None and fresh:
                head = await self._open(connection, log)
                await log.append_packed(head, fresh, self._runtime.clock.now())
                if head.size - self._signed >= self._every:
                    await self._sign(connection, head, self._every)
        self._head = head  # after the commit: a rolled-back append must not move it
        if wrong is not None:
            await self._contradicted(*wrong)
        return True

    async def _refuse(self, suspects: Sequence[Suspect]) -> list[tuple[Message, AlprError]]:
        """Raise findings of events that do not prove their producer; return the messages to dead-letter.

        Skips an event that the log has with the same content: it is a redelivery from before MACs, or from before its
        key ended.
        """
        async with self._runtime.db.begin() as connection:
            ids = [suspect.prepared.event_id for suspect in suspects]
            known = await Log(connection).known(ids)
            before = await self._old.known(connection, ids)
            forged = []
            for suspect in suspects:
                one = suspect.prepared
                if one.event_id in known or one.event_id in before:
                    [whole] = await self._batches.whole([suspect.message])
                    if await _is_unchanged(connection, whole, known, before, b""):
                        continue
                forged.append(suspect)
            findings = Findings(connection, self._runtime.service)
            for suspect in forged:
                await findings.raise_once(forged_event(suspect, self._runtime.clock.now()))
        for suspect in forged:
            FORGED.labels(suspect.message.topic).inc()
        return [(s.message, Forged(s.fault.fault)) for s in forged]

    async def _not_logged(self, message: Message, exc: Unreadable) -> None:
        """Raise a finding that a message is dead-lettered and not logged.

        Each topic and reason has at most one an hour, with the first offset, because the message proves no producer.
        """
        place = f"{message.topic}/{message.partition}/{message.offset}"
        now, why = self._runtime.clock.now(), exc.detail
        about = message.topic, now, why, hour_of(now)
        finding = a_finding("not_logged", *about, kafka_place=place, why=why)
        async with self._runtime.db.begin() as connection:
            await Findings(connection, self._runtime.service).raise_once(finding)

    async def _contradicted(self, wrong: Entry, logged: bytes) -> None:
        """Raise and commit a finding, then raise InternalFault, so that the event is dead-lettered."""
        async with self._runtime.db.begin() as connection:
            finding = contradiction(wrong, logged, self._runtime.clock.now())
            await Findings(connection, self._runtime.service).raise_once(finding)
        raise InternalFault("the log has an event with this id, with other content")

    async def _sign(self, connection: AsyncConnection, head: Head, by: int) -> bool:
        self._signed = await self._checkpointer.newest(connection)
        if head.size - self._signed < by:
            return False
        try:
            signed = await self._checkpointer.sign(connection, head, self._runtime.clock.now())
        except KeyMissing as exc:  # appends continue; `verify` reports the unsigned entries
            log.error("no checkpoint is signed: %s", exc.detail)
            return False
        self._signed = signed.size
        return True


def _known_leaf(
    event_id: UUID, known: Mapping[UUID, Known], before: Mapping[UUID, Hash]
) -> Hash | None:
    """Return an event's leaf hash in this log or in the log before it; None if neither has the event."""
    return known[event_id].leaf if event_id in known else before.get(event_id)


async def _contradicting(
    connection: AsyncConnection,
    batch: Sequence[Whole],
    known: Mapping[UUID, Known],
    before: Mapping[UUID, Hash],
) -> tuple[Entry, Hash] | None:
    """Return the first event that differs from an event with the same id, and that one's leaf; None if all agree."""
    first: dict[UUID, Hash] = {}
    for one in batch:
        event_id = one.prepared.event_id
        own = first.setdefault(event_id, one.entry.leaf)
        if not await _is_unchanged(connection, one, known, before, own):
            return one.entry, _known_leaf(event_id, known, before) or own
    return None


async def _is_unchanged(
    connection: AsyncConnection,
    one: Whole,
    known: Mapping[UUID, Known],
    before: Mapping[UUID, Hash],
    own: Hash,
) -> bool:
    """Return whether an event equals the logged event with its id; if no log has the id, whether its leaf is `own`."""
    prepared, leaf = one.prepared, one.entry.leaf
    if (there := known.get(prepared.event_id)) is not None:
        return leaf == there.leaf or await is_same(connection, there.seq, prepared)
    if prepared.event_id in before:
        return prepared.plain_leaf == before[prepared.event_id]
    return leaf == own
