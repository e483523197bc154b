"""Spans of requests and batches: sampled by the department's ratio, without values, and never in the way of work."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from shared.core.logs import configure_logging
from shared.core.spans import (
    MOST_LINKS,
    NO_SPAN,
    Kind,
    batch_span,
    event_span,
    is_traced,
    span,
    traces_of_events,
)
from shared.core.trace import current_traceparent
from shared.service import otlp
from shared.service.api_runtime import ApiService
from shared.service.otlp import OtlpTracer
from shared.service.running import service_of
from tests.integration.collector import collecting
from tests.integration.serving import client_of
from tests.integration.shared.guarded import router

PLATE = "7ABC123"
CALLERS = f"00-{'a' * 32}-{'b' * 16}-01"

pytestmark = pytest.mark.clause("wall/traces")


@pytest.fixture
def collector():
    with collecting() as found:
        yield found


@pytest.fixture
def exporting(settings):
    """Settings with which spans go to an address."""

    def to(address, ratio=1.0):
        return settings.model_copy(
            update={"otel_exporter_otlp_endpoint": address, "traces_ratio": ratio}
        )

    return to


@pytest.fixture
def running(sample_app):
    """Run the sample app with settings; its spans have arrived at the end."""

    @asynccontextmanager
    async def run(settings):
        app = sample_app(router, by=settings)

        @app.get("/broken/{name}")
        async def broken(name: str):
            raise RuntimeError(PLATE)

        async with app.router.lifespan_context(app), client_of(app) as client:
            yield app, client

    return run


def dropped(why):
    values = {"service": "sample", "why": why}
    return REGISTRY.get_sample_value("alpr_spans_dropped_total", values) or 0


def flags_of(bus):
    return {dict(record.headers)["traceparent"][-2:] for record in bus.records}


async def search(client, authority, **headers):
    return await client.post(
        f"/v1/search?note={PLATE}",
        json={"plate": PLATE},
        headers={**authority.headers(), "X-Request-ID": PLATE, **headers},
    )


async def test_a_request_has_a_span_by_route_with_its_transactions_inside(
    running, exporting, collector, authority, bus
):
    async with running(exporting(collector.address)) as (app, client):
        assert (await search(client, authority)).status_code == 200
        await service_of(app, ApiService).runtime.relay.drain()
    [root] = collector.named("POST /v1/search")
    assert (root.service, root.kind, root.parent_id, root.failed) == ("sample", "server", "", False)
    assert root.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/search",
        "http.response.status_code": 200,
    }
    inside = [span for span in collector.spans if span.parent_id == root.span_id]
    assert {span.name for span in inside} == {"transaction"}
    assert {span.trace_id for span in inside} == {root.trace_id}
    assert flags_of(bus) == {b"01"}


async def test_spans_have_no_value_of_a_request(running, exporting, collector, authority):
    account = str(uuid4())
    async with running(exporting(collector.address)) as (_, client):
        await search(client, authority, **authority.headers(account_id=account))
        await client.get(f"/broken/{PLATE}", headers=authority.headers())
        await client.get(f"/nowhere/{PLATE}?plate={PLATE}", headers={"User-Agent": PLATE})
        await client.request(PLATE, "/v1/search")
    assert {span.name for span in collector.spans if span.kind == "server"} == {
        "POST /v1/search",
        "GET /broken/{name}",
        "other other",
        "other /v1/search",
    }
    [broken] = collector.named("GET /broken/{name}")
    assert broken.failed
    assert broken.attributes["error.type"] == "500"
    assert PLATE not in str(collector.spans)
    for value in (PLATE, account, "CA0520100"):
        assert not [body for body in collector.bodies if value.encode() in body]


@pytest.mark.parametrize(("ratio", "flag", "spans"), [(0, "01", 0), (1, "00", 2), (1, "01", 2)])
async def test_the_ratio_alone_decides_and_not_the_callers_flag(
    running, exporting, collector, authority, bus, ratio, flag, spans
):
    callers = f"{CALLERS[:-2]}{flag}"
    async with running(exporting(collector.address, ratio)) as (app, client):
        answers = [await search(client, authority, traceparent=callers) for _ in range(2)]
        await service_of(app, ApiService).runtime.relay.drain()
    roots = collector.named("POST /v1/search")
    assert len(roots) == spans
    assert {root.trace_id for root in roots} <= {"a" * 32}
    assert {root.parent_id for root in roots} <= {"b" * 16}
    wanted = "01" if spans else "00"
    assert {answer.headers["traceparent"][-2:] for answer in answers} == {wanted}
    assert flags_of(bus) == {wanted.encode()}


async def test_a_share_of_requests_is_sampled(running, exporting, collector):
    async with running(exporting(collector.address, 0.5)) as (_, client):
        for _ in range(60):
            await client.get("/nowhere")
    assert 10 < len(collector.spans) < 50


async def test_a_malformed_trace_of_a_caller_is_replaced(running, exporting, collector):
    given = [
        PLATE,
        CALLERS.upper(),
        f"ff{CALLERS[2:]}",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"{CALLERS}-x",
    ]
    async with running(exporting(collector.address)) as (_, client):
        for callers in given:
            await client.get("/nowhere", headers={"traceparent": callers})
    assert len(collector.spans) == len(given)
    assert {span.parent_id for span in collector.spans} == {""}


async def test_the_frameworks_own_spans_which_have_paths_and_queries_cannot_be_turned_on(
    running, exporting, collector, authority, monkeypatch
):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.address)
    async with running(exporting(collector.address)) as (app, client):
        await search(client, authority)
        assert not any(app._telemetry[kind] for kind in ("tracing", "metrics", "logs"))
    assert {span.kind for span in collector.spans} == {"server", "client"}
    assert len(collector.named("POST /v1/search")) == 1
    assert not [body for body in collector.bodies if PLATE.encode() in body]


async def test_health_checks_have_no_spans(running, exporting, collector):
    async with running(exporting(collector.address)) as (_, client):
        for path in ("/livez", "/readyz", "/metrics"):
            await client.get(path)
    assert collector.spans == []


async def test_without_a_collector_no_flag_of_a_caller_travels(running, settings, authority, bus):
    async with running(settings) as (app, client):
        await search(client, authority, traceparent=CALLERS)
        await service_of(app, ApiService).runtime.relay.drain()
    traceparents = {dict(record.headers)["traceparent"] for record in bus.records}
    assert traceparents == {f"{CALLERS[:-2]}00".encode()}


async def test_a_collector_that_is_away_loses_no_event(
    running, exporting, authority, bus, unused_tcp_port
):
    before = dropped("collector")
    async with running(exporting(f"http://127.0.0.1:{unused_tcp_port}")) as (app, client):
        answers = [await search(client, authority) for _ in range(5)]
        await service_of(app, ApiService).runtime.relay.drain()
    assert {answer.status_code for answer in answers} == {200}
    assert len(bus.records) == 2 * len(answers)
    assert dropped("collector") - before >= len(answers)


async def test_no_work_waits_for_a_collector_that_hangs_and_the_queue_is_bounded(
    running, exporting, monkeypatch
):
    monkeypatch.setattr(otlp, "TIMEOUT_S", 0.3)
    monkeypatch.setattr(otlp, "EVERY_MS", 60_000)  # nothing is sent before the stop
    monkeypatch.setattr(otlp, "MOST_WAITING", 3)
    before = dropped("queue"), dropped("collector")
    with collecting(hangs=threading.Event()) as collector:
        async with asyncio.timeout(60):
            async with running(exporting(collector.address)) as (_, client):
                for _ in range(10):
                    assert (await client.get("/nowhere")).status_code == 404
    assert dropped("queue") - before[0] == 7
    assert dropped("collector") - before[1] == 3


@pytest.fixture
async def tracer(collector):
    found = OtlpTracer("sample", collector.address, ratio=1)
    found.start()
    yield found
    await found.stop()


def traceparent(number, flag="01"):
    return f"00-{number:032x}-{number:016x}-{flag}"


async def test_a_batch_has_one_span_with_bounded_links_to_sampled_messages(tracer, collector):
    sampled = [traceparent(number).encode() for number in range(1, 41)]
    others = [None, b"junk", traceparent(99, "00").encode()]
    with batch_span(tracer, "process", Kind.CONSUMER, [*others, *sampled, *sampled], {}):
        assert is_traced()
        with span("inside", Kind.CLIENT):
            pass
    assert not is_traced()
    with batch_span(tracer, "not sampled", Kind.CONSUMER, others, {}):
        assert not is_traced()
    await tracer.stop()
    assert {one.name for one in collector.spans} == {"process", "inside"}
    [batch] = collector.named("process")
    assert batch.trace_id == f"{1:032x}"
    assert batch.parent_id == f"{1:016x}"
    assert batch.linked == [f"{number:032x}" for number in range(2, MOST_LINKS + 2)]
    assert batch.attributes["plateward.links_left_out"] == 40 - 1 - MOST_LINKS
    [inside] = collector.named("inside")
    assert (inside.trace_id, inside.parent_id) == (batch.trace_id, batch.span_id)


async def test_each_event_of_a_batch_is_in_its_own_trace(tracer, collector):
    first, other, unsampled = uuid4(), uuid4(), uuid4()
    own = {first: traceparent(1), other: traceparent(2), unsampled: traceparent(3, "00")}
    found = {}
    with batch_span(tracer, "process", Kind.CONSUMER, own.values(), {}), traces_of_events(own):
        for event_id in own:
            with event_span(event_id, "recognise"):
                found[event_id] = current_traceparent()
        assert current_traceparent()[3:35] == f"{1:032x}"
    assert [one[3:35] for one in found.values()] == [f"{n:032x}" for n in (1, 2, 3)]
    assert [one[-2:] for one in found.values()] == ["01", "01", "00"]
    await tracer.stop()
    events = collector.named("recognise")
    assert [one.trace_id for one in events] == [f"{1:032x}", f"{2:032x}"]
    assert {tuple(one.linked) for one in events} == {(f"{1:032x}",)}


async def test_an_error_is_in_a_span_by_its_type(tracer, collector):
    with (
        pytest.raises(ValueError, match=PLATE),
        batch_span(tracer, "process", Kind.CONSUMER, [traceparent(1)], {}),
    ):
        raise ValueError(PLATE)
    await tracer.stop()
    [failed] = collector.spans
    assert failed.failed
    assert failed.attributes == {"error.type": "ValueError"}
    assert PLATE.encode() not in collector.bodies[0]


async def test_a_log_line_has_the_ids_of_its_request_and_its_trace(
    running, exporting, collector, monkeypatch
):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    configure_logging("json")
    logging.getLogger("of the service").info("outside a request")
    async with running(exporting(collector.address)) as (_, client):
        answer = await client.get(f"/broken/{PLATE}")
        logging.getLogger("of the service").error("failed", exc_info=ValueError(PLATE))
    assert PLATE not in written.getvalue()
    outside, *lines = map(json.loads, written.getvalue().splitlines())
    assert outside["request_id"] is outside["trace_id"] is None
    [line] = [line for line in lines if line["message"].startswith("request ")]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["trace_id"] == answer.headers["traceparent"][3:35]
    assert (line["level"], line["logger"]) == ("ERROR", "shared.http.app")
    [failed] = [line for line in lines if line["message"] == "failed"]
    assert failed["error"].endswith("builtins.ValueError")
    assert failed["time"].endswith("Z")


def test_without_a_collector_a_service_does_not_load_the_sdk(repository):
    code = (
        "import sys, services.ingest.main; from shared.service.traces import tracer_of;"
        "from shared.service.trace_settings import TraceSettings;"
        "assert tracer_of('ingest', TraceSettings()) is None;"
        "loaded = ('opentelemetry.sdk', 'opentelemetry.exporter');"  # FastAPI loads the API's names
        "print([name for name in sys.modules if name.startswith(loaded)])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=True
    )
    assert ended.stdout.strip() == "[]"


def test_work_that_is_not_sampled_makes_no_span_and_costs_next_to_nothing():
    assert span("transaction", Kind.CLIENT) is NO_SPAN
    assert batch_span(None, "process", Kind.CONSUMER, (), {}) is NO_SPAN

    def cost_ns(calls=20_000):
        begun_ns = time.process_time_ns()
        for _ in range(calls):
            with span("transaction", Kind.CLIENT):
                pass
        return (time.process_time_ns() - begun_ns) / calls

    best = min(cost_ns() for _ in range(5))
    print(f"a span that is off: {best:.0f} ns")
    assert best < 5000  # about 200 on an idle machine
