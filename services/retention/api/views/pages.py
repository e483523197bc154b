"""Pages of any items."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from shared.http.models import Page

S = TypeVar("S")

T = TypeVar("T")


def page_out(
    found: Sequence[S], limit: int, view: Callable[[S], T], key: Callable[[S], object]
) -> Page[T]:
    """Return a page of at most `limit` items; `found` has one item more if others follow."""
    last = key(found[limit - 1]) if len(found) > limit else None
    return Page.of([view(one) for one in found[:limit]], last=last)
