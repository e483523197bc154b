"""Reads lists page by page."""

from collections.abc import Awaitable, Callable
from typing import Any


async def pages(fetch: Callable[[str], Awaitable[Any]], path: str) -> list[list[Any]]:
    """Return the items of each page of a list with one item a page. `fetch` gets a page as JSON.

    The last page is empty: only then does a service know that nothing follows.
    """
    found, after = [], ""
    while True:
        page = await fetch(f"{path}?limit=1{after}")
        found.append(page["items"])
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


async def paged(fetch: Callable[[str], Awaitable[Any]], path: str) -> list[Any]:
    """Return the items of a list of three, read page by page: as in one page, one item on each."""
    whole = (await fetch(path))["items"]
    found = await pages(fetch, path)
    assert found == [*([item] for item in whole), []]
    assert len(whole) == 3
    return whole
