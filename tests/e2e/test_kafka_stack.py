"""The whole stack on Apache Kafka with ACLs: every service works with the rights that the registry gives it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.kafka.run import ApacheKafka
from local.stack.launch import running
from local.stack.services import APIS, WORKERS
from shared.kafka.acls import principals
from shared.service.runtime import ONE_COPY
from shared.testing import eventually

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.apache,
    pytest.mark.smoke,
    pytest.mark.clause("wall/kafka"),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    kafka = ApacheKafka(tmp_path_factory.mktemp("kafka"), principals=principals())
    kafka.start(within_s=180)
    try:
        yield kafka
    finally:
        kafka.stop()


async def test_every_service_is_ready_with_a_certificate_of_its_own(node: ApacheKafka) -> None:
    given = {
        "KAFKA_BOOTSTRAP": node.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_CA_FILE": str(node.folder / "tls" / "{service}" / "ca.pem"),
        "KAFKA_CERTIFICATE_FILE": str(node.folder / "tls" / "{service}" / "client.pem"),
        "KAFKA_KEY_FILE": str(node.folder / "tls" / "{service}" / "client.key"),
    }
    services = ["--services", ",".join((*APIS, *WORKERS)), "--separate", "--port", "0"]
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as name,
        running(Path(name), *services, environment=given, within_s=400) as stack,
    ):
        async with httpx.AsyncClient(timeout=30) as client:
            for service in (*APIS, *WORKERS):

                async def ready(url: str = stack.urls[service]) -> bool:
                    return (await client.get(f"{url}/readyz")).status_code == 200

                await eventually(ready, within_s=60)
                state = (await client.get(f"{stack.urls[service]}/readyz")).json()
                assert state["topics"] == ONE_COPY, service
                assert "consumers" not in state, service
