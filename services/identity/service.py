"""The running service as its routes ask for it."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from services.identity.actions.context import Identity
from services.identity.store.unit_of_work import Unit


def identity_of(request: Request) -> Identity:
    """Return the parts of the app that serves `request`."""
    identity = request.app.state.identity
    assert isinstance(identity, Identity)  # noqa: S101 - for the type checker; build_app sets it
    return identity


Parts = Annotated[Identity, Depends(identity_of)]


async def _unit(identity: Parts) -> AsyncIterator[Unit]:
    async with identity.begin() as unit:
        yield unit


# scope="function" commits before the response leaves.
Work = Annotated[Unit, Depends(_unit, scope="function")]
