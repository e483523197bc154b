"""The ends of Kafka's certificates are metrics of each service."""

from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate
from prometheus_client import REGISTRY

from deploy.compose import make_tls
from shared.kafka.settings import KafkaSettings
from shared.service.expiry import show_kafka_certificates


def end_of(service: str, certificate: str) -> float | None:
    labels = {"service": service, "certificate": certificate}
    return REGISTRY.get_sample_value("alpr_certificate_expires_timestamp_seconds", labels)


@pytest.fixture
def settings(tmp_path: Path) -> KafkaSettings:
    folders = [tmp_path / name for name in ("broker", "ingest")]
    for folder in folders:
        folder.mkdir()
    make_tls.complete(*folders)
    ours = folders[1]
    return KafkaSettings(
        kafka_security_protocol="SSL",
        kafka_ca_file=ours / "ca.pem",
        kafka_certificate_file=ours / "client.pem",
        kafka_key_file=ours / "client.key",
    )


def test_the_ends_of_kafkas_certificates_are_shown(settings: KafkaSettings) -> None:
    show_kafka_certificates("shown", settings)
    for certificate, path in (
        ("kafka", settings.kafka_certificate_file),
        ("kafka signer", settings.kafka_ca_file),
    ):
        assert path is not None
        ends = load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
        assert end_of("shown", certificate) == ends.timestamp()


def test_a_bundle_of_signers_ends_with_its_first(
    settings: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.kafka_ca_file is not None
    monkeypatch.setattr(make_tls, "VALID_DAYS", 30)
    folders = [tmp_path / "next" / name for name in ("broker", "ingest")]
    for folder in folders:
        folder.mkdir(parents=True)
    make_tls.complete(*folders)
    both = [settings.kafka_ca_file.read_bytes(), (folders[1] / "ca.pem").read_bytes()]
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"".join(both))
    show_kafka_certificates("bundle", settings.model_copy(update={"kafka_ca_file": bundle}))
    late, soon = (load_pem_x509_certificate(one).not_valid_after_utc.timestamp() for one in both)
    assert late > soon
    assert end_of("bundle", "kafka signer") == soon


def test_a_kafka_without_tls_shows_no_certificate() -> None:
    show_kafka_certificates("plain", KafkaSettings())
    assert end_of("plain", "kafka") is None
