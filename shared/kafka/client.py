"""Creates all Kafka clients, so that every connection follows the settings.

An architecture test checks that no client is created elsewhere.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from shared.kafka.odd_names import read_odd_names
from shared.kafka.settings import KafkaSettings

log = logging.getLogger(__name__)
read_odd_names()

AWAY = "Kafka does not answer"
FAULT_WITHIN_S = 2.0
STOPS_WITHIN_S = 3.0
"""aiokafka may wait for a connection to close until the process is killed; `stop_client` gives up earlier."""


@dataclass(frozen=True)
class Kafka:
    """Kafka's address, the encryption of connections, and this client's credentials."""

    bootstrap: str
    _link: Mapping[str, Any] = field(repr=False)
    """aiokafka's arguments for every connection; a secret."""

    one_copy: bool = False
    """Whether one broker alone may hold acknowledged records (KAFKA_ALLOW_ONE_COPY)."""

    @classmethod
    def of(cls, settings: KafkaSettings) -> Self:
        """Build from `settings`. Raises: ValueError for a file that has become invalid."""
        link: dict[str, Any] = {"security_protocol": settings.kafka_security_protocol}
        if settings.kafka_by_tls:
            link["ssl_context"] = settings.kafka_tls()
        if settings.kafka_by_sasl:
            link["sasl_mechanism"] = settings.kafka_mechanism
            link["sasl_plain_username"] = settings.kafka_sasl_username
            link["sasl_plain_password"] = settings.kafka_password()
        return cls(settings.kafka_bootstrap, link, settings.kafka_allow_one_copy)

    @classmethod
    def at(cls, where: "Kafka | str") -> "Kafka":
        """Return `where`; a bare address, as in tools and tests, takes its other settings from the environment.

        Raises: ValueError (pydantic's) if the environment's settings do not fit the address.
        """
        return where if isinstance(where, Kafka) else cls.of(KafkaSettings(kafka_bootstrap=where))

    def producer(self, **options: Any) -> AIOKafkaProducer:
        """Return a producer, not started yet."""
        return AIOKafkaProducer(bootstrap_servers=self.bootstrap, **self._link, **options)

    def consumer(self, *topics: str, **options: Any) -> AIOKafkaConsumer:
        """Return a consumer, not started yet."""
        return AIOKafkaConsumer(*topics, bootstrap_servers=self.bootstrap, **self._link, **options)

    def admin(self) -> AIOKafkaAdminClient:
        """Return an admin client, not started yet."""
        return AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, **self._link)

    async def fault(self) -> str:
        """Return why clients cannot connect, in words without secrets, for logs and readiness.

        A client only reports that it found no broker, so this tries each address once more. It skips that for
        connections without TLS and password, which Kafka has no reason to refuse.
        """
        if self._link["security_protocol"] == "PLAINTEXT":
            return AWAY
        for host, port, _ in collect_hosts(self.bootstrap):
            try:
                async with asyncio.timeout(FAULT_WITHIN_S):
                    connection = await create_conn(host, port, **self._link)
            except (OSError, KafkaError, TimeoutError) as exc:
                if (words := _in_words(exc)) is not None:
                    return words
            else:
                await connection.close()
        return AWAY


async def stop_client(client: AIOKafkaConsumer | AIOKafkaProducer) -> None:
    """Stop a client within 3 s; its remaining connections end with the process."""
    try:
        async with asyncio.timeout(STOPS_WITHIN_S):
            await client.stop()
    except TimeoutError:
        log.warning("a Kafka client did not stop within %.0f s and is abandoned", STOPS_WITHIN_S)


def _in_words(fault: BaseException) -> str | None:
    """Return why a connection failed, None if Kafka simply cannot be reached."""
    for exc in _with_causes(fault):
        match exc:
            case SaslAuthenticationFailed():
                return "Kafka refuses KAFKA_SASL_USERNAME or its password"
            case UnsupportedSaslMechanismError() | IllegalSaslStateError():
                return "Kafka does not support KAFKA_SASL_MECHANISM"
            case ssl.SSLCertVerificationError():
                return f"Kafka's certificate is not valid: {exc.verify_message}"
            case ssl.SSLError(reason=str(reason)) if "ALERT" in reason:
                return f"Kafka refuses this client's TLS or certificate: {reason}"
            case ssl.SSLError():
                return f"no TLS with Kafka: {exc.reason}"
    return None


def _with_causes(fault: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
    at: BaseException | None = fault
    while at is not None:
        yield at
        at = at.__cause__
