"""Requests are counted by route template, status class and duration; what callers type is in no label."""

from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from prometheus_client import REGISTRY, generate_latest
from starlette.types import Message, Receive, Scope, Send

from shared.core.errors import NotAuthorised, NotFound, Unavailable
from shared.core.problem_codes import Common
from shared.core.spans import Kind
from shared.http.app import RequestContext, recorded
from shared.http.docs import page

PLATE = "4REQ468"
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


class Recorded:
    """A tracer and its one span: records how the span of each request ended."""

    traceparent = "00-" + 32 * "1" + "-" + 16 * "2" + "-01"

    def __init__(self) -> None:
        self.begun = 0
        self.ended: list[tuple[str | None, str | None]] = []

    def samples(self) -> bool:
        return True

    def begin(self, name: str, kind: Kind, **of: object) -> "Recorded":
        self.begun += 1
        return self

    def end(self, *, name: str | None = None, error: str | None = None, **of: object) -> None:
        self.ended.append((name, error))


@pytest.mark.clause("wall/traces")
async def test_every_requests_span_ends_and_probes_have_none_below_a_prefix_either() -> None:
    tracer = Recorded()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].endswith("/gone"):
            return  # its client has left: there is no answer
        if scope["path"].endswith("/broken"):
            raise RuntimeError
        await PlainTextResponse("", 503)(scope, receive, send)

    traced = RequestContext(app, service="traced", root_path="/below", tracer=tracer)

    async def ask(path: str) -> None:
        scope = {"type": "http", "method": "GET", "path": path, "headers": []}
        with suppress(RuntimeError):
            await traced(scope, never, nowhere)

    for probe in ("/livez", "/below/readyz", "/below/metrics"):
        await ask(probe)
    assert tracer.begun == 0
    await ask("/below/v1/things")
    assert tracer.ended[0] == ("other other", "503")
    for path in ("/gone", "/broken"):
        tracer.ended.clear()
        await ask(path)
        assert tracer.ended[0][1] == ("unanswered" if path == "/gone" else "500")
    assert tracer.begun == 3


async def never() -> Message:
    raise AssertionError("no body is read")


async def nowhere(message: Message) -> None:
    """Send nothing."""


async def test_the_page_of_an_api_finds_its_document_below_a_prefix() -> None:
    scope = {"type": "http", "app": FastAPI(title="Hotlist"), "root_path": "/hotlist"}
    text = bytes((await page(Request(scope))).body).decode()
    for path in ("/hotlist/openapi.json", "/hotlist/docs/swagger-ui.js"):
        assert path in text


async def test_a_refusal_that_cannot_be_recorded_is_answered_as_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(request: Request, refusal: NotAuthorised) -> None:
        raise Unavailable(Common.DATABASE_AWAY)

    refusal = NotAuthorised(Common.DEPARTMENT_ONLY)
    monkeypatch.setattr("shared.http.app.record_unrecorded", away)
    request = Request({"type": "http"})
    assert isinstance(await recorded(request, refusal), Unavailable)
    missing = NotFound(Common.ROUTE_UNKNOWN)
    assert await recorded(request, missing) is missing
