"""Records refusals by a rule after the guard has granted access, beside the guard's attempt."""

from datetime import UTC
from typing import Any

from fastapi import Request

from shared.access.attempts import attempt_of, record_attempt
from shared.access.data_elements import elements_of
from shared.access.grant import Grant
from shared.core.errors import NotAuthorised, ProblemCode
from shared.core.problem_codes import Common
from shared.postgres.disclosed_records import shut
from shared.service.api_runtime import runtime_of


class RefusedByRule(NotAuthorised):
    """A store's rule refused a request that the guard had granted; recorded after the rollback of the request."""

    def __init__(
        self, grant: Grant, problem: ProblemCode, *, shuts: bool = False, **params: Any
    ) -> None:
        super().__init__(problem, **params)
        self.grant = grant
        self.shuts = shuts
        """Whether to show the person no more records that day, since the refusal revealed that records match."""


def purpose_missing(grant: Grant, hours: int) -> RefusedByRule:
    """Return the refusal of data that needs a declared purpose, since its capture is more than `hours` ago."""
    return RefusedByRule(grant, Common.PURPOSE_MISSING_FOR, hours=hours)


async def record_refusal(
    request: Request, grant: Grant, reason: str, *, shuts: bool = False
) -> None:
    """Record that a service's own rule refused a request that the guard had granted.

    Commits in its own transaction, beside the guard's attempt and with the same request id. `shuts`: the person is
    shown no more records that day. Raises: Unavailable.
    """
    request.state.granted = None
    runtime = runtime_of(request)
    refusal = attempt_of(
        request,
        grant.permission,
        grant.now,
        actor=grant.actor,
        elements=(await elements_of(request)).recorded,
        purpose=grant.purpose.record if grant.purpose else None,
        reason=reason,
    )
    await record_attempt(runtime, refusal)
    if shuts and grant.most_disclosed is not None:
        async with runtime.db.begin() as connection:
            day = grant.now.astimezone(UTC).date()
            await shut(connection, grant.principal.account_id, day, grant.most_disclosed)


async def record_unrecorded(request: Request, refusal: NotAuthorised) -> None:
    """Record the refusal of a request that the guard had granted, if no event records it yet. Raises: Unavailable."""
    grant: Grant | None = getattr(request.state, "granted", None)
    if isinstance(refusal, RefusedByRule):
        await record_refusal(request, refusal.grant, refusal.detail, shuts=refusal.shuts)
    elif grant is not None and not refusal.on_record:
        await record_refusal(request, grant, refusal.detail)
