"""Purge runs: the people who decided on each, its basis and its outcome."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.destruction import Basis, Kind, State
from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict
from shared.events import Actor, PurgeList

_COLUMNS = (
    "run_id, kind, state, before, day, standing_id, basis, reason, proposed_by, proposed_at, decided_by,"
    " decided_at, decision_note, withdrawn_by, withdrawn_at, withdrawal_note, executed_by, started_at,"
    " executed_at, certified_at, reads, captures, objects, kept_under_hold, months_dropped, strays AS orphans,"
    " strays_kept AS orphans_left, odd_objects, sweep_after, swept_at, certificate, purge_list"
)
_ACTORS = ("proposed_by", "decided_by", "withdrawn_by", "executed_by")
_BEGUN_AT = "CASE kind WHEN 'daily' THEN started_at ELSE proposed_at END"
"""A daily run was proposed with its standing order, long before it."""
_GET = f"SELECT {_COLUMNS} FROM purge_runs"  # noqa: S608 - constants
_INSERT = text(
    """
    INSERT INTO purge_runs (run_id, kind, state, before, day, standing_id, basis, reason, proposed_by,
        proposed_at, decided_by, decided_at, executed_by, started_at)
    VALUES (:run_id, :kind, :state, :before, :day, :standing_id, CAST(:basis AS jsonb), :reason,
        CAST(:proposed_by AS jsonb), :proposed_at, CAST(:decided_by AS jsonb), :decided_at,
        CAST(:executed_by AS jsonb), :started_at)
    ON CONFLICT DO NOTHING
    """
)
_DECIDE = text(
    "UPDATE purge_runs SET state = :state, decided_by = CAST(:by AS jsonb), decided_at = :at,"
    " decision_note = :note WHERE run_id = :run_id"
)
_BEGIN = text(
    "UPDATE purge_runs SET state = 'executing', executed_by = CAST(:by AS jsonb), started_at = :at"
    " WHERE run_id = :run_id"
)
_WITHDRAW = text(
    "UPDATE purge_runs SET state = 'withdrawn', withdrawn_by = CAST(:by AS jsonb), withdrawn_at = :at,"
    " withdrawal_note = :note"
    " WHERE run_id = :run_id OR (standing_id = :run_id AND state = 'executing')"
)
_ADD = text(
    "UPDATE purge_runs SET reads = reads + :reads, captures = captures + :captures,"
    " objects = objects + :objects, months_dropped = months_dropped || CAST(:months AS text[])"
    " WHERE run_id = :run_id"
)
_END = text(
    "UPDATE purge_runs SET state = 'executed', executed_at = :at, kept_under_hold = :kept,"
    " purge_list = CAST(:purge_list AS jsonb) WHERE run_id = :run_id"
)
_LISTS_PAST = text(
    "SELECT run_id FROM purge_runs WHERE state IN ('certified', 'withdrawn')"
    " AND coalesce(executed_at, started_at) < :before AND list_ended_at IS NULL"
    " ORDER BY started_at LIMIT :limit"
)
_END_LIST = text("UPDATE purge_runs SET list_ended_at = :at WHERE run_id = :run_id")
_CERTIFY = text(
    "UPDATE purge_runs SET state = 'certified', certified_at = :at,"
    " certificate = CAST(:certificate AS jsonb) WHERE run_id = :run_id"
)


@dataclass(frozen=True)
class Run:
    """One purge run, or the standing order for daily runs."""

    run_id: UUID
    kind: Kind
    state: State
    before: datetime | None
    """The run destroys records captured before this; None for a standing order."""
    basis: Basis
    reason: str
    proposed_by: Actor
    proposed_at: datetime
    day: date | None = None
    standing_id: UUID | None = None
    decided_by: Actor | None = None
    decided_at: datetime | None = None
    decision_note: str | None = None
    withdrawn_by: Actor | None = None
    withdrawn_at: datetime | None = None
    withdrawal_note: str | None = None
    executed_by: Actor | None = None
    started_at: datetime | None = None
    executed_at: datetime | None = None
    certified_at: datetime | None = None
    reads: int = 0
    captures: int = 0
    objects: int = 0
    kept_under_hold: int = 0
    months_dropped: tuple[str, ...] = ()
    orphans: int = 0
    """Orphans, deleted or listed for deletion."""
    orphans_left: int = 0
    """Orphans that stay, because a hold may cover them or a pending event may name them."""
    odd_objects: int = 0
    """Objects kept because their names give no camera and day, or a future day."""
    sweep_after: str | None = None
    """The last key that a sweep in progress checked; never shown."""
    swept_at: datetime | None = None
    certificate: dict[str, Any] | None = None
    purge_list: PurgeList | None = None
    """None until the run is executed, and for runs from before lists existed."""

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Return a row of `_COLUMNS` as a run."""
        plain = dict(row._mapping)
        for name in _ACTORS:
            if plain[name] is not None:
                plain[name] = msgspec.convert(plain[name], Actor)
        plain["basis"] = Basis.from_json(plain["basis"])
        plain["kind"], plain["state"] = Kind(plain["kind"]), State(plain["state"])
        if plain["purge_list"] is not None:
            plain["purge_list"] = msgspec.convert(plain["purge_list"], PurgeList)
        plain["months_dropped"] = tuple(plain["months_dropped"])
        return cls(**plain)


@dataclass(frozen=True)
class DueRun(Run):
    """A run that destroys records captured before `before`: any run except a standing order."""

    before: datetime


