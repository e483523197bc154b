"""Executes purges: daily runs under a standing order, and single authorised runs.

Every step is one transaction and can be repeated, so a crash only delays a run. A run is executed when all due
records are destroyed and its list is written. It is certified when its objects and the orphans are deleted too.
One worker of all replicas works at a time.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import Gauge
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.actions.signer import SigningKeys
from services.retention.domain.certificates import CERTIFICATE
from services.retention.domain.destruction import (
    Basis,
    Kind,
    State,
    check_age,
    check_basis,
    check_still,
)
from services.retention.domain.orphans import cutoff
from services.retention.domain.signing import canonical
from services.retention.store.cleanup_queue import CleanupQueue
from services.retention.store.destroying import Destruction
from services.retention.store.locks import PURGER, only_holder
from services.retention.store.orphans import Orphans, is_open
from services.retention.store.partitions import Partitions
from services.retention.store.runs import DueRun, Run, Runs
from services.retention.store.slices import Slices
from services.retention.workers.cleaner import Cleaner
from services.retention.workers.destroyer import Destroyer, RunStopped
from services.retention.workers.purge_lists import PurgeLists
from services.retention.workers.sweeper import Sweeper
from shared.core.errors import AlprError, Unavailable
from shared.core.ids import derive_id
from shared.events import Actor, PurgeChanged, RecordsPurged
from shared.postgres.outbox import emit
from shared.postgres.restores import Restore, Restores
from shared.postgres.statistics import forget_statistics
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

REFUSED = Gauge(
    "alpr_purge_refused",
    "1 while a purge is due and may not run; the log has the reason",
)

MONTHS_OVERDUE = Gauge(
    "alpr_months_overdue", "Months of records that are wholly past the schedule and not destroyed"
)

DONE = Gauge(
    "alpr_purge_done_timestamp_seconds",
    "When a purge last destroyed all that was due, or daily ones were ordered",
    ["kind"],
)

SWEEP_WITHIN = timedelta(days=1)
"""Longest wait of a certificate for an unfinished sweep; the certificate then says so, and the next run sweeps."""


class Purger:
    """One worker; others skip their turn meanwhile."""

    def __init__(self, runtime: ApiRuntime, keys: SigningKeys) -> None:
        self._runtime = runtime
        self._keys = keys
        self._sweeper = Sweeper(runtime)
        self._cleaner = Cleaner(runtime)
        self._destroyer = Destroyer(runtime)
        self._lists = PurgeLists(runtime)

    async def work(self) -> None:
        """Do all work that is due and allowed now, unless another worker does. Raises: Unavailable."""
        async with only_holder(self._runtime.db, PURGER) as is_only:
            if is_only:
                await self._work()

    async def _work(self) -> None:
        await self._count_overdue()  # at the end again: what follows may be locked out for long
        daily_allowed = await self._begin_daily()
        executing = [run for run in await self._unfinished() if run.state is State.EXECUTING]
        allowed = [run for run in executing if self._may_destroy(run)]
        REFUSED.set(not daily_allowed or len(allowed) < len(executing))
        faults = [fault for run in allowed if (fault := await self._destroy(run)) is not None]
        await self._cleaner.delete_objects()  # so that a sweep has fewer objects to check
        unfinished = await self._unfinished()
        for run in unfinished if not await self._has_blocks() else ():
            if is_open(run):
                await self._sweep(run)
        await self._cleaner.delete_objects()
        await self._cleaner.forget_plates()
        await self._lists.clear()
        certified = [await self._certify(run.run_id) for run in unfinished]
        if any(certified):
            await self._forget_statistics()
        await self._lists.end_old()
        await self._count_overdue()
        if faults:
            raise faults[0]

    async def _unfinished(self) -> list[DueRun]:
        async with self._runtime.db.begin() as connection:
            return await Runs(connection).unfinished()

    async def _has_blocks(self) -> bool:
        """Return whether objects of destroyed records are in no list yet in which a sweep would find them."""
        async with self._runtime.db.begin() as connection:
            return await CleanupQueue(connection).has_blocks()

    async def _count_overdue(self) -> None:
        due = Basis.of(self._runtime.policy.retention).due(self._runtime.clock.now())
        async with self._runtime.db.begin() as connection:
            MONTHS_OVERDUE.set(len(await Partitions(connection).overdue(due)))
            runs = Runs(connection)
            order, done = await runs.standing(), await runs.last_done()
        _show_done(order, done)

    async def _begin_daily(self) -> bool:
        """Start today's run if there is a standing order and it has not started yet; return False if it may not."""
        now = self._runtime.clock.now()
        present = Basis.of(self._runtime.policy.retention)
        async with self._runtime.db.begin() as connection:
            order = await Runs(connection).standing(lock=True)
            if order is None:
                return True
            try:
                check_still(order.basis, present)
                check_basis(present, now)
            except AlprError as exc:
                log.error("no purge today: %s", exc.detail)
                return False
            run = self._daily(order, present, now)
            if await Runs(connection).add(run):
                log.info("daily purge %s of records before %s", run.run_id, run.before)
            else:
                await self._add_after_restore(connection, run)
        return True

    async def _add_after_restore(self, connection: AsyncConnection, run: DueRun) -> None:
        """Add a further run of today if a restore waits for one that reaches further than the one in its backup."""
        restore = await Restores(connection).pending()
        if restore is None or (await Runs(connection).due(run.run_id)).before >= restore.due:
            return
        if await Runs(connection).add(_after_restore(run, restore)):
            log.info("purge of records before %s, after a restore", run.before)

    def _daily(self, order: Run, basis: Basis, now: datetime) -> DueRun:
        return DueRun(
            run_id=derive_id("purge", now.date().isoformat()),
            kind=Kind.DAILY,
            state=State.EXECUTING,
            before=basis.due(now),
            basis=basis,
            reason=f"daily, under {order.run_id}",
            proposed_by=order.proposed_by,
            proposed_at=order.proposed_at,
            day=now.date(),
            standing_id=order.run_id,
            decided_by=order.decided_by,
            decided_at=order.decided_at,
            executed_by=self._software,
            started_at=now,
        )

    @property
    def _software(self) -> Actor:
        return Actor.software("retention", self._runtime.policy.department.ori)

    async def _destroy(self, run: DueRun) -> Unavailable | None:
        """Destroy the records of a run and end it; return why the records cannot be destroyed now, if they cannot."""
        try:
            await self._destroyer.destroy(run)
        except RunStopped:
            return None
        except Unavailable as exc:
            log.warning("purge %s cannot go on yet: %s", run.run_id, exc.detail)
            return exc
        try:
            await self._end(run)
        except Unavailable as exc:
            log.warning("purge %s cannot end yet: %s", run.run_id, exc.detail)
        return None

    def _may_destroy(self, run: DueRun) -> bool:
        """Return whether a run may destroy records now; the log has the reason if it may not."""
        refusal = self._refusal(run, self._runtime.clock.now())
        if refusal is not None:
            log.error("purge %s is stopped: %s", run.run_id, refusal)
        return refusal is None

    def _refusal(self, run: DueRun, now: datetime) -> str | None:
        """Return the reason why a run may not destroy records; None if it may."""
        try:
            check_still(run.basis, Basis.of(self._runtime.policy.retention))
            check_basis(run.basis, now)
            check_age(run.basis, run.before, now)
        except AlprError as exc:
            return exc.detail
        return None

    async def _sweep(self, run: DueRun) -> None:
        """Sweep the orphans of a run, under the same conditions as its records. An error delays no other work."""
        if (refusal := self._refusal(run, self._runtime.clock.now())) is not None:
            log.error("purge %s is not swept: %s", run.run_id, refusal)
            return
        try:
            await self._sweeper.sweep(run)
        except Unavailable as exc:
            log.warning("the sweep of purge %s waits: %s", run.run_id, exc.detail)
        except Exception as exc:  # noqa: BLE001 - no error may block the deletions
            # The message may contain an object key.
            log.error("the sweep of purge %s failed: %s", run.run_id, type(exc).__name__)

    async def _end(self, run: DueRun) -> None:
        """Write the run's list and end the run, unless a step destroyed more since the list was begun."""
        async with self._runtime.db.begin() as connection:
            await Slices(connection).adopt(run.run_id, run.before)
            begun = await Slices(connection).mark(run.run_id)
        named = await self._lists.write(run.run_id, run.before)
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            runs = Runs(connection)
            if not await _is_executing(connection, run.run_id):
                return
            if await Slices(connection).mark(run.run_id) != begun:
                return
            held = await Destruction(connection).held_past_schedule(run.before)
            await runs.end(run.run_id, at=now, kept_under_hold=held, purge_list=named)
            ended = await runs.due(run.run_id)
            await self._emit(connection, ended, "executed", _counts(ended))
            await Restores(connection).settle(run.before, now)
            purged = RecordsPurged(
                occurred_at=now,
                run_id=run.run_id,
                before=run.before,
                reads=ended.reads,
                captures=ended.captures,
                objects=ended.objects,
                kept_under_hold=held,
                purge_list=named,
            )
            await emit(connection, self._runtime.service, purged)

    async def _certify(self, run_id: UUID) -> bool:
        """Sign the certificate of a run once its work is complete; return whether it was signed now."""
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            run = await Runs(connection).get(run_id, lock=True)
            if not isinstance(run, DueRun) or run.state is not State.EXECUTED:
                return False
            if await CleanupQueue(connection).has_left(run_id) or await self._may_sweep(
                connection, run, now
            ):
                return False
            signer = await self._keys.in_force(connection)
            certificate = signer.signed(self._certificate(run, now))
            await Runs(connection).certify(run_id, at=now, certificate=certificate)
            details = {
                "key_id": signer.key_id,
                "certificate_sha256": sha256(canonical(certificate)).hexdigest(),
                "without_record": _without_record(run),
            }
            await self._emit(connection, run, "certified", details)
        return True

    async def _forget_statistics(self) -> None:
        """Remove destroyed values from the planner's statistics. After an error the next run does so."""
        try:
            async with self._runtime.db.begin() as connection:
                await forget_statistics(connection)
        except (Unavailable, DBAPIError, TimeoutError) as exc:
            log.warning("statistics are not renewed after a purge: %s", type(exc).__name__)

    async def _may_sweep(self, connection: AsyncConnection, run: DueRun, now: datetime) -> bool:
        """Return whether the run may still sweep orphans."""
        return (
            run.executed_at is not None
            and now < run.executed_at + SWEEP_WITHIN
            and self._refusal(run, now) is None
            and await Orphans(connection).may_go_on(run.run_id, run.sweep_after)
        )

    def _certificate(self, run: DueRun, now: datetime) -> dict[str, Any]:
        policy = self._runtime.policy
        department = policy.department
        return {
            "certificate": CERTIFICATE,
            "agency": {"name": department.name, "ori": department.ori},
            "run_id": str(run.run_id),
            "kind": run.kind.value,
            "under_standing_leave": str(run.standing_id) if run.standing_id else None,
            "captured_before": _iso(run.before),
            "basis": run.basis.as_json(),
            "proposed": _signature(run.proposed_by, run.proposed_at),
            "authorised": _signature(run.decided_by, run.decided_at),
            "executed": _signature(run.executed_by, run.executed_at),
            "destroyed": _counts(run),
            "without_record": _without_record(run),
            "purge_list": msgspec.to_builtins(run.purge_list),
            "policy": {"version": policy.version, "digest": policy.digest},
            "checkpoint": self._runtime.agreement.checkpoint.note,
            "certified_at": _iso(now),
        }

    async def _emit(
        self, connection: AsyncConnection, run: Run, change: Any, details: dict[str, Any]
    ) -> None:
        changed = PurgeChanged(
            occurred_at=self._runtime.clock.now(),
            actor=run.executed_by or self._software,
            run_id=run.run_id,
            change=change,
            details={"kind": run.kind.value, "before": _iso(run.before), **details},
        )
        await emit(connection, self._runtime.service, changed)


