"""Links to a real Apache Kafka by TLS, with a password or a certificate: they work, and all others fail."""

import asyncio
import contextlib
import gc
import logging
import secrets
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from aiokafka.errors import KafkaError

from deploy.compose.make_tls import Signed, Signer, complete
from deploy.kafka.java import jars, java
from deploy.kafka.run import ApacheKafka, Listener
from local.stack.broker import speaks_kafka
from local.stack.launch import running
from local.stack.process import Child, free_port
from local.stack.services import APIS, WORKERS
from plateward.__main__ import status
from shared.core.errors import Unavailable
from shared.events import FindingRaised
from shared.kafka.acls import principals
from shared.kafka.bus import KafkaBus
from shared.kafka.client import Kafka
from shared.kafka.consumer import Consumer, Subscription
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics_admin import ensure_topics
from shared.kafka.topics_check import TopicsCheck
from shared.kafka.trim import Trimmer
from shared.testing import eventually, mac_key
from tests.deploy.reading import compose

pytestmark = [pytest.mark.enable_socket, pytest.mark.apache]

HERE = "127.0.0.1"
USER, PASSWORD = "plateward", secrets.token_urlsafe(24)
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@pytest.fixture(autouse=True)
def leavings() -> Iterator[None]:
    """Collect, with the test that caused them, transports that aiokafka leaves open when TLS is refused.

    Else their ResourceWarning fails whichever test runs when Python collects them.
    """
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Files:
    """Keys and certificates that the test makes, and listeners and clients that show them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ours, self.strangers = Signer("ours"), Signer("a stranger")
        self.ca = self._written("ca.pem", self.ours.certificate)
        self.scram = self._listener("SCRAM", self.ours.sign("kafka", [HERE]))
        self.strange = self._listener("STRANGE", self.strangers.sign("kafka", [HERE]))
        self.elsewhere = self._listener("ELSEWHERE", self.ours.sign("kafka", ["kafka.example.org"]))
        self.mutual = self._mutual()

    @property
    def listeners(self) -> list[Listener]:
        return [self.scram, self.strange, self.elsewhere, self.mutual]

    def by_password(self, door: Listener, password: str = PASSWORD) -> KafkaSettings:
        return KafkaSettings(
            kafka_bootstrap=door.bootstrap,
            kafka_security_protocol="SASL_SSL",
            kafka_ca_file=self.ca,
            kafka_sasl_username=USER,
            kafka_sasl_password_file=self._written(f"{uuid4()}", password.encode()),
        )

    def by_certificate(self, door: Listener, signer: Signer) -> KafkaSettings:
        shown = signer.sign("client")
        return KafkaSettings(
            kafka_bootstrap=door.bootstrap,
            kafka_security_protocol="SSL",
            kafka_ca_file=self.ca,
            kafka_certificate_file=self._written(f"{uuid4()}.pem", shown.certificate),
            kafka_key_file=self._written(f"{uuid4()}.key", shown.key),
        )

    def _mutual(self) -> Listener:
        door = self._listener("MUTUAL", self.ours.sign("kafka", [HERE]), protocol="SSL")
        asked = {
            "ssl.client.auth": "required",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ca),
        }
        return replace(door, settings={**door.settings, **asked})

    def _listener(self, name: str, shown: Signed, protocol: str = "SASL_SSL") -> Listener:
        store = self._written(f"{name}.pem", shown.key + shown.certificate)
        settings = {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(store)}
        if protocol == "SASL_SSL":
            settings["sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
            settings["scram-sha-512.sasl.jaas.config"] = SCRAM
        return Listener(name, protocol, settings)

    def _written(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", autouse=True)
def kafka(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    folder = tmp_path_factory.mktemp("kafka")
    with ApacheKafka(folder, listeners=files.listeners, users={USER: PASSWORD}) as node:
        yield node


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Callable[[str, str], KafkaSettings]]:
    """Kafka set up by docker-compose.yml's own settings, `kafka` being this host; its containers' own."""
    folders = [tmp_path / name for name in ("broker", *principals())]
    for folder in folders:
        folder.mkdir()
    complete(*folders)
    broker = folders[0]
    port, controller, data = free_port(), free_port(), tmp_path / "data"
    here = {
        "kafka:9092": f"localhost:{port}",
        "//:9092": f"//{HERE}:{port}",
        "127.0.0.1:9093": f"{HERE}:{controller}",
        "/etc/kafka/tls": str(broker),
        "/var/lib/kafka/data": str(data),
    }
    properties = tmp_path / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in kafkas_own(here).items()))
    start = [str(java()), "-Xmx512m", "-cp", f"{jars()}/*"]
    tool = ["kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAA", "-c"]
    subprocess.run([*start, *tool, str(properties)], check=True, capture_output=True)
    node = Child("Kafka", [*start, "kafka.Kafka", str(properties)], log=tmp_path / "kafka.log")
    node.start()

    def of(container: str, principal: str) -> KafkaSettings:
        given = compose()["services"][container]["environment"]
        own = here | {"/etc/plateward-kafka": str(tmp_path / principal)}
        settings = {n.lower(): replaced(v, own) for n, v in given.items() if n.startswith("KAFKA_")}
        return KafkaSettings(**settings)

    try:
        yield of
    finally:
        node.stop(within_s=60)


def kafkas_own(here: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that Kafka's image makes of its environment."""
    given = compose()["services"]["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): replaced(value, here)
        for name, value in given.items()
        if name != "KAFKA_HEAP_OPTS"
    }


