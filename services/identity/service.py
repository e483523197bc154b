"""The service object of identity, and the dependencies that its routes use."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.identity.actions import keys, rewrap
from services.identity.actions.context import Identity
from services.identity.settings import Settings
from services.identity.store.unit_of_work import Unit
from services.identity.workers import housekeeping, provisioning, startup, tick, watching
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import needs
from shared.service.runtime import Task


@dataclass(frozen=True)
class IdentityService(ApiService):
    """One process of identity: its runtime, the context of its actions, and its background tasks."""

    identity: Identity
    tasks: tuple[Task, ...]

    @classmethod
    def of(cls, runtime: ApiRuntime, settings: Settings) -> "IdentityService":
        """Build the service without starting it."""
        identity = Identity.of(settings, runtime)
        tasks = (
            tick.task(identity, runtime.bus),
            housekeeping.task(identity),
            watching.certificate_task(identity),
            watching.follower(identity, runtime),
            provisioning.follower(identity, runtime),
        )
        return cls(runtime, identity, tasks)

    async def prepare(self) -> None:
        """Check and publish the keys, and announce the accounts. Raises: VaultFault, Unavailable."""
        await rewrap.check_keys(self.identity)
        await keys.prepare(self.identity)
        await startup.recall_people(self.identity)
        await startup.announce_exclusive_roles(self.identity)


async def _identity(service: Annotated[IdentityService, needs(IdentityService)]) -> Identity:
    return service.identity


Running = Annotated[Identity, Depends(_identity)]


async def _unit(identity: Running) -> AsyncIterator[Unit]:
    async with identity.begin() as unit:
        yield unit


# scope="function" commits before the response leaves.
Work = Annotated[Unit, Depends(_unit, scope="function")]
