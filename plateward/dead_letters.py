"""`plateward dead-letters`: lists the events that could not be processed, or replays a topic's."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click
from aiokafka.errors import KafkaConnectionError

from plateward.running import FOLDER, stack_on
from shared.core.errors import Unavailable
from shared.kafka.client import AWAY, Kafka
from shared.kafka.dead_letters import listed, replay
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TOPICS
from shared.service.command import Answer, Unfinished, command


@command(
    "dead-letters",
    click.Option(
        ["--replay", "replayed"],
        type=click.Choice(sorted(TOPICS)),
        metavar="TOPIC",
        help="The topic whose dead letters to publish again, once each.",
    ),
    click.Option(
        ["--unproven"], is_flag=True, help="Also replay dead letters whose record is gone."
    ),
    click.Option(
        ["--bootstrap"], help="Kafka's address; default: KAFKA_BOOTSTRAP, or the running stack's."
    ),
    FOLDER,
)
def dead_letters_command(
    *, replayed: str | None, unproven: bool, bootstrap: str | None, folder: Path
) -> Answer:
    """List dead letters with the reason of each, or replay those of one topic. Never shows their content."""
    address = bootstrap or bootstrap_of(folder.absolute(), os.environ)
    kafka = Kafka.of(KafkaSettings(kafka_bootstrap=address))
    try:
        if replayed is not None:
            return _replayed(kafka, replayed, unproven=unproven)
        return _listed(kafka)
    except (KafkaConnectionError, Unavailable):
        if (fault := asyncio.run(kafka.fault())) != AWAY:
            raise Unfinished(f"{address}: {fault}") from None
        raise Unfinished(
            f"no Kafka answers at {address}; KAFKA_BOOTSTRAP sets its address"
        ) from None


def bootstrap_of(folder: Path, given: Mapping[str, str]) -> str:
    """Return the address of the Kafka to use. Raises: Unfinished if no stack runs there."""
    if "KAFKA_BOOTSTRAP" in given:
        return given["KAFKA_BOOTSTRAP"]
    if (running := stack_on(folder)) is None:
        raise Unfinished(
            f"no stack runs on {folder}: start it with `plateward serve`, or set KAFKA_BOOTSTRAP"
        )
    return running.kafka


def _replayed(kafka: Kafka, topic: str, *, unproven: bool) -> Answer:
    skipped: list[str] = []
    count = asyncio.run(replay(kafka, TOPICS[topic], unproven=unproven, say=skipped.append))
    text = "\n".join([*skipped, f"{count} of {topic} replayed"])
    return Answer(text, {"topic": topic, "replayed": count, "not_replayed": skipped})


def _listed(kafka: Kafka) -> Answer:
    found = asyncio.run(listed(kafka))
    lines = ["  ".join(asdict(letter).values()) for letter in found]
    text = "\n".join([*lines, f"{len(found)} dead letters"])
    return Answer(text, {"dead_letters": [asdict(letter) for letter in found]})
