"""The planner's statistics: samples of column values, which outlive the rows.

Each schema with sightings has a function, owned by its owner, that renews its samples; a purge calls it. Of columns
that describe sightings for a short time the migrations allow no samples.
"""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FORGET = text("SELECT forget_statistics()")


async def forget_statistics(connection: AsyncConnection) -> None:
    """Remove the values of deleted rows from the planner's samples."""
    await connection.execute(_FORGET)


def forgetting(schema: str, body: str) -> str:
    """Return the statement that makes the function `forget_statistics` of a schema, whose body lacks its END."""
    return f"""
        CREATE OR REPLACE FUNCTION forget_statistics() RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = {schema}, pg_temp SET timezone = 'UTC' AS $$
        {body}
        END $$
    """


def never_sample(table: str, columns: Mapping[str, str]) -> str:
    """Return the statement that deletes samples of columns and forbids more. `columns` are types by name.

    Postgres deletes a column's samples when its type is changed, to the same type as well.
    """
    changes = (
        f"ALTER {name} SET STATISTICS 0, ALTER {name} TYPE {kind}" for name, kind in columns.items()
    )
    return f"ALTER TABLE {table} {', '.join(changes)}"


def sample_again(table: str, columns: Mapping[str, str]) -> str:
    """Return the statement that allows samples of columns again."""
    changes = (f"ALTER {name} SET STATISTICS -1" for name in columns)
    return f"ALTER TABLE {table} {', '.join(changes)}"
