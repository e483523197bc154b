"""Appends messages to the log: each event once, one batch in each commit, one writer at a time."""

import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.actions.checkpointing import Checkpointer, KeyMissing
from services.audit.actions.day_keys import DayKeys
from services.audit.actions.old_log import OldLog
from services.audit.actions.preparation import entry_from, prepare
from services.audit.actions.producer_keys import FORGED, Forged, ProducerKeys, Suspect, forged_event
from services.audit.actions.redelivery import is_same
from services.audit.domain.entries import Entry, Prepared
from services.audit.domain.findings import a_finding, contradiction
from services.audit.domain.periods import due_period
from services.audit.domain.sealing import Unreadable
from services.audit.settings import Settings
from services.audit.store.findings import Findings
from services.audit.store.log import Head, Known, Log
from services.audit.store.periods import Periods
from services.audit.store.values import Values
from shared.core.errors import AlprError, InternalFault
from shared.core.ids import derive_id
from shared.core.merkle import Hash
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
        self._keys = DayKeys(runtime.db, settings.vault)
        self._old = OldLog(settings, runtime.service)
        self._every = settings.audit_checkpoint_entries
        self._batch = settings.audit_batch_entries
        self.producer_keys = ProducerKeys(settings.mac_keys)
        self._head = Head()
        self._signed = 0

    async def append(self, messages: Sequence[Message]) -> None:
        """Append the new events of `messages` that prove their producer; returns once they are durable.

        Raises: SomeRefused with the messages that do not prove it, after the others are appended; Unreadable for a
        message that is no event; InternalFault for an event whose id the log has with other content. The last two
        append no message of their batch.
        """
        refused: list[tuple[Message, AlprError]] = []
        for start in range(0, len(messages), self._batch):
            some = messages[start : start + self._batch]
            try:
                proved, unproved = self._prepared(some)
            except Unreadable as exc:
                if (
                    len(messages) == 1
                ):  # the consumer retries one by one: this is the unreadable message
                    await self._not_logged(messages[0], exc)
                raise
            while proved and not await self._append(proved):
                self._keys.forget()
            if unproved:
                refused += await self._refuse(unproved)
        if refused:
            raise SomeRefused(refused)

    def _prepared(self, messages: Sequence[Message]) -> tuple[list[Prepared], list[Suspect]]:
        """Return the messages that prove their producer, and those that do not. Raises: Unreadable."""
        now = self._runtime.clock.now()
        proved: list[Prepared] = []
        unproved: list[Suspect] = []
        for message in messages:
            one = prepare(message)
            fault = self.producer_keys.unproved(message, one.found.service, now)
            if fault is None:
                proved.append(one)
            else:
                unproved.append(Suspect(message, one, fault))
        return proved, unproved

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

    async def _sealed(self, prepared: Sequence[Prepared]) -> list[Entry]:
        days = {group.day for one in prepared for group in one.groups}
        keys = await self._keys.of(days) if days else {}
        return [one.entry(keys) for one in prepared]

    async def _append(self, prepared: Sequence[Prepared]) -> bool:
        """Append the new events. Return False if keys were destroyed meanwhile: the caller must seal them again.

        Does not look the events up first, because nearly all are new: the unique index refuses a known one.
        """
        try:
            return await self._append_new(prepared, search_first=False)
        except UniqueViolationError:
            return await self._append_new(prepared, search_first=True)

    async def _append_new(self, prepared: Sequence[Prepared], *, search_first: bool) -> bool:
        """Append the new events, as `_append` does; looks them up first if `search_first`.

        Raises: UniqueViolationError for a known event unless `search_first`.
        """
        entries = await self._sealed(prepared)
        first: dict[UUID, Entry] = {}
        for entry in entries:
            first.setdefault(entry.found.event_id, entry)
        async with self._runtime.db.begin() as connection:
            log = Log(connection)
            await log.lock()
            if any(entry.values for entry in entries) and (
                await Values(connection).epoch() != self._keys.epoch
            ):
                return False
            known = await log.known(list(first)) if search_first else {}
            before = await self._old.known(connection, list(first))
            wrong = None
            if known or before or len(first) < len(entries):
                wrong = await _contradicting(connection, entries, prepared, first, known, before)
            fresh = [entry for i, entry in first.items() if i not in known and i not in before]
            head = self._head
            if wrong is None and fresh:
                head = await self._open(connection, log)
                await log.append(head, fresh, self._runtime.clock.now())
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
                    [entry] = await self._sealed([one])
                    if await _is_unchanged(connection, one, entry, known, before, b""):
                        continue
                forged.append(suspect)
            findings = Findings(connection, self._runtime.service)
            for suspect in forged:
                await findings.raise_once(forged_event(suspect, self._runtime.clock.now()))
        for suspect in forged:
            FORGED.labels(suspect.message.topic).inc()
        return [(s.message, Forged(s.fault.fault)) for s in forged]

    async def _not_logged(self, message: Message, exc: Unreadable) -> None:
        """Raise a finding that a message is dead-lettered and not logged."""
        place = f"{message.topic}/{message.partition}/{message.offset}"
        now = self._runtime.clock.now()
        finding = a_finding(
            "not_logged", message.topic, now, place, kafka_place=place, why=exc.detail
        )
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
    entries: Sequence[Entry],
    prepared: Sequence[Prepared],
    first: Mapping[UUID, Entry],
    known: Mapping[UUID, Known],
    before: Mapping[UUID, Hash],
) -> tuple[Entry, Hash] | None:
    """Return the first event that differs from an event with the same id, and that one's leaf; None if all agree."""
    for entry, one in zip(entries, prepared, strict=True):
        own = first[one.event_id].leaf
        if not await _is_unchanged(connection, one, entry, known, before, own):
            return entry, _known_leaf(one.event_id, known, before) or own
    return None


async def _is_unchanged(
    connection: AsyncConnection,
    one: Prepared,
    entry: Entry,
    known: Mapping[UUID, Known],
    before: Mapping[UUID, Hash],
    own: Hash,
) -> bool:
    """Return whether an event equals the logged event with its id; if no log has the id, whether its leaf is `own`."""
    if (there := known.get(one.event_id)) is not None:
        return entry.leaf == there.leaf or await is_same(connection, there.seq, one)
    if one.event_id in before:
        return one.plain_leaf == before[one.event_id]
    return entry.leaf == own