class Runs:
    """Purge runs. They contain no plates, so a query of them discloses no record."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, run: Run) -> bool:
        """Add a run; False if a run with its id, or the daily run of its day, exists."""
        parameters = dict(vars(run))
        parameters |= {name: _json(getattr(run, name)) for name in _ACTORS}
        parameters["basis"] = _json(run.basis.as_json())
        return (await self._connection.execute(_INSERT, parameters)).rowcount == 1

    async def get(self, run_id: UUID, *, lock: bool = False) -> Run | None:
        """Return one run; `lock` locks its row until the transaction ends."""
        query = f"{_GET} WHERE run_id = :run_id{' FOR UPDATE' if lock else ''}"
        row = (await self._connection.execute(text(query), {"run_id": run_id})).first()
        return None if row is None else _run(row)

    async def due(self, run_id: UUID) -> DueRun:
        """Return a run that destroys records. Raises: LookupError if no such run exists."""
        run = await self.get(run_id)
        if not isinstance(run, DueRun):
            message = f"no run {run_id} that destroys"
            raise LookupError(message)
        return run

    async def page(self, *, limit: int, after: UUID | None) -> list[Run]:
        """Return a page of runs, newest first, starting behind `after`."""
        query = (
            f"{_GET} WHERE CAST(:after AS uuid) IS NULL OR ({_BEGUN_AT}, run_id) <"  # noqa: S608
            f" (SELECT {_BEGUN_AT}, run_id FROM purge_runs WHERE run_id = :after)"
            f" ORDER BY {_BEGUN_AT} DESC, run_id DESC LIMIT :limit"
        )
        rows = await self._connection.execute(text(query), {"after": after, "limit": limit})
        return [_run(row) for row in rows]

    async def standing(self, *, lock: bool = False) -> Run | None:
        """Return the standing order in force, if any; `lock` keeps it in force until the transaction ends."""
        lock_sql = " FOR UPDATE" if lock else ""
        query = f"{_GET} WHERE kind = 'standing' AND state = 'authorised'{lock_sql}"
        row = (await self._connection.execute(text(query))).first()
        return None if row is None else Run.of(row)

    async def last_done(self) -> dict[Kind, datetime]:
        """Return, for each kind of run, when one last destroyed all that was due to it."""
        query = (
            "SELECT kind, max(executed_at) AS at FROM purge_runs"
            " WHERE executed_at IS NOT NULL GROUP BY kind"
        )
        return {Kind(row.kind): row.at for row in await self._connection.execute(text(query))}

    async def unfinished(self) -> list[DueRun]:
        """Return runs that still destroy records or delete objects, oldest first."""
        query = f"{_GET} WHERE state IN ('executing', 'executed') ORDER BY started_at, run_id"
        return [DueRun.of(row) for row in await self._connection.execute(text(query))]

    async def decide(
        self, run_id: UUID, state: State, *, by: Actor, at: datetime, note: str | None
    ) -> None:
        """Record an authorisation or a refusal. Raises: Conflict for a second standing order."""
        parameters = {
            "run_id": run_id,
            "state": state.value,
            "by": _json(by),
            "at": at,
            "note": note,
        }
        try:
            await self._connection.execute(_DECIDE, parameters)
        except IntegrityError:
            raise Conflict(Code.PURGE_LEAVE_IN_FORCE) from None

    async def withdraw(self, run_id: UUID, *, by: Actor, at: datetime, note: str) -> None:
        """Withdraw a run, or a standing order with its executing daily runs; their counts stay."""
        await self._connection.execute(
            _WITHDRAW, {"run_id": run_id, "by": _json(by), "at": at, "note": note}
        )

    async def begin(self, run_id: UUID, *, by: Actor, at: datetime) -> None:
        """Record that a run is executing."""
        await self._connection.execute(_BEGIN, {"run_id": run_id, "by": _json(by), "at": at})

    async def add_counts(
        self, run_id: UUID, *, reads: int, captures: int, objects: int, months: list[str]
    ) -> None:
        """Add the counts of one step."""
        await self._connection.execute(
            _ADD,
            {
                "run_id": run_id,
                "reads": reads,
                "captures": captures,
                "objects": objects,
                "months": months,
            },
        )

    async def end(
        self, run_id: UUID, *, at: datetime, kept_under_hold: int, purge_list: PurgeList
    ) -> None:
        """Record that a run has destroyed all due records, and the place of its list."""
        await self._connection.execute(
            _END,
            {
                "run_id": run_id,
                "at": at,
                "kept": kept_under_hold,
                "purge_list": _json(purge_list),
            },
        )

    async def lists_past(self, before: datetime, limit: int) -> list[UUID]:
        """Return runs that ended before `before` and still have their lists, oldest first."""
        rows = await self._connection.execute(_LISTS_PAST, {"before": before, "limit": limit})
        return list(rows.scalars())

    async def end_list(self, run_id: UUID, at: datetime) -> None:
        """Record that a run's list is deleted."""
        await self._connection.execute(_END_LIST, {"run_id": run_id, "at": at})

    async def certify(self, run_id: UUID, *, at: datetime, certificate: dict[str, Any]) -> None:
        """Store the signed certificate."""
        await self._connection.execute(
            _CERTIFY, {"run_id": run_id, "at": at, "certificate": _json(certificate)}
        )


def _run(row: Row[Any]) -> Run:
    return Run.of(row) if row.before is None else DueRun.of(row)


def _json(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
