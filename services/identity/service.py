"""The service object of identity, and the dependencies that its routes use."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request

from services.identity.actions import keys, rewrap
from services.identity.actions.context import Identity
from services.identity.store.unit_of_work import Unit
from services.identity.workers import (
    case_numbers,
    housekeeping,
    issuer_certificate,
    startup,
    tick,
)
from shared.access.grant import Grant
from shared.access.rule_refusals import record_refusal
from shared.core.errors import CredentialEnded
from shared.service.running import needs
from shared.service.runtime import Task


@dataclass(frozen=True)
class IdentityService(Identity):
    """One process of identity: the context of its actions, with its background tasks."""

    def tasks(self) -> Sequence[Task]:
        """Return the background tasks, not started; none on the bus of a test."""
        if not self.runtime.live:
            return ()
        return (
            tick.task(self, self.runtime.bus),
            housekeeping.task(self),
            case_numbers.task(self),
            issuer_certificate.task(self),
        )

    async def prepare(self) -> None:
        """Check and publish the keys, and announce the accounts. Raises: VaultFault, Unavailable."""
        await rewrap.check_keys(self)
        await keys.prepare(self)
        await startup.recall_people(self)
        await startup.announce_exclusive_roles(self)

    async def finish(self) -> None:
        """End the threads that hash passwords."""
        self.hasher.close()


Running = Annotated[IdentityService, needs(IdentityService)]


@asynccontextmanager
async def _acting(request: Request, identity: Identity) -> AsyncIterator[Unit]:
    """Open a transaction for a route; that of a person ends with a recorded refusal once the tables end their token."""
    grant: Grant | None = getattr(request.state, "granted", None)
    try:
        async with identity.begin() as unit:
            if grant is not None and grant.principal.token is not None:
                await unit.act_for(UUID(grant.principal.account_id), grant.principal.token.issued)
            yield unit
    except CredentialEnded as exc:
        if grant is not None:
            await record_refusal(request, grant, exc.detail)
        raise


async def _unit(request: Request, identity: Running) -> AsyncIterator[Unit]:
    async with _acting(request, identity) as unit:
        yield unit


async def _checked(request: Request, identity: Running) -> None:
    async with _acting(request, identity):
        pass


Checked = Annotated[None, Depends(_checked)]
"""For a guarded route whose action opens its transactions itself: the caller's token is compared with the tables."""

# scope="function" commits before the response leaves.
Work = Annotated[Unit, Depends(_unit, scope="function")]
