"""Typed handlers of exceptions."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request, Response
from starlette.applications import Starlette

E = TypeVar("E", bound=Exception)


def add_handler(
    app: Starlette, kind: type[E], answer: Callable[[Request, E], Awaitable[Response]]
) -> None:
    """Register `answer` as an app's handler of a class of exceptions and its subclasses."""

    async def handle(request: Request, exc: Exception) -> Response:
        if not isinstance(exc, kind):
            raise exc
        return await answer(request, exc)

    app.add_exception_handler(kind, handle)
