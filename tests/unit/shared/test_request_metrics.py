"""Requests are counted by route template, status class and duration; what callers type is in no label."""

from collections.abc import AsyncIterator
from itertools import count

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY, generate_latest

from shared.http.app import RequestContext

PLATE = "7ABC123"
SERVICES = (f"counted {number}" for number in count())


@pytest.fixture
def service() -> str:
    """The name of a service that no other test counts."""
    return next(SERVICES)


@pytest.fixture
async def client(service: str) -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter()

    @router.get("/v1/things/{thing_id}")
    async def thing(thing_id: str) -> str:
        return thing_id

    @router.get("/v1/broken")
    async def broken() -> None:
        raise RuntimeError

    @router.get("/v1/streams")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            raise RuntimeError

        return StreamingResponse(pieces())

    app = FastAPI()
    app.include_router(router)
    app.add_middleware(RequestContext, service=service, root_path="/below")
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as one:
        yield one


def answered(service: str, method: str, route: str, status: str) -> float | None:
    labels = {"service": service, "method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("alpr_requests_total", labels)


async def test_a_request_counts_under_its_template_with_and_without_the_prefix(
    client: httpx.AsyncClient, service: str
) -> None:
    assert (await client.get(f"/v1/things/{PLATE}")).status_code == 200
    assert (await client.get("/below/v1/things/2?plate=x")).status_code == 200
    route = "/v1/things/{thing_id}"
    assert answered(service, "GET", route, "2xx") == 2
    labels = {"service": service, "method": "GET", "route": route}
    assert REGISTRY.get_sample_value("alpr_request_seconds_count", labels) == 2


async def test_what_a_caller_types_is_in_no_label(client: httpx.AsyncClient, service: str) -> None:
    assert (await client.get(f"/v1/{PLATE}")).status_code == 404
    assert (await client.request(PLATE, "/v1/things/1")).status_code == 405
    assert answered(service, "other", "other", "4xx") == 1
    assert answered(service, "other", "/v1/things/{thing_id}", "4xx") == 1
    assert PLATE not in generate_latest().decode()


async def test_an_unexpected_error_counts_as_one_failure(
    client: httpx.AsyncClient, service: str
) -> None:
    assert (await client.get("/v1/broken")).status_code == 500
    assert answered(service, "GET", "/v1/broken", "5xx") == 1


async def test_a_stream_that_breaks_counts_once_by_the_status_it_began_with(
    client: httpx.AsyncClient, service: str
) -> None:
    await client.get("/v1/streams")
    assert answered(service, "GET", "/v1/streams", "2xx") == 1
    assert answered(service, "GET", "/v1/streams", "5xx") is None
