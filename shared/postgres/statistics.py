"""Renews the planner's statistics, whose samples of column values outlive the rows.

Each schema with sightings has a function, owned by its owner, that renews them; a purge calls it.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FORGET = text("SELECT forget_statistics()")


async def forget_statistics(connection: AsyncConnection) -> None:
    """Remove the values of deleted rows from the planner's samples.

    A table that is now empty keeps its old samples until it has rows; audit's function renews those of empty months.
    """
    await connection.execute(_FORGET)
