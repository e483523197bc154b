"""The counted figures: those for anyone, and the exact ones for auditors (policy 468.2)."""

from asyncio import Lock
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from services.console.actions.errors import Refused
from services.console.actions.person_client import PersonClient
from services.console.actions.services import Services, content
from shared.core.clock import Clock

READY_FOR = timedelta(minutes=5)
"""So long the figures are not read again; they change once a month."""


@dataclass(frozen=True)
class FiguresFile:
    """The public figures, as audit sends them, with their entity tag."""

    body: bytes
    tag: str
    content: Any


class PublicFigures:
    """Reads the public figures at most once in `READY_FOR`, so that no visitor costs the other services anything."""

    def __init__(self, services: Services, clock: Clock) -> None:
        self._services = services
        self._clock = clock
        self._read: FiguresFile | None = None
        self._until = datetime.min.replace(tzinfo=UTC)
        self._reading = Lock()

    async def read(self) -> FiguresFile:
        """Return the figures; older ones while audit does not answer. Raises: Refused if there are none."""
        async with self._reading:
            now = self._clock.now()
            if self._read is None or now >= self._until:
                self._read = await self._renewed()
                self._until = now + READY_FOR
            return self._read

    async def _renewed(self) -> FiguresFile:
        try:
            answer = await self._services.request("audit", "GET", "/v1/figures")
            return FiguresFile(answer.content, answer.headers.get("ETag", ""), content(answer))
        except Refused:
            if self._read is None:
                raise
            return self._read


async def read_exact_figures(client: PersonClient) -> Any:
    """Return all that was counted. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("audit", "GET", "/v1/figures/exact")
