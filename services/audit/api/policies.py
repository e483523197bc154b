"""The policies that services use, and their acknowledgement by the administrator and the auditor."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict

from services.audit.domain.problem_codes import Code
from services.audit.store.policies import LoadedPolicy, Policies
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.errors import Conflict, NotAuthorised, NotFound
from shared.core.permissions import Permission
from shared.events import PolicyAcknowledged
from shared.http.app import Work
from shared.http.models import After, Limit, Page, Person, RequestBody, key_of
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/policy", tags=["policy"])

PolicyAcknowledge = Annotated[Grant, access(Permission.POLICY_ACKNOWLEDGE)]
Role = Literal["alpr_administrator", "auditor"]
EXAMPLE_DIGEST = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"


class AcknowledgeIn(RequestBody):
    """The role in which the caller acknowledges the policy."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "auditor"}]})

    role: Role


class AcknowledgementOut(BaseModel):
    """A person's statement that they have read the policy and answer for it."""

    role: Role
    by: Person
    at: datetime


class PolicyOut(BaseModel):
    """A policy that a service has loaded. `services` are those that use it now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "digest": EXAMPLE_DIGEST,
                    "version": "2026-11",
                    "first_loaded_at": "2026-11-26T08:00:00Z",
                    "services": ["audit", "identity"],
                    "acknowledgements": [],
                }
            ]
        }
    )

    digest: str
    version: str
    first_loaded_at: datetime
    services: list[str]
    acknowledgements: list[AcknowledgementOut]


@router.get("")
async def list_policies(
    grant: PolicyAcknowledge,
    work: Work,
    request: Request,
    after: After | None = None,
    limit: Annotated[Limit, Query()] = 50,
) -> Page[PolicyOut]:
    """All policies that services have loaded, newest first."""
    check_department(request, grant)
    found = await Policies(work.connection).all(after=key_of(after, str), limit=limit)
    following = found[-1].digest if len(found) == limit else None
    return Page.of([_out(policy) for policy in found], last=following)


@router.post("/{digest}/acknowledgements", status_code=201)
async def acknowledge_policy(
    digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    body: AcknowledgeIn,
    grant: PolicyAcknowledge,
    work: Work,
    request: Request,
) -> PolicyOut:
    """Acknowledge a policy as administrator or as auditor. The two must be different people."""
    runtime = runtime_of(request)
    check_department(request, grant)
    if not runtime.policy.roles[body.role] <= grant.principal.permissions:
        raise NotAuthorised(Code.POLICY_ROLE_MISSING, role=body.role)
    policies = Policies(work.connection)
    if await policies.get(digest) is None:
        raise NotFound(Code.POLICY_UNKNOWN)
    event = PolicyAcknowledged(
        occurred_at=grant.now, actor=grant.actor, digest=digest, role=body.role
    )
    if not await policies.acknowledge(event):
        raise Conflict(Code.POLICY_ACKNOWLEDGED)
    await work.emit(event)
    return _out(await policies.get(digest))


def _out(policy: LoadedPolicy | None) -> PolicyOut:
    return PolicyOut.model_validate(policy, from_attributes=True)
