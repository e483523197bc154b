"""Makes the registered topics in Kafka, with their partitions and retention; safe to run at each start."""

from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.errors import Unavailable
from shared.kafka import Kafka
from shared.topics import TOPICS, Topic

DEAD_RETENTION_MS = 90 * 86_400_000


def _new(topic: Topic, replication: int) -> list[NewTopic]:
    configs = {"retention.ms": str(topic.retention_s * 1000)}
    if topic.replayed:
        # An audited topic keeps each event for whoever is behind as long as any other topic does.
        lag_ms = str(topic.retention_s * 1000)
        configs = {"cleanup.policy": "compact", "min.compaction.lag.ms": lag_ms}
    return [
        NewTopic(topic.name, topic.partitions, replication, topic_configs=configs),
        NewTopic(
            topic.dead, 1, replication, topic_configs={"retention.ms": str(DEAD_RETENTION_MS)}
        ),
    ]


async def ensure_topics(kafka: Kafka | str) -> None:
    """Create the topics that are missing. Raises: Unavailable, with what Kafka refuses us for."""
    kafka = Kafka.at(kafka)
    admin = kafka.admin()
    try:
        await admin.start()
        present = set(await admin.list_topics())
        brokers = len((await admin.describe_cluster())["brokers"])
        replication = min(3, max(1, brokers))
        missing = [
            new
            for topic in TOPICS.values()
            for new in _new(topic, replication)
            if new.name not in present
        ]
        if not missing:
            return
        response = await admin.create_topics(missing)
        for name, code, *_ in response.topic_errors:
            error = for_code(code)
            if code and error is not TopicAlreadyExistsError:
                raise Unavailable(f"topic {name} could not be made: {error.__name__}")
    except (KafkaError, OSError) as exc:
        raise Unavailable(await kafka.fault()) from exc
    finally:
        await admin.close()
