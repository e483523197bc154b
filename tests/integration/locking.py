"""Requests that meet at a lock of the database."""

import asyncio

from sqlalchemy import text

from shared.testing import eventually


async def locked_while(db, lock, *requests):
    """Lock rows by the statement `lock` until all requests wait for a lock, then free them; return the responses."""
    async with db.begin() as connection:
        await connection.execute(text(lock))
        sent = [asyncio.create_task(request) for request in requests]

        async def all_wait():
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return (await connection.execute(waiting)).scalar_one() >= len(sent)

        await eventually(all_wait)
    return await asyncio.gather(*sent)
