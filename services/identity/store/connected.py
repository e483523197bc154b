"""The base of stores that run statements with named values."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Connected:
    """A store over a connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def _run(self, statement: str, **values: Any) -> Any:
        """Execute a statement with its named values; return the driver's result."""
        return await self._connection.execute(text(statement), values)
