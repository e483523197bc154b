"""The changes of the log's signing key. They are entries of the log, found through an index."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.succession import KeyChange, key_change
from services.audit.store.log import ROW_COLUMNS, Row, row_of

KIND = "signing_key.changed"

_ROWS = text(
    f"SELECT {ROW_COLUMNS} FROM entries"  # noqa: S608 - constants
    f" WHERE kind = '{KIND}' AND seq < :before ORDER BY seq"
)
_LATEST_SEQ = 1 << 62


class KeyChanges:
    """Reads the entries that change the key for checkpoints."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def rows(self, before: int = _LATEST_SEQ) -> list[Row]:
        """Return the entries before number `before` that change the key, in the log's order."""
        found = await self._connection.execute(_ROWS, {"before": before})
        rows = [row_of(row) for row in found]
        return [row for row in rows if key_change(row.seq, row.content) is not None]

    async def all(self) -> Sequence[KeyChange]:
        """Return all changes of the key, in the log's order."""
        changes = [key_change(row.seq, row.content) for row in await self.rows()]
        return [change for change in changes if change is not None]
