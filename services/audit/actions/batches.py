"""Makes batches of entries from messages: checked, prepared and sealed, without the log's lock."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from services.audit.actions.day_keys import DayKeys
from services.audit.actions.preparation import prepare, refuse_odd_time
from services.audit.actions.producer_keys import ProducerKeys, Suspect
from services.audit.domain.entries import Entry, Prepared
from services.audit.settings import Settings
from services.audit.store.packed import Packed, packed
from shared.kafka.codec import Message
from shared.service.api_runtime import ApiRuntime

ENTRIES = 1000
"""The most entries of a batch. While Postgres stores one, the writer makes the next."""

_AT_ONCE = 16
"""Messages that are processed before the event loop, which stores the batch before, has a turn."""

_STALE = -1
"""The epoch of entries that were sealed while keys were destroyed: no epoch of the log."""

Item = TypeVar("Item")


class Whole(NamedTuple):
    """A message that proves its producer, prepared, and its entry."""

    prepared: Prepared
    entry: Entry


class Batch(NamedTuple):
    """Messages that prove their producer, with their entries, and those that do not prove it."""

    messages: Sequence[Message]
    entries: Sequence[Packed]
    epoch: int | None
    """Values are sealed under keys that are valid while `Values.epoch` equals this; None if there are no values."""

    unproved: Sequence[Suspect]


class Batches:
    """Makes batches. Several at once are safe: each has the epoch of its own keys."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._clock = runtime.clock
        self.keys = DayKeys(runtime.db, settings.vault)
        self.producer_keys = ProducerKeys(settings.mac_keys)

    async def of(self, messages: Sequence[Message]) -> Batch:
        """Return the batch of these messages. Raises: Unreadable for a message that is no event, or of an odd time."""
        now, unproved_of = self._clock.now(), self.producer_keys.unproved
        proving: list[Message] = []
        entries: list[Packed] = []
        unproved: list[Suspect] = []
        epochs = set[int]()
        for some in _slices(messages):
            await asyncio.sleep(0)
            proved: list[Prepared] = []
            for message in some:
                one = prepare(message)
                fault = unproved_of(message, one.found.service, now)
                if fault is None:
                    refuse_odd_time(one.found.occurred_at, now)
                    proving.append(message)
                    proved.append(one)
                else:
                    unproved.append(Suspect(message, one, fault))
            if proved:
                entries += packed(await self._sealed(proved, epochs))
        epoch = None if not epochs else _STALE if len(epochs) > 1 else epochs.pop()
        return Batch(proving, entries, epoch, unproved)

    async def whole(self, messages: Sequence[Message]) -> list[Whole]:
        """Return a batch's messages again, prepared, and their entries, to compare them with logged ones."""
        prepared = [prepare(message) for message in messages]
        entries = await self._sealed(prepared, set())
        return [Whole(*both) for both in zip(prepared, entries, strict=True)]

    async def _sealed(self, prepared: Sequence[Prepared], epochs: set[int]) -> list[Entry]:
        """Return the entries, sealed under the newest keys of their days; add the keys' epoch to `epochs`."""
        if not (days := {group.day for one in prepared for group in one.groups}):
            return [one.entry({}) for one in prepared]
        keys = await self.keys.of(days)
        epochs.add(keys.epoch)
        return [one.entry(keys.by_day) for one in prepared]


def _slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