def _after_restore(daily: DueRun, restore: Restore) -> DueRun:
    """Return a further run of the day, under the same order: the restored database has the day's own run already."""
    return replace(
        daily,
        run_id=derive_id("purge after restore", str(restore.restore_id)),
        day=None,
        reason=f"after the restore of backup {restore.backup}, under {daily.standing_id}",
    )


def _show_done(order: Run | None, done: Mapping[Kind, datetime]) -> None:
    """Show when runs were last done; a standing order that is younger than its first run counts as one."""
    DONE.clear()
    if Kind.SINGLE in done:
        DONE.labels(Kind.SINGLE.value).set(done[Kind.SINGLE].timestamp())
    if order is not None:
        times = filter(None, (order.decided_at, done.get(Kind.DAILY)))
        DONE.labels(Kind.DAILY.value).set(max(at.timestamp() for at in times))


async def _is_executing(connection: AsyncConnection, run_id: UUID) -> bool:
    """Return whether a run is executing, and lock it until the transaction ends."""
    run = await Runs(connection).get(run_id, lock=True)
    return run is not None and run.state is State.EXECUTING


def _counts(run: Run) -> dict[str, Any]:
    return {
        "reads": run.reads,
        "captures": run.captures,
        "objects": run.objects,
        "kept_under_hold": run.kept_under_hold,
        "months_dropped": list(run.months_dropped),
    }


def _without_record(run: DueRun) -> dict[str, Any]:
    """Return the counts of a run's orphans; `swept` is None if the sweep did not finish."""
    return {
        "captured_before": _iso(cutoff(run.before)),
        "deleted": run.orphans,
        "kept_in_doubt": run.orphans_left,
        "odd": run.odd_objects,
        "swept": _iso(run.swept_at),
    }


def _signature(by: Actor | None, at: datetime | None) -> dict[str, Any] | None:
    if by is None:
        return None
    return {"name": by.name, "title": by.title, "person_id": by.person_id, "at": _iso(at)}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
