"""Tells which objects of a backup a purge may have destroyed since, for a restore beside a database that went on."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from local.backup.manifest import ObjectLine
from services.retention.domain.orphans import (
    DATED,
    Bounds,
    Day,
    SweepAction,
    day_of,
    id_in,
    sweep_action,
)
from services.retention.store.orphans import Named, Orphans
from shared.postgres.database import database_of
from shared.postgres.settings import DatabaseLink

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
