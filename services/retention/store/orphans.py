"""Finds orphans, excepts those that holds may cover, and stores the progress of sweeps.

Only the list of objects to delete stores keys, because a key contains a camera and a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.destruction import Kind, State
from services.retention.domain.orphans import CROPS, FRAMES, Day, may_hold
from services.retention.store.holds import HoldsInForce
from services.retention.store.locks import HOLDS, Locks
from services.retention.store.runs import Run, Runs

REMEMBERED = timedelta(days=180)
"""The time after a clean sweep of a day until the day is swept again."""

_SEEN = "FROM unnest(CAST(:keys AS text[]), CAST(:ids AS uuid[])) AS seen (key, id) WHERE"
_NOT_DOOMED = "NOT EXISTS (SELECT FROM doomed_objects d WHERE d.object_key = seen.key)"

# Ids are searched in all records; keys only in the camera's records around that day, because a key contains
# the date and camera of the record that names it.
_NEAR = "r.device_id = :device_id AND r.captured_at >= :start AND r.captured_at < :end"
_WITHOUT_RECORD = {
    FRAMES: text(
        f"""
        SELECT seen.key {_SEEN} {_NOT_DOOMED}
        AND NOT EXISTS (SELECT FROM captures r WHERE r.capture_id = seen.id)
        AND NOT EXISTS (SELECT FROM captures r WHERE {_NEAR} AND r.object_key = seen.key)
        AND NOT EXISTS (SELECT FROM reads r WHERE {_NEAR} AND r.capture_id = seen.id)
        AND NOT EXISTS (SELECT FROM reads r WHERE {_NEAR} AND r.image_key = seen.key)
        AND NOT EXISTS (SELECT FROM held_captures r
                        WHERE r.capture_id = seen.id OR r.object_key = seen.key)
        AND NOT EXISTS (SELECT FROM held_reads r
                        WHERE r.capture_id = seen.id OR r.image_key = seen.key)
        """  # noqa: S608 - constants
    ),
    CROPS: text(
        f"""
        SELECT seen.key {_SEEN} {_NOT_DOOMED}
        AND NOT EXISTS (SELECT FROM reads r WHERE r.read_id = seen.id)
        AND NOT EXISTS (SELECT FROM reads r WHERE {_NEAR} AND r.crop_key = seen.key)
        AND NOT EXISTS (SELECT FROM held_reads r WHERE r.read_id = seen.id OR r.crop_key = seen.key)
        AND NOT EXISTS (SELECT FROM hits r WHERE r.read_id = seen.id)
        AND NOT EXISTS (SELECT FROM pass_reads r WHERE r.read_id = seen.id)
        AND NOT EXISTS (SELECT FROM passes r WHERE r.best_read_id = seen.id AND
                        r.device_id = :device_id AND r.first_at >= :start AND r.first_at < :end)
        """  # noqa: S608 - constants
    ),
}
_NO_RELEASE = text(
    f"""
    SELECT seen.key {_SEEN} {_NOT_DOOMED} AND NOT EXISTS (
        SELECT FROM packages p WHERE p.request_id = seen.id
        AND (p.built_at IS NULL AND p.failed_at IS NULL
             OR CAST(p.approval ->> 'expires_at' AS timestamptz) > :now))
    """  # noqa: S608 - constants
)
_IS_KNOWN = text("SELECT EXISTS (SELECT FROM devices WHERE device_id = :device_id)")
_HAS_PENDING_EVENT = text(
    "SELECT EXISTS (SELECT FROM outbox WHERE position(convert_to(:folder, 'UTF8') IN value) > 0)"
)
_DOOM = text(
    "INSERT INTO doomed_objects (object_key, run_id)"
    " SELECT unnest(CAST(:keys AS text[])), :run_id ON CONFLICT DO NOTHING"
)
_IS_CLEAN = text("SELECT EXISTS (SELECT FROM swept_days WHERE folder = :folder)")
_REMEMBER = text(
    "INSERT INTO swept_days (folder, swept_at) VALUES (:folder, :at)"
    " ON CONFLICT (folder) DO UPDATE SET swept_at = excluded.swept_at"
)
_FORGET = text("DELETE FROM swept_days WHERE swept_at < :before")
_SAVE_PROGRESS = text(
    """
    UPDATE purge_runs SET strays = strays + :deleted, strays_kept = strays_kept + :left,
        odd_objects = odd_objects + :odd, sweep_after = :after
    WHERE run_id = :run_id
    """
)
_END = text("UPDATE purge_runs SET swept_at = :at, sweep_after = NULL WHERE run_id = :run_id")


class Named(NamedTuple):
    """An object whose key has this service's format."""

    key: str
    id: UUID
    """The id of the capture, read or request in the key."""


