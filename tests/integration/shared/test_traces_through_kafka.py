"""One trace from a camera's POST to the officer's alert: ingest, a real broker, hotlist, the alert stream."""

import base64
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from services.hotlist.main import build_app as build_hotlist
from services.hotlist.settings import Settings as HotlistSettings
from services.ingest.main import build_app as build_ingest
from services.ingest.settings import Settings as IngestSettings
from services.registry import SPECS
from shared.core.clock import SystemClock
from shared.service.api_runtime import ApiRuntime
from shared.testing import TestAuthority, TestRoot, eventually, mac_key_text
from tests.integration.collector import collecting
from tests.integration.hotlist.conftest import Hotlist, Streams, served
from tests.integration.ingest.conftest import Station
from tests.integration.serving import client_of, started
from tests.servers import make_database

PLATE, CAMERA = "7ABC123", "Cypress at Main"
READS = "alpr.read.recorded"

pytestmark = pytest.mark.clause("wall/traces")


@pytest.fixture(scope="module")
def database(postgres):
    yield make_database(postgres, "traced", ["ingest", "hotlist"])
    postgres.drop_database("traced")


@pytest.fixture
def clock():
    return SystemClock()


@pytest.fixture
def collector():
    with collecting() as found:
        yield found


@pytest.fixture
def common(broker, repository, collector, tmp_path):
    key = base64.b64encode(bytes(32)).decode()
    return {
        "policy_file": repository / "policy.toml",
        "root_public_keys": TestRoot().public,
        "object_store_url": f"file://{tmp_path}/objects",
        "kafka_bootstrap": broker.bootstrap,
        "kafka_empty_fetch_pause_ms": 5,
        "database_pool_size": 3,
        "ingest_id_key": key,
        "hotlist_id_key": key,
        "otel_exporter_otlp_endpoint": collector.address,
        "traces_ratio": 1.0,
    }


@pytest.fixture
def ingest(common, postgres, database, authority, policy):
    """Runs ingest on the broker; gives a camera and a function that posts its reads."""
    settings = IngestSettings(
        **common,
        **TestRoot().settings("ingest_signing", "captures"),
        database_url=postgres.service_url("ingest", "traced"),
        event_mac_key=mac_key_text("ingest"),
    )

    @asynccontextmanager
    async def run():
        runtime = ApiRuntime(SPECS["ingest"], settings, people=authority.people, policy=policy)
        async with started(build_ingest, runtime) as app, client_of(app, "ingest") as client:
            yield Station(app, client, None, None, authority.clock, authority)

    return run


@pytest.fixture
def hotlist(common, postgres, database, authority, policy):
    """Runs hotlist on the broker."""
    settings = HotlistSettings(
        **common,
        database_url=postgres.service_url("hotlist", "traced"),
        event_mac_key=mac_key_text("hotlist"),
        hotlist_heartbeat_s=0.1,
        hotlist_poll_s=0.2,
    )

    @asynccontextmanager
    async def run():
        runtime = ApiRuntime(SPECS["hotlist"], settings, people=authority.people, policy=policy)
        app = build_hotlist(settings, runtime)
        async with (
            app.router.lifespan_context(app),
            served(app) as base_url,
            httpx.AsyncClient(base_url=base_url, timeout=30) as client,
        ):
            yield Hotlist(app, runtime, client, authority, None, authority.clock), base_url

    return run


@pytest.fixture
def authority(clock):
    return TestAuthority(clock)


async def post(station, credential, number, plate):
    read = station.read(number, plate=plate)
    read["captured_at"] = (station.clock.now() - timedelta(milliseconds=5)).isoformat()
    answer = await station.post_reads(credential, [read])
    assert answer.status_code == 202, answer.text
    return answer.headers["traceparent"][3:35]


async def test_a_read_has_one_trace_from_its_post_to_the_officers_alert(
    ingest, hotlist, collector, authority
):
    async with ingest() as station, hotlist() as (service, base_url):
        await service.listed(PLATE, source="state")
        camera = await station.register(CAMERA)
        async with Streams(base_url, authority).open() as stream:
            await eventually(lambda: stream.events)
            trace_id = await post(station, camera["credential"], 1, PLATE)
            await eventually(lambda: stream.alerts, within_s=20)
            [alert] = stream.alerts
    one = {span.name: span for span in collector.spans if span.trace_id == trace_id}
    steps = ["POST /v1/reads", f"publish {READS}", f"process {READS}", "alert"]
    assert {*steps, "transaction"} <= set(one)
    assert [one[name].service for name in steps] == ["ingest", "ingest", "hotlist", "hotlist"]
    assert [one[name].kind for name in steps] == ["server", "producer", "consumer", "internal"]
    for parent, child in pairwise(steps):
        assert one[child].parent_id == one[parent].span_id
    assert one["process alpr.read.recorded"].attributes == {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": READS,
        "messaging.consumer.group.name": f"hotlist-{READS}",
        "messaging.batch.message_count": 1,
    }
    relayed = [
        span
        for span in collector.spans
        if (span.trace_id, span.service, span.kind) == (trace_id, "hotlist", "producer")
    ]
    assert relayed, "what the outbox published of the hit is in the trace too"
    values = (PLATE, CAMERA, alert["device_id"], alert["hit_id"], alert["read_id"], "CA0520100")
    for value in values:
        assert not [body for body in collector.bodies if value.encode() in body]


async def test_a_batch_is_linked_with_the_trace_of_each_post_in_it(
    ingest, hotlist, collector, authority
):
    async with ingest() as station:
        camera = await station.register("Walnut at Oak")
        posted = [await post(station, camera["credential"], n, f"1AAA{n:03}") for n in range(5)]
    async with hotlist() as (service, _):
        consumer = service.runtime._consumers[0]
        await eventually(lambda: _worked(collector, service), within_s=20)
        assert consumer.failing is None
    batches = collector.named(f"process {READS}")
    found = {trace_id for span in batches for trace_id in (span.trace_id, *span.linked)}
    assert set(posted) <= found
    assert sum(span.attributes["messaging.batch.message_count"] for span in batches) >= len(posted)
    assert len(batches) < len(posted), "the reads waited, and are worked in batches"


def _worked(collector, service):
    """Whether hotlist has no read left: the lag of every partition is zero."""
    from shared.kafka.consumer_lag import LAG

    lags = [
        sample.value
        for metric in LAG.collect()
        for sample in metric.samples
        if sample.labels["group"] == f"hotlist-{READS}"
    ]
    return lags and not any(lags)
