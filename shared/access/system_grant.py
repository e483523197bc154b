"""Grants for the software's own work on a person's behalf, e.g. the package of an approved release."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from shared.access.attempts import record_attempt
from shared.access.grant import Grant, issue_grant
from shared.access.principals import Principal
from shared.access.purposes import Purpose
from shared.core.ids import new_id
from shared.core.permissions import Permission
from shared.core.trace import new_request_id
from shared.core.types import Ori
from shared.events import AccessAttempted, Actor, PurposeRecord
from shared.service.api_runtime import ApiRuntime


async def system_grant(
    runtime: ApiRuntime,
    permission: Permission,
    *,
    on_behalf_of: Actor,
    purpose: PurposeRecord | None,
    elements: Mapping[str, Any],
    work: str,
    agency_ori: Ori | None = None,
    sources: frozenset[str] = frozenset(),
    attempt_id: UUID | None = None,
    client_address: str = "",
) -> Grant:
    """Issue a grant for the software's own work on a person's behalf, e.g. an approved release.

    Commits the attempt first, as for a person.

    Args:
        purpose: None for work that no purpose opens.
        work: the name of the consumer, recorded in place of a route.
        agency_ori: the agency whose records it reads; the department by default.
        sources: the sources of hot lists that the work reaches.
        attempt_id: for a retry, the attempt of the first try; it is not recorded again.

    Raises: Unavailable if the attempt cannot be recorded, or until a purge has run after a restore.
    """
    attempt = AccessAttempted(
        occurred_at=runtime.clock.now(),
        attempt_id=attempt_id or new_id(),
        actor=on_behalf_of,
        service=runtime.service,
        permission=permission.value,
        method="EVENT",
        route=work,
        elements=dict(elements),
        allowed=True,
        purpose=purpose,
        request_id=new_request_id(),
        client_address=client_address,
    )
    runtime.restored.check(permission)
    if attempt_id is None:
        await record_attempt(runtime, attempt)
    return issue_grant(
        runtime,
        permission,
        _principal(on_behalf_of, permission, agency_ori or runtime.policy.department.ori, sources),
        None if purpose is None else Purpose(record=purpose),
        attempt_id=attempt.attempt_id,
        request_id=attempt.request_id,
        now=attempt.occurred_at,
        counted=False,
    )


def _principal(
    actor: Actor, permission: Permission, agency_ori: Ori, sources: frozenset[str]
) -> Principal:
    """Return `actor` as a principal with `permission` only, for the records of `agency_ori`."""
    return Principal(
        account_id=actor.person_id,
        name=actor.name,
        title=actor.title,
        agency_ori=agency_ori,
        permissions=frozenset({permission.value}),
        trained_until=None,
        sources=sources,
        session_id="",
    )
