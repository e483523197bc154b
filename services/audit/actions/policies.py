"""Acknowledges policies (ADR-0024)."""

from services.audit.domain.policies import Role, check_role
from services.audit.domain.problem_codes import Code
from services.audit.store.policies import LoadedPolicy, Policies
from shared.access.grant import Grant
from shared.core.errors import Conflict
from shared.events import PolicyAcknowledged
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime


async def acknowledge(
    runtime: ApiRuntime, work: UnitOfWork, grant: Grant, digest: str, role: Role
) -> LoadedPolicy:
    """Acknowledge a policy in a role; return the policy.

    Raises: NotAuthorised for a person without the role; NotFound for a policy that no service has loaded; Conflict
    if this person or this role has acknowledged it.
    """
    check_role(role, runtime.policy.roles[role], grant.principal.permissions)
    policies = Policies(work.connection)
    await policies.get(digest)  # an unknown policy is no conflict
    event = PolicyAcknowledged(occurred_at=grant.now, actor=grant.actor, digest=digest, role=role)
    if not await policies.acknowledge(event):
        raise Conflict(Code.POLICY_ACKNOWLEDGED)
    await work.emit(event)
    return await policies.get(digest)