def replaced(value: str, here: Mapping[str, str]) -> str:
    for of_compose, ours in here.items():
        value = value.replace(of_compose, ours)
    return value


async def there_and_back(settings: KafkaSettings, clock, group: str | None = None) -> None:
    """Publish an event and consume it, as every service does; where all may do all, make the topics."""
    kafka, seen = Kafka.of(settings), []
    subject = f"{uuid4()}"

    async def handle(events) -> None:
        seen.extend(event.subject for event in events)

    if group is None:
        await ensure_topics(kafka)
    bus = KafkaBus(kafka, "test", mac_key=mac_key("test"))
    subscription = Subscription(group or f"test-{subject}", {FindingRaised: handle})
    consumer = Consumer(kafka, subscription, bus)
    try:
        await bus.publish(
            [FindingRaised(occurred_at=clock.now(), finding_id=uuid4(), kind="t", subject=subject)]
        )
        await bus.ping()
        consumer.start()
        await eventually(lambda: subject in seen, within_s=30)
        assert consumer.failing is None
    finally:
        await consumer.stop()
        await bus.stop()


async def trimmed_once_audit_has_it(makes: Kafka, audit: Kafka) -> None:
    """Check that the published finding is deleted once audit's group has committed it, by one principal."""
    finding = {FindingRaised.TOPIC: ["audit"]}
    with contextlib.suppress(KafkaError, Unavailable):
        await Trimmer(audit, finding).once()  # audit may not delete from any topic
    assert await first_of(audit) == 0
    assert await Trimmer(makes, {FindingRaised.TOPIC: ["audit", "another"]}).once() == 0

    async def nothing(events) -> None:
        pass

    bus = KafkaBus(audit, "test", mac_key=mac_key("test"))
    consumer = Consumer(audit, Subscription("audit-test", {FindingRaised: nothing}), bus)
    consumer.start()
    trimmer = Trimmer(makes, finding)
    went = 0

    async def gone() -> bool:
        nonlocal went
        went += await trimmer.once()
        return went == 1

    try:
        await eventually(gone, within_s=30)
    finally:
        await consumer.stop()
        await bus.stop()


async def first_of(kafka: Kafka) -> int:
    """Return the lowest offset that is left of the findings, over all partitions."""
    consumer = kafka.consumer(FindingRaised.TOPIC)
    await consumer.start()
    try:
        return sum((await consumer.beginning_offsets(consumer.assignment())).values())
    finally:
        await consumer.stop()


async def refusal(settings: KafkaSettings) -> str:
    """Return the error of a service at its start, which is that of its readiness too."""
    kafka = Kafka.of(settings)
    with pytest.raises(Unavailable) as at_start:
        await ensure_topics(kafka)
    bus = KafkaBus(kafka, "test", mac_key=mac_key("test"))
    with pytest.raises(Unavailable) as of_readiness:
        await bus.ping()
    await bus.stop()
    assert of_readiness.value.detail == at_start.value.detail
    return at_start.value.detail


@pytest.mark.clause("468.5/encrypted")
async def test_events_round_trip_over_tls_with_a_password(files: Files, clock) -> None:
    await there_and_back(files.by_password(files.scram), clock)


