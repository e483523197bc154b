"""Fetches the picture of a hit from the object store."""

from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.objects.store import ObjectStore, in_time

FETCHED_WITHIN_S = 5.0
"""The longest wait for a picture: the request holds a connection to Postgres meanwhile, and the matcher needs one."""


async def fetch(objects: ObjectStore, key: str) -> bytes:
    """Return the picture at `key`. Raises: NotFound; Unavailable, also if the store does not send it in time."""
    async with in_time(FETCHED_WITHIN_S, Unavailable(Common.OBJECT_STORE_AWAY)):
        return await objects.get(key)
