"""Disk use of the brokers, if Kafka reports it (3.3 or later; the embedded broker does not)."""

from dataclasses import dataclass

from aiokafka.errors import KafkaError, for_code
from prometheus_client import Gauge

from shared.core.errors import DependencyDown
from shared.kafka.client import Kafka
from shared.kafka.requests import LogDirsRequest, ask

USED = Gauge("alpr_kafka_disk_used_ratio", "Share of a broker's disk that is in use", ["broker"])


@dataclass(frozen=True)
class Disk:
    """The fullest disk of one broker."""

    broker: int
    used: float
    """Share of it in use, 0 to 1."""


async def disks(kafka: Kafka) -> list[Disk]:
    """Return each broker's fullest disk; empty if Kafka does not report it. Raises: Unavailable."""
    admin = kafka.admin()
    try:
        await admin.start()
        found = []
        for broker in (await admin.describe_cluster())["brokers"]:
            answer = await ask(admin, LogDirsRequest(None, {}), broker["node_id"])
            if answer.error_code:
                raise DependencyDown(f"disks of Kafka: {for_code(answer.error_code).__name__}")
            shares = [_used(total, free) for _, _, _, total, free, _ in answer.results if total > 0]
            if shares:
                found.append(Disk(broker["node_id"], max(shares)))
                USED.labels(broker["node_id"]).set(max(shares))
        return found
    except NotImplementedError:
        return []
    except (KafkaError, OSError) as exc:
        raise DependencyDown(await kafka.fault()) from exc
    finally:
        await admin.close()


def _used(total_bytes: int, usable_bytes: int) -> float:
    return 1 - max(0, usable_bytes) / total_bytes
