"""What Postgres' planner remembers of columns: samples of their values, which outlive the rows.

Each schema with sightings has a function of its owner's that renews them; whoever purged calls it.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FORGET = text("SELECT forget_statistics()")


async def forget_statistics(connection: AsyncConnection) -> None:
    """Have the planner forget the values of rows that are gone. A table that is empty now keeps its old samples."""
    await connection.execute(_FORGET)
