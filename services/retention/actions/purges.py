"""Proposes, decides on and begins purges, each step by another person; a worker destroys the records (policy 468.5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from services.retention.domain.destruction import (
    Basis,
    Kind,
    State,
    check_age,
    check_basis,
    check_executable,
    check_other_person,
    check_still,
    check_third_person,
    next_state,
    proposed_before,
)
from services.retention.domain.problem_codes import Code
from services.retention.store.partitions import Partitions
from services.retention.store.runs import Run, Runs
from shared.access.grant import Grant
from shared.core.errors import Conflict, NotFound
from shared.core.ids import keyed_id
from shared.core.policy import Policy
from shared.core.problem_codes import Common
from shared.events import PurgeChanged
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A proposed single run, or a proposed standing order for daily purges."""

    kind: Kind
    before: datetime | None
    """For a single run: it destroys records captured before this time; None for all that are due."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The retention schedule of the policy and its state."""

    basis: Basis
    missing: Sequence[str]
    due_before: datetime
    overdue_months: Sequence[str]
    standing: Run | None


async def schedule(policy: Policy, work: UnitOfWork, grant: Grant) -> Schedule:
    """Return the schedule: its basis, the missing facts, the overdue months and the standing order in force."""
    basis = Basis.of(policy.retention)
    due_before = basis.due(grant.now)
    return Schedule(
        basis=basis,
        missing=basis.missing(grant.now),
        due_before=due_before,
        overdue_months=await Partitions(work.connection).overdue(due_before),
        standing=await Runs(work.connection).standing(),
    )


async def propose(
    policy: Policy, work: UnitOfWork, grant: Grant, key: str | None, proposal: Proposal
) -> Run:
    """Propose a purge; with the `key` of an earlier proposal of the caller, return that.

    Raises: Conflict if the policy lacks a fact, or if the proposal with `key` is another one; InvalidInput for a time
    that the schedule or the floor forbids, or for a standing order with a time.
    """
    basis = Basis.of(policy.retention)
    check_basis(basis, grant.now)
    run = Run(
        run_id=keyed_id("purge run", grant.actor.person_id, key),
        kind=proposal.kind,
        state=State.PROPOSED,
        before=proposed_before(proposal.kind, proposal.before, basis, grant.now),
        basis=basis,
        reason=proposal.reason,
        proposed_by=grant.actor,
        proposed_at=grant.now,
    )
    if not await Runs(work.connection).add(run):
        return _repeated(await run_of(work, run.run_id), proposal)
    await _announce(work, grant, run, "proposed", reason=proposal.reason)
    return run


async def authorise(policy: Policy, work: UnitOfWork, grant: Grant, run_id: UUID, note: str) -> Run:
    """Authorise a proposed purge; return the run.

    Raises: NotFound; Conflict for the person who proposed it, for a run that is not proposed, if the policy changed
    since or lacks a fact, or if another standing order is in force.
    """
    run = await run_of(work, run_id, lock=True)
    state = next_state(run.state, "authorise")
    check_other_person(run.proposed_by.person_id, grant.actor.person_id)
    present = Basis.of(policy.retention)
    check_still(run.basis, present)
    check_basis(present, grant.now)
    await _decide(work, grant, run, state, note)
    await _announce(work, grant, run, "authorised", note=note)
    return await run_of(work, run_id)


async def refuse(work: UnitOfWork, grant: Grant, run_id: UUID, note: str) -> Run:
    """Refuse a proposed purge, which stays on file; return the run. Raises: NotFound, Conflict."""
    run = await run_of(work, run_id, lock=True)
    await _decide(work, grant, run, next_state(run.state, "refuse"), note)
    await _announce(work, grant, run, "refused", note=note)
    return await run_of(work, run_id)


async def withdraw(work: UnitOfWork, grant: Grant, run_id: UUID, note: str) -> Run:
    """Withdraw a standing order, with its daily purges, or one run; a run that has begun stops where it is.

    What it has destroyed stays destroyed, and a later run lists it.
    Raises: NotFound; Conflict for a run that is neither authorised nor executing.
    """
    run = await run_of(work, run_id, lock=True)
    next_state(run.state, "withdraw")
    runs = Runs(work.connection)
    await runs.withdraw(run_id, by=grant.actor, at=grant.now, note=note)
    await _announce(work, grant, run, "refused", note=note, withdrawn=True)
    return await run_of(work, run_id)


async def begin(policy: Policy, work: UnitOfWork, grant: Grant, run_id: UUID) -> Run:
    """Begin an authorised single run; return it.

    Raises: NotFound; Conflict for a standing order, for a run that is not authorised, for a person who proposed or
    authorised it, or if the policy changed since or lacks a fact; InvalidInput if its records are not due.
    """
    run = await run_of(work, run_id, lock=True)
    before = check_executable(run.kind, run.before)
    next_state(run.state, "execute")
    authorised_by = run.decided_by.person_id if run.decided_by else None
    check_third_person(run.proposed_by.person_id, authorised_by, grant.actor.person_id)
    present = Basis.of(policy.retention)
    check_still(run.basis, present)
    check_basis(present, grant.now)
    check_age(present, before, grant.now)
    await Runs(work.connection).begin(run_id, by=grant.actor, at=grant.now)
    return await run_of(work, run_id)


async def run_of(work: UnitOfWork, run_id: UUID, *, lock: bool = False) -> Run:
    """Return a purge run or a standing order. Raises: NotFound."""
    run = await Runs(work.connection).get(run_id, lock=lock)
    if run is None:
        raise NotFound(Code.PURGE_UNKNOWN)
    return run


async def certificate_of(work: UnitOfWork, run_id: UUID) -> dict[str, Any]:
    """Return the signed account of what a run destroyed. Raises: NotFound."""
    run = await run_of(work, run_id)
    if run.certificate is None:
        raise NotFound(Code.PURGE_NOT_CERTIFIED)
    return run.certificate


def _repeated(known: Run, proposal: Proposal) -> Run:
    """Return the run of an earlier proposal. Raises: Conflict if the present one differs from it."""
    before = known.before if proposal.before is None else proposal.before
    if (known.kind, known.before, known.reason) != (proposal.kind, before, proposal.reason):
        raise Conflict(Common.KEY_REUSED)
    return known


async def _decide(work: UnitOfWork, grant: Grant, run: Run, state: State, note: str) -> None:
    runs = Runs(work.connection)
    await runs.decide(run.run_id, state, by=grant.actor, at=grant.now, note=note)


async def _announce(
    work: UnitOfWork,
    grant: Grant,
    run: Run,
    change: Literal["proposed", "authorised", "refused"],
    **more: Any,
) -> None:
    before = run.before.isoformat() if run.before else None
    await work.emit(
        PurgeChanged(
            occurred_at=grant.now,
            actor=grant.actor,
            run_id=run.run_id,
            change=change,
            details={
                "kind": run.kind.value,
                "before": before,
                "basis": run.basis.as_json(),
                **more,
            },
        )
    )
