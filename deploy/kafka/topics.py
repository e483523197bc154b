"""Writes Strimzi's KafkaTopics from the registry of topics, as they are on three brokers or more.

`python -m deploy.kafka.topics` writes deploy/k8s/strimzi/kafka-topics.yaml; a test compares the file with it.
"""

import json
from pathlib import Path

from shared.kafka.topics_wanted import MOST_COPIES, WantedTopic, wanted

FILE = Path(__file__).parents[1] / "k8s" / "strimzi" / "kafka-topics.yaml"

_HEAD = """\
# Written by `python -m deploy.kafka.topics` from the registry of topics (shared/kafka/topics.py): do not edit.
"""
_TOPIC = """\
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaTopic
metadata:
  name: {name}
  labels: {{ strimzi.io/cluster: plateward }}
spec:
  partitions: {partitions}
  replicas: {copies}
  config:
"""


def topics() -> str:
    """Return the file's content."""
    return _HEAD + "".join(_topic(topic) for topic in wanted(MOST_COPIES))


def _topic(topic: WantedTopic) -> str:
    head = _TOPIC.format(name=topic.name, partitions=topic.partitions, copies=topic.copies)
    return head + "".join(
        f"    {key}: {json.dumps(value)}\n" for key, value in topic.configs.items()
    )


if __name__ == "__main__":
    FILE.write_text(topics())
