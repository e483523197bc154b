"""The ends of the certificates that a process uses, for the metrics: an alert comes before the end, not with it."""

from datetime import datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates
from prometheus_client import Gauge

from shared.kafka.settings import KafkaSettings

EXPIRES = Gauge(
    "alpr_certificate_expires_timestamp_seconds",
    "When a certificate that the service uses ends",
    ["service", "certificate"],
)


def show_end(service: str, certificate: str, at: datetime) -> None:
    """Show the end of a certificate; `certificate` says what it is for."""
    EXPIRES.labels(service, certificate).set(at.timestamp())


def show_kafka_certificates(service: str, settings: KafkaSettings) -> None:
    """Show the ends of the certificates for Kafka: this client's, and the first end among the brokers' signers.

    A process uses the files as they were when it started, so it shows those, also after the files have changed.
    """
    if not settings.kafka_by_tls:
        return
    files = {"kafka": settings.kafka_certificate_file, "kafka signer": settings.kafka_ca_file}
    for certificate, path in files.items():
        if path is not None:
            show_end(service, certificate, _first_end(path))


def _first_end(path: Path) -> datetime:
    """Return when the first certificate of a PEM file ends. Raises: ValueError if it has none."""
    return min(one.not_valid_after_utc for one in load_pem_x509_certificates(path.read_bytes()))
