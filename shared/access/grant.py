"""What a guard gives out: leave to read, for one request and one purpose. The only place that makes a `Grant`."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from shared.access.principals import Principal
from shared.access.purposes import Purpose
from shared.core.permissions import Permission
from shared.core.types import Ori
from shared.events import Actor
from shared.service.runtime import Runtime

_SEAL = object()


@dataclass(frozen=True)
class Grant:
    """Leave to read, for one request and purpose. Made only here, after the attempt is recorded."""

    attempt_id: UUID
    principal: Principal
    permission: Permission
    purpose: Purpose | None
    service: str
    request_id: str
    now: datetime
    counted: bool = False
    """Whether it is a person's own request: what it gives out counts as shown to them that day."""

    most_disclosed: int | None = None
    """How many records a day that may be; None where nothing bounds it."""

    offered: bool = False
    """Whether an earlier answer offered the picture that is asked for: its record counted there."""

    seal: object = field(repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.seal is not _SEAL:
            raise TypeError("a Grant is issued by shared.access.guard and system_grant only")

    @property
    def actor(self) -> Actor:
        """Who reads."""
        return self.principal.actor

    @property
    def declared(self) -> Purpose:
        """The purpose, of a route that cannot do without. Raises: LookupError in another."""
        if self.purpose is None:
            message = f"{self.permission} was granted without a purpose"
            raise LookupError(message)
        return self.purpose

    @property
    def agencies(self) -> frozenset[Ori]:
        """Whose records this person may see: their own agency's."""
        return frozenset({self.principal.agency_ori})


def issue_grant(
    runtime: Runtime,
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
    """Issue a grant once its attempt is committed. For the guard and for `system_grant` only.

    `counted`: for a person's own request, whose records of the day are limited (ADR-0040).
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


def _most_disclosed(runtime: Runtime, purpose: Purpose | None, now: datetime) -> int | None:
    """Return the limit of records a day; None while the case of `purpose` lifts it."""
    lifted = purpose is not None and purpose.lifted_until is not None and now < purpose.lifted_until
    return None if lifted else runtime.policy.limits.disclosed_refused
