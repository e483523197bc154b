"""The service object of identity, and the dependencies that its routes use."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.identity.actions.context import Identity
from services.identity.store.unit_of_work import Unit
from shared.service.running import needs
from shared.service.runtime import RuntimeService


@dataclass(frozen=True)
class IdentityService(RuntimeService):
    """One process of identity: its runtime and the context of its actions."""

    identity: Identity


async def _identity(service: Annotated[IdentityService, needs(IdentityService)]) -> Identity:
    return service.identity


Running = Annotated[Identity, Depends(_identity)]


async def _unit(identity: Running) -> AsyncIterator[Unit]:
    async with identity.begin() as unit:
        yield unit


# scope="function" commits before the response leaves.
Work = Annotated[Unit, Depends(_unit, scope="function")]
