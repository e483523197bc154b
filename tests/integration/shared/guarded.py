"""A small app whose routes have the guard."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel

from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.access.guard import access
from shared.access.rule_refusals import record_refusal
from shared.core.errors import Conflict, NotAuthorised, NotFound, ProblemCode
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import AccessAttempted
from shared.http.app import Work
from shared.service.api_runtime import ApiService
from shared.service.running import service_of
from tests.integration.serving import client_of

router = APIRouter()


class Sample(ProblemCode):
    """The refusals of the small app."""

    TOLD_TOO_LATE = Conflict, "told too late"
    RULE = NotAuthorised, "the rule says no"


class Search(BaseModel):
    """A search."""

    plate: str
    password: str = ""


@router.post("/v1/search")
async def search(
    body: Search, grant: Annotated[Grant, access(Permission.RECORD_SEARCH)], work: Work
) -> list[str]:
    """Find one record, always the same."""
    shown = Disclosed(record_id="read-1", captured=grant.now, plates=["7ABC123"])
    await disclose(work.connection, grant, "read", [shown])
    if body.plate == "CONFLICT":
        raise Conflict(Sample.TOLD_TOO_LATE)
    return ["read-1"]


@router.get("/v1/alerts")
async def alerts(
    grant: Annotated[Grant, access(Permission.ALERT_RECEIVE)], device: str = ""
) -> str:
    """Need no declared purpose."""
    return grant.principal.name


@router.get("/v1/missing")
async def missing(grant: Annotated[Grant, access(Permission.ACCOUNT_SELF)]) -> None:
    """Is never there."""
    raise NotFound(Common.OBJECT_MISSING)


@router.get("/v1/ruled/{how}")
async def ruled(
    how: str, request: Request, grant: Annotated[Grant, access(Permission.ACCOUNT_SELF)]
) -> None:
    """Is refused by a rule behind the guard, which takes care of the record itself or leaves it to others."""
    refusal = NotAuthorised(Sample.RULE)
    if how == "told":
        refusal.on_record = True
    if how == "recorded":
        await record_refusal(request, grant, refusal.detail)
    raise refusal


@pytest.fixture
async def app(sample_app):
    app = sample_app(router)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app):
    async with client_of(app, "sample") as client:
        yield client


@pytest.fixture
async def attempts(app, bus):
    async def read():
        await service_of(app, ApiService).runtime.relay.drain()
        return bus.events(AccessAttempted)

    return read
