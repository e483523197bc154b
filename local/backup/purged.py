"""Tells which objects of a backup may have been destroyed since, for a restore beside a database that went on."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from local.backup.manifest import ObjectLine
from services.retention.domain.orphans import (
    DATED,
    PACKAGES,
    Bounds,
    Day,
    SweepAction,
    day_of,
    id_in,
    sweep_action,
)
from services.retention.store.exports import ExportQueue
from services.retention.store.orphans import Named, Orphans
from shared.postgres.database import database_of
from shared.postgres.settings import DatabaseLink

EVIDENCE = "evidence"

AT_ONCE = 1000
"""Keys in one query."""


async def not_purged(
    database: DatabaseLink, lines: Sequence[ObjectLine], before: datetime
) -> list[ObjectLine]:
    """Return the lines without the frames and crops of days before `before` that no record names.

    Raises: Unavailable.
    """
    of_day = defaultdict[Day, list[Named]](list)
    for day, named in _old(lines, before):
        of_day[day].append(named)
    gone = set[str]()
    async with database_of(database, "retention") as db, db.begin() as connection:
        for day, objects in of_day.items():
            for start in range(0, len(objects), AT_ONCE):
                some = objects[start : start + AT_ONCE]
                gone |= await Orphans(connection).without_record(day, some)
    return [line for line in lines if line.key not in gone]


async def not_ended(
    database: DatabaseLink, lines: Sequence[ObjectLine], now: datetime
) -> list[ObjectLine]:
    """Return the lines without the packages of releases that have expired, and of evidence that was deleted.

    Raises: Unavailable.
    """
    released = [
        Named(line.key, found)
        for line in lines
        if _folder(line) == PACKAGES and (found := id_in(line.key, PACKAGES))
    ]
    async with database_of(database, "retention") as db, db.begin() as connection:
        gone = set[str]()
        for start in range(0, len(released), AT_ONCE):
            some = released[start : start + AT_ONCE]
            gone |= await Orphans(connection).without_release(some, now)
        if any(_folder(line) == EVIDENCE for line in lines):
            not_removed = await ExportQueue(connection).not_removed()
            gone |= {
                one.key for one in lines if _folder(one) == EVIDENCE and one.key not in not_removed
            }
    return [line for line in lines if line.key not in gone]


def _folder(line: ObjectLine) -> str:
    return line.key.partition("/")[0]


def _old(lines: Sequence[ObjectLine], before: datetime) -> Iterator[tuple[Day, Named]]:
    """Yield the frames and crops of days that are wholly before `before`."""
    end = before.astimezone(UTC).date()
    bounds = Bounds(due=end, last=end)
    for line in lines:
        folder = line.key.rpartition("/")[0]
        if folder.partition("/")[0] not in DATED:
            continue
        if sweep_action(folder, bounds) is SweepAction.SWEEP and (found := id_in(line.key, folder)):
            yield day_of(folder), Named(line.key, found)
