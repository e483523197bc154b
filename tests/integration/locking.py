"""Requests that meet at a lock of the database."""

import asyncio

from sqlalchemy import text

from shared.testing import eventually


async def locked_while(db, lock, *requests):
    """Lock rows by the statement `lock` until all requests wait for a lock, then free them; return the responses.

    They begin one after the other, so that the first one has the lock first.
    """
    sent = []
    async with db.begin() as connection:
        await connection.execute(text(lock))

        async def all_wait():
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return (await connection.execute(waiting)).scalar_one() >= len(sent)

        for request in requests:
            sent.append(asyncio.create_task(request))
            await eventually(all_wait)
    return await asyncio.gather(*sent)
