"""Reads records whose headers have names that are no UTF-8, which Kafka stores and aiokafka refuses.

No program of ours writes one. Without this, one of them stops each consumer and follower of its partition for good.
aiokafka has no public hook for it; this replaces the pinned version's reader of batches, and a test checks that.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


class ForgivingRecords:
    """The batches of one fetch."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = fetched
        self._records = MemoryRecords(fetched)
        self._read = 0
        self._slices = _MemoryRecordsPy(fetched)
        self._passed = 0
        """The batches that `_slices` has passed; it goes on from there, as a fetch may have thousands of odd ones."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> Any:
        """Return the next batch, None after the last one."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        self._read += 1
        return _Batch(batch, self, self._read)

    def forgiving(self, number: int) -> Any:
        """Return the batch with this number, from 1, so that all names of its headers can be decoded."""
        if self._passed >= number:
            self._slices, self._passed = _MemoryRecordsPy(self._fetched), 0
        while self._passed < number - 1:
            self._slices.next_batch()
            self._passed += 1
        batch = _DefaultRecordBatchPy(self._slices._next_slice)
        batch._maybe_uncompress()
        batch._buffer = _Buffer(batch._buffer)
        return batch


class _Batch:
    def __init__(self, batch: Any, fetched: ForgivingRecords, number: int) -> None:
        self._batch = batch
        self._fetched = fetched
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        """Yield the records; invalid bytes in a header's name read as U+FFFD."""
        count = 0
        try:
            for record in self._batch:
                yield record
                count += 1
        except UnicodeDecodeError:
            yield from islice(self._fetched.forgiving(self._number), count, None)


class _Buffer(bytearray):
    """Bytes whose slices decode with U+FFFD for what is no UTF-8."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Buffer(found) if isinstance(place, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


def read_odd_names() -> None:
    """Have all consumers of this process read such records."""
    fetcher.MemoryRecords = ForgivingRecords
