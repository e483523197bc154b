"""The machine of an installation in containers: its commands run in the services' containers."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.demo.department import Role


@dataclass
class Host:
    """Who may run commands in the services' containers."""

    execute: Callable[..., str]
    """Runs a command in a container of a service; returns what it printed. Arguments: the service, the command."""

    async def bootstrap(self, first: Role) -> str:
        """Invite the first administrator."""
        named = ("--username", first.username, "--name", first.name, "--title", first.title)
        return await self._invitation("bootstrap", *named)

    async def deliver_invitation(self, username: str) -> str:
        """Show an invitation."""
        return await self._invitation("deliver-invitation", "--username", username)

    def plateward(self, service: str, *command: str) -> Any:
        """Return the JSON that a command of `plateward` prints in a container of a service."""
        return json.loads(self.execute(service, "python", "-m", "plateward", *command, "--json"))

    async def _invitation(self, *command: str) -> str:
        said = await asyncio.to_thread(self.plateward, "identity", *command)
        return str(said["invitation_token"])
