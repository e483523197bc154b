"""Postgres's notices: how replicas hear at once of one another's hits and activations.

A notice is only a hint to look. Where it is missed (a lost connection, a pooler between), each of
those who are waked also looks by itself every few seconds.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import asyncpg

from shared.database_settings import DatabaseLink

log = logging.getLogger(__name__)

RECONNECT_S = 2.0


class Notices:
    """Listens to channels on a connection of its own, and sets an event for each notice.

    What is signed with `own` was sent from here, where those concerned are woken without a notice.
    """

    def __init__(
        self, database: DatabaseLink, channels: Mapping[str, asyncio.Event], own: str
    ) -> None:
        self._database = database
        self._channels = channels
        self._own = own
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    def start(self) -> None:
        """Listen in the background."""
        self._task = asyncio.create_task(self._run(), name="postgres notices")

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def connected(self) -> None:
        """Return once notices are heard."""
        await self._connected.wait()

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
                log.warning("notices not heard: %s", type(exc).__name__)
            self._connected.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _listen(self) -> None:
        ended = asyncio.Event()
        connection = await asyncpg.connect(
            self._database.dsn, timeout=5, **self._database.arguments
        )
        try:
            connection.add_termination_listener(lambda _: ended.set())
            for channel in self._channels:
                await connection.add_listener(channel, self._hear)
            self._connected.set()
            for event in self._channels.values():  # what happened before is looked for too
                event.set()
            await ended.wait()
        finally:
            await connection.close(timeout=2)

    def _hear(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if payload != self._own:
            self._channels[channel].set()
