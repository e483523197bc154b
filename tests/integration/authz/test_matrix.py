"""Every route, as every role, in every condition of a request: the answer is that of the policy's tables."""

import base64
import json
import os
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Annotated
from uuid import UUID

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from services.registry import SPECS, names
from services.retention.events import subscriptions
from services.retention.service import RetentionService
from shared.access.grant import Grant
from shared.access.guard import access
from shared.core.permissions import Permission
from shared.events import ReadsRecorded
from shared.http.app import OPEN
from shared.service.api_runtime import ApiRuntime, ApiService
from shared.service.running import service_of
from shared.service.spec import Kind
from shared.testing import TestRoot, all_mac_keys, mac_key_text
from shared.testing.reads import recorded
from tests.integration.authz.expected import (
    PUBLIC,
    Matter,
    Tables,
    cases_of,
    routes_of,
    some,
    undeclared,
)
from tests.integration.authz.matrix import SECRET_PLATE, Matrix
from tests.integration.retention.conftest import a_read

SERVICES = names(Kind.API)
SMOKE = 40
"""Cases of each service in the ordinary tests; `make authz-matrix` sends them all."""

KEY = base64.b64encode(bytes(range(32))).decode()
READ = "00000000-0000-4000-8000-0000000000a1"


@pytest.fixture
def tables(repository):
    return Tables.of(repository / "policy.toml")


@pytest.fixture
def service_settings(settings, service, clock):
    """The settings of one service, without limits on refusals, because this test causes refusals."""
    own = {
        "audit_event_mac_keys": all_mac_keys(),
        "audit_signing_key": KEY,
        "audit_values_key": base64.b64encode(bytes(range(32, 64))).decode(),
        "hotlist_id_key": KEY,
        **TestRoot().settings(now=clock.now()),
        "identity_key_encryption_key": KEY,
        **TestRoot().settings("ingest_signing", "captures"),
        "ingest_id_key": KEY,
    }
    kind = SPECS[service].settings_class()
    return kind(
        **{
            **settings.model_dump(),
            "event_mac_key": mac_key_text(service),
            "refusals_burst": 1_000_000,
            **{name: value for name, value in own.items() if name in kind.model_fields},
        }
    )


@pytest.fixture
async def matrix(service, service_settings, bus, objects, clock, authority, policy, tables):
    """A started service, with a record of the department's in retention."""
    runtime = ApiRuntime(
        SPECS[service],
        service_settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
    )
    app = import_module(f"services.{service}.main").build_app(service_settings, runtime)
    async with app.router.lifespan_context(app):
        seeded = {}
        if service == "retention":
            read = a_read(SECRET_PLATE, clock.now(), read_id=UUID(READ))
            [store] = [
                subscription.handlers[ReadsRecorded]
                for subscription in subscriptions(service_of(app, RetentionService))
                if ReadsRecorded in subscription.handlers
            ]
            await store(recorded(read))
            seeded = {"read_id": READ}
        yield app, Matrix(app, runtime, bus, authority, tables, seeded)


def count(service, sent, wrong):
    """Add a service's counts to the report of `make authz-matrix`, if one is asked for."""
    if report := os.environ.get("AUTHZ_REPORT"):
        path = Path(report)
        found = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**found, service: [sent, wrong]}))


@pytest.mark.clause("468.2/matrix")
@pytest.mark.parametrize("service", SERVICES)
async def test_every_answer_matches_the_policys_tables(service, matrix, tables):
    app, sender = matrix
    routes = routes_of(service, app.openapi())
    assert undeclared(routes) == []
    cases = list(cases_of(routes, tables))
    assert len(cases) > 300
    whole = os.environ.get("AUTHZ_CASES") == "all"
    chosen = cases if whole else some(cases, SMOKE, seed=468)
    wrong = await sender.wrong(chosen)
    for fault in wrong:
        print(f"WRONG {fault}")
    count(service, len(chosen), len(wrong))
    assert wrong == [], Counter(fault.partition(" as ")[0] for fault in wrong)
    if service == "retention" and whole:
        assert sender.shown > 0


@pytest.mark.clause("468.2/matrix")
@pytest.mark.parametrize("service", SERVICES)
async def test_the_openapi_document_contains_every_route(service, matrix):
    app, _ = matrix
    told = {(route.method, route.path) for route in routes_of(service, app.openapi())}
    for context in iter_route_contexts(app.routes):
        if isinstance(context.route, APIRoute) and context.path not in OPEN - set(PUBLIC):
            for method in context.route.methods:
                assert (method, context.path) in told


planted = APIRouter()


@planted.get("/v1/planted")
async def unguarded() -> str:
    """Declares no guard and has none."""
    return SECRET_PLATE


@planted.post("/v1/pretended", openapi_extra={"x-permission": "record:search"})
async def pretended() -> str:
    """Declares a permission that it does not check."""
    return SECRET_PLATE


@planted.get("/v1/swapped", openapi_extra={"x-permission": "record:search"})
async def swapped(grant: Annotated[Grant, access(Permission.ACCOUNT_SELF)]) -> str:
    """Is guarded as declared, since the document is made from the guard."""
    return grant.principal.name


@pytest.fixture
async def sample(sample_app, bus, authority, tables):
    app = sample_app(planted)
    async with app.router.lifespan_context(app):
        yield app, Matrix(app, service_of(app, ApiService).runtime, bus, authority, tables, {})


@pytest.mark.clause("468.2/matrix")
async def test_a_route_without_a_guard_is_found(sample, tables):
    app, sender = sample
    routes = routes_of("sample", app.openapi())
    assert undeclared(routes) == ["sample GET /v1/planted"]
    cases = [case for case in cases_of(routes, tables) if case.route.path == "/v1/pretended"]
    wrong = await sender.wrong(cases)
    assert len(wrong) == len(cases) > 90
    assert any("shows a record" in fault for fault in wrong)
    assert any("no attempt on record" in fault for fault in wrong)


async def test_a_guarded_route_is_not_reported(sample, tables):
    app, sender = sample
    routes = routes_of("sample", app.openapi())
    cases = [case for case in cases_of(routes, tables) if case.route.path == "/v1/swapped"]
    assert {case.matter for case in cases} == set(Matter) - {Matter.OWN}
    assert await sender.wrong(cases) == []
