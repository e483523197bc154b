"""Grants: proof that one request was authorised and its attempt recorded. No other module creates a `Grant`."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.access.principals import Principal
from shared.access.purposes import Purpose
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.events import Actor
from shared.service.api_runtime import ApiRuntime

_SEAL = object()


@dataclass(frozen=True)
class Grant:
    """Authorises one request to read data for one purpose. Created only here, once the attempt is recorded."""

    attempt_id: UUID
    principal: Principal
    permission: Permission
    purpose: Purpose | None
    service: str
    request_id: str
    now: datetime
    counted: bool = False
    """Whether a person made the request, so that the records count towards their limit of records a day."""

    most_disclosed: int | None = None
    """The limit of records a day; None without a limit."""

    offered: bool = False
    """Whether an earlier answer offered the requested picture, and so already counted its record."""

    seal: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Grant is issued by shared.access.guard and system_grant only")

    @property
    def actor(self) -> Actor:
        """The person who reads."""
        return self.principal.actor

    @property
    def declared(self) -> Purpose:
        """The purpose, for routes that require one. Raises: LookupError without one."""
        if self.purpose is None:
            message = f"{self.permission} was granted without a purpose"
            raise LookupError(message)
        return self.purpose

    @property
    def agencies(self) -> frozenset[Ori]:
        """The agencies whose records this person may see: their own."""
        return frozenset({self.principal.agency_ori})


def issue_grant(
    runtime: ApiRuntime,
    permission: Permission,
    principal: Principal,
    purpose: Purpose | None,
    *,
    attempt_id: UUID,
    request_id: str,
    now: datetime,
    counted: bool,
    offered: bool = False,
) -> Grant:
    """Issue a grant once its attempt is committed. Only the guard and `system_grant` call this.

    `counted`: the records count towards the person's limit of records a day (ADR-0040).
    """
    return Grant(
        attempt_id=attempt_id,
        principal=principal,
        permission=permission,
        purpose=purpose,
        service=runtime.service,
        request_id=request_id,
        now=now,
        counted=counted,
        most_disclosed=_most_disclosed(runtime, purpose, now) if counted else None,
        offered=offered,
        seal=_SEAL,
    )


def _most_disclosed(runtime: ApiRuntime, purpose: Purpose | None, now: datetime) -> int | None:
    """Return the limit of records a day; None while the case of `purpose` lifts it."""
    lifted = purpose is not None and purpose.lifted_until is not None and now < purpose.lifted_until
    return None if lifted else runtime.policy.limits.disclosed_refused
