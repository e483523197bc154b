"""Listens to Postgres notices, by which replicas learn at once of each other's hits and activations.

A notice is only a hint. The tasks that it wakes also poll every few seconds, in case a notice is lost
(a broken connection, a pooler between).
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import asyncpg

from shared.core.errors import DependencyDown
from shared.core.periodic import PeriodicTask
from shared.postgres.settings import DatabaseLink

RECONNECT_S = 2.0


class Notices:
    """Listens to channels on its own connection and calls the functions of the channel that has a notice.

    Ignores notices with the payload `own`: this process sent them and has woken its tasks already.
    """

    def __init__(
        self, database: DatabaseLink, channels: Mapping[str, Sequence[Callable[[], None]]], own: str
    ) -> None:
        self._database = database
        self._channels = channels
        self._own = own
        self.task = PeriodicTask("postgres notices", self._listen, RECONNECT_S, at_once=True)
        self._connected = asyncio.Event()

    async def connected(self) -> None:
        """Return once the connection listens to all channels."""
        await self._connected.wait()

    async def _listen(self) -> None:
        """Listen until the connection ends. Raises: Unavailable then; the task reconnects."""
        try:
            await self._receive()
        except (
            OSError,
            TimeoutError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,
        ) as exc:
            raise DependencyDown(f"Postgres notices do not arrive: {type(exc).__name__}") from exc
        finally:
            self._connected.clear()
        raise DependencyDown("Postgres notices do not arrive: the connection ended")

    async def _receive(self) -> None:
        ended = asyncio.Event()
        connection = await asyncpg.connect(
            self._database.dsn, timeout=5, **self._database.arguments
        )
        try:
            connection.add_termination_listener(lambda _: ended.set())
            for channel in self._channels:
                await connection.add_listener(channel, self._on_notice)
            self._connected.set()
            self.task.works()
            for channel in self._channels:  # also catch changes from before the connection
                self._wake(channel)
            await ended.wait()
        finally:
            await connection.close(timeout=2)

    def _on_notice(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if payload != self._own:
            self._wake(channel)

    def _wake(self, channel: str) -> None:
        for wake in self._channels[channel]:
            wake()
