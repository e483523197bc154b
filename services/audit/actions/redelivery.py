"""Compares a redelivered event with its entry in the log.

While the key of its day exists, the leaf hash decides. Without the key the salts cannot be derived again, so this
module compares the open part of the entry and each remaining value.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.entries import Prepared
from services.audit.domain.sealing import DIGESTS, Group, Value, opened
from services.audit.store.log import Log
from services.audit.store.values import Values


async def is_same(connection: AsyncConnection, seq: int, prepared: Prepared) -> bool:
    """Return whether entry `seq` has the same content as the event, in its open part and its remaining values."""
    if not prepared.groups:
        return False
    row = await Log(connection).entry(seq)
    entry = msgspec.json.decode(row.content)
    digests = entry["data"].pop(DIGESTS, None)
    if not isinstance(digests, dict) or set(digests) != {g.name for g in prepared.groups}:
        return False
    again = msgspec.json.encode({**prepared.attributes, "data": msgspec.Raw(prepared.stays)})
    if msgspec.json.decode(again) != entry:
        return False
    values = (await Values(connection).of([seq])).get(seq, [])
    return all(_agrees(value, prepared.groups) for value in values)


def _agrees(value: Value, groups: Sequence[Group]) -> bool:
    group = next(group for group in groups if group.name == value.name)
    if value.records is None:
        return bool(_disclosed_value(value.disclosure) == msgspec.json.decode(group.value))
    if len(value.records) != len(group.records):
        return False
    return all(
        stored is None or _disclosed_value(stored) == msgspec.json.decode(record)
        for stored, record in zip(value.records, group.records, strict=True)
    )


def _disclosed_value(disclosure: str) -> Any:
    return opened(disclosure)[-1]
