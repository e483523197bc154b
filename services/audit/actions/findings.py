"""Assigns, comments and closes findings (policy 468.3.1(c))."""

from uuid import UUID

from services.audit.domain.findings import (
    Finding,
    FindingOutcome,
    Step,
    check_work,
    is_repeated,
    worked,
)
from services.audit.store.findings import Findings
from shared.access.grant import Grant
from shared.postgres.unit_of_work import UnitOfWork


async def assign(
    work: UnitOfWork, grant: Grant, finding_id: UUID, *, assigned_to: str, note: str
) -> Finding:
    """Assign a finding to a person who is not its subject; return it. Raises: as `_work`."""
    step = Step(change="assigned", by=grant.actor, at=grant.now, note=note, assigned_to=assigned_to)
    return await _work(work, grant, finding_id, step)


async def comment(work: UnitOfWork, grant: Grant, finding_id: UUID, note: str) -> Finding:
    """Add a comment to a finding; return it. Raises: as `_work`."""
    step = Step(change="commented", by=grant.actor, at=grant.now, note=note)
    return await _work(work, grant, finding_id, step)


async def close(
    work: UnitOfWork, grant: Grant, finding_id: UUID, *, outcome: FindingOutcome, note: str
) -> Finding:
    """Close a finding with its outcome; return it. Raises: as `_work`."""
    step = Step(change="closed", by=grant.actor, at=grant.now, note=note, outcome=outcome)
    return await _work(work, grant, finding_id, step)


async def _work(work: UnitOfWork, grant: Grant, finding_id: UUID, step: Step) -> Finding:
    """Store a step of the work on a finding; return the finding and record its disclosure.

    The finding's last step, sent again by the same person in the same words, changes nothing.

    Raises: NotFound; NotAuthorised if the finding's subject does the step or would be assigned; Conflict for a
    closed finding.
    """
    findings = Findings(work.connection, work.service)
    finding = await findings.lock(finding_id)
    if is_repeated(finding, step):
        return await findings.get(grant, finding_id)
    check_work(finding, step)
    await findings.work(finding, step)
    await work.emit(worked(finding_id, step))
    return await findings.get(grant, finding_id)