async def test_events_round_trip_over_tls_with_a_certificate(files: Files, clock) -> None:
    await there_and_back(files.by_certificate(files.mutual, files.ours), clock)


async def test_events_round_trip_with_the_compose_settings(
    files: Files, composed: Callable[[str, str], KafkaSettings], clock
) -> None:
    makes, audit = composed("topics", "topics"), composed("audit", "audit")
    check = TopicsCheck(Kafka.of(audit), "audit")

    async def up() -> bool:
        with contextlib.suppress(Unavailable):
            await ensure_topics(Kafka.of(makes))
            return True
        return False

    await eventually(up, within_s=90)
    await check.ping()
    await there_and_back(audit, clock, group="audit-test")
    await trimmed_once_audit_has_it(Kafka.of(makes), Kafka.of(audit))
    port = int(audit.kafka_bootstrap.rsplit(":", 1)[1])
    assert not speaks_kafka(port)
    stranger = files.by_certificate(replace(files.mutual, host="localhost", port=port), files.ours)
    trusting = stranger.model_copy(update={"kafka_ca_file": audit.kafka_ca_file})
    assert "refuses this client's TLS" in await refusal(trusting)


async def test_a_wrong_kafka_password_is_reported_without_being_logged(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = secrets.token_urlsafe(24)
    with caplog.at_level(logging.DEBUG):
        fault = await refusal(files.by_password(files.scram, wrong))
    assert fault == "Kafka refuses KAFKA_SASL_USERNAME or its password"
    assert fault in caplog.text
    assert wrong not in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_broker_with_a_certificate_of_another_signer_is_refused(files: Files) -> None:
    fault = await refusal(files.by_password(files.strange))
    assert fault.startswith("Kafka's certificate is not valid: ")
    assert "issuer" in fault or "self-signed" in fault


async def test_a_broker_with_a_certificate_for_another_name_is_refused(files: Files) -> None:
    fault = await refusal(files.by_password(files.elsewhere))
    assert fault.startswith("Kafka's certificate is not valid: ")
    assert "mismatch" in fault


async def test_a_client_with_a_certificate_of_another_signer_is_refused(files: Files) -> None:
    fault = await refusal(files.by_certificate(files.mutual, files.strangers))
    assert fault.startswith("Kafka refuses this client's TLS or certificate: ")


@pytest.mark.clause("468.5/encrypted")
async def test_a_client_without_tls_gets_no_answer(files: Files) -> None:
    for door in files.listeners:
        assert not speaks_kafka(door.port)
    plain = KafkaSettings(kafka_bootstrap=files.scram.bootstrap)
    assert await refusal(plain) == "Kafka does not answer"


def test_the_dead_letters_command_connects_with_the_settings_of_its_environment(
    files: Files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = files.by_password(files.scram)
    asyncio.run(ensure_topics(Kafka.of(settings)))
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("KAFKA_CA_FILE", str(files.ca))
    monkeypatch.setenv("KAFKA_SASL_USERNAME", USER)
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", PASSWORD)
    words = ["dead-letters", "--bootstrap", files.scram.bootstrap]
    assert status(words) == 0
    assert capsys.readouterr().out.endswith(" dead letters\n")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "wrong")
    assert status(words) == 2
    assert "refuses KAFKA_SASL_USERNAME or its password" in capsys.readouterr().err
    monkeypatch.delenv("KAFKA_SASL_USERNAME")
    assert status(words) == 2
    assert "needs KAFKA_SASL_USERNAME" in capsys.readouterr().err


async def test_every_service_connects_to_kafka_with_the_settings_of_the_environment(
    files: Files,
) -> None:
    settings = files.by_password(files.scram).model_dump(exclude_defaults=True)
    environment = {name.upper(): str(value) for name, value in settings.items()}
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as name,
        running(Path(name), "--port", "0", environment=environment) as stack,
    ):
        assert set(stack.processes) == {"postgres", "apis", *WORKERS}  # those are ready
        async with httpx.AsyncClient(base_url=stack.urls[""], timeout=10) as client:
            state = (await client.get("/readyz")).raise_for_status().json()
    assert {name: state[name]["kafka"] for name in APIS} == dict.fromkeys(APIS, "ok")
