"""The policies that services use, and their acknowledgement by the administrator and the auditor."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from services.audit.actions import policies
from services.audit.api.fields import AcknowledgementIn
from services.audit.api.views.policies import PolicyOut
from services.audit.store.policies import Policies
from shared.access.department import check_department
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.http.app import Work
from shared.http.models import After, Limit, Page, key_of
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/policies", tags=["policies"])

PolicyAcknowledge = Annotated[Grant, access(Permission.POLICY_ACKNOWLEDGE)]


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
    return Page.of([PolicyOut.of(policy) for policy in found], last=following)


@router.post("/{digest}/acknowledgements")
async def acknowledge_policy(
    digest: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")],
    body: AcknowledgementIn,
    grant: PolicyAcknowledge,
    work: Work,
    request: Request,
) -> PolicyOut:
    """Acknowledge a policy as administrator or as auditor. The two must be different people."""
    check_department(request, grant)
    found = await policies.acknowledge(runtime_of(request), work, grant, digest, body.role)
    return PolicyOut.of(found)