@dataclass
class SweepCounts:
    """Counts of a sweep since it last saved them."""

    begun: str | None
    """The last key saved; it differs in the database if another purger has continued the sweep."""
    after: str | None = None
    deleted: int = 0
    left: int = 0
    odd: int = 0

    def __post_init__(self) -> None:
        if self.after is None:
            self.after = self.begun


def _columns(objects: Sequence[Named]) -> dict[str, list[object]]:
    return {"keys": [one.key for one in objects], "ids": [one.id for one in objects]}


def is_open(run: Run) -> bool:
    """Return whether a run has destroyed its records and its sweep has not ended."""
    return run.state is State.EXECUTED and run.swept_at is None


class Orphans:
    """Finds orphans and saves the progress of a sweep."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def without_record(self, day: Day, objects: Sequence[Named]) -> set[str]:
        """Return the keys of `named` that no record, hit or pass names and that are not listed for deletion."""
        parameters = {
            **_columns(objects),
            "device_id": day.device_id,
            "start": day.start - timedelta(days=1),
            "end": day.end + timedelta(days=1),
        }
        return set(
            (await self._connection.execute(_WITHOUT_RECORD[day.kind], parameters)).scalars()
        )

    async def without_release(self, objects: Sequence[Named], now: datetime) -> set[str]:
        """Return the keys of packages whose request has no unbuilt or unexpired approval."""
        parameters = {**_columns(objects), "now": now}
        return set((await self._connection.execute(_NO_RELEASE, parameters)).scalars())

    async def held(self, day: Day, objects: Sequence[Named]) -> set[str]:
        """Return the keys that a hold in force may cover; blocks new holds until the transaction ends."""
        await Locks(self._connection).exclusive(HOLDS)
        criteria = [hold.criteria for hold in await HoldsInForce(self._connection).all()]
        if any(may_hold(one, day) for one in criteria):
            return {one.key for one in objects}
        named = {read_id for one in criteria for read_id in one.read_ids}
        return {one.key for one in objects if one.id in named}

    async def is_known(self, day: Day) -> bool:
        """Return whether the camera ever had a record; if not, the objects may belong to another database."""
        parameters = {"device_id": day.device_id}
        return bool((await self._connection.execute(_IS_KNOWN, parameters)).scalar_one())

    async def has_pending_event(self, folder: str) -> bool:
        """Return whether an event in the outbox names an object in a folder."""
        return bool(
            (
                await self._connection.execute(_HAS_PENDING_EVENT, {"folder": f"{folder}/"})
            ).scalar_one()
        )

    async def doom(self, run_id: UUID, keys: Sequence[str]) -> int:
        """List objects for deletion after the commit; return the number of newly listed ones."""
        result = await self._connection.execute(_DOOM, {"keys": list(keys), "run_id": run_id})
        return result.rowcount

    async def is_clean(self, folder: str) -> bool:
        """Return whether an earlier sweep found a record for every object of a day."""
        return bool((await self._connection.execute(_IS_CLEAN, {"folder": folder})).scalar_one())

    async def remember(self, folder: str, at: datetime) -> None:
        """Store that every object of a day has a record."""
        await self._connection.execute(_REMEMBER, {"folder": folder, "at": at})

    async def forget(self, now: datetime) -> None:
        """Forget clean days swept more than `REMEMBERED` ago, so that they are swept again."""
        await self._connection.execute(_FORGET, {"before": now - REMEMBERED})

    async def may_go_on(self, run_id: UUID, after: str | None) -> bool:
        """Return whether the sweep of a run continues from `after`, and lock the run until the transaction ends.

        A daily run needs its standing order; a withdrawn order stops the sweep.
        """
        run = await Runs(self._connection).get(run_id, lock=True)
        return (
            run is not None
            and is_open(run)
            and run.sweep_after == after
            and await self._has_leave(run)
        )

    async def _has_leave(self, run: Run) -> bool:
        if run.kind is not Kind.DAILY:
            return True
        if run.standing_id is None:
            return False
        order = await Runs(self._connection).get(run.standing_id, lock=True)
        return order is not None and order.state is State.AUTHORISED

    async def save_progress(self, run_id: UUID, tally: SweepCounts) -> None:
        """Add the counts of a sweep to the run, and save its position."""
        parameters = {
            "run_id": run_id,
            "deleted": tally.deleted,
            "left": tally.left,
            "odd": tally.odd,
            "after": tally.after,
        }
        await self._connection.execute(_SAVE_PROGRESS, parameters)

    async def end(self, run_id: UUID, at: datetime) -> None:
        """Record that a run's sweep has ended."""
        await self._connection.execute(_END, {"run_id": run_id, "at": at})
