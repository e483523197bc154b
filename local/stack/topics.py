"""Creates the stack's topics, and gives each process its own Kafka principal."""

from collections.abc import Mapping

from pydantic import ValidationError

from local.stack.process import LocalError
from shared.core.errors import Unavailable
from shared.kafka.acls import TOPICS_COMMAND
from shared.kafka.client import Kafka
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics_admin import ensure_topics

SERVICE = "{service}"
"""Placeholder in a KAFKA_ setting for the name of the process that reads it."""


async def make_topics(environment: Mapping[str, str]) -> None:
    """Create and repair topics and ACLs as the environment requires. Raises: LocalError."""
    given = as_principal(environment, TOPICS_COMMAND)
    settings = {name.lower(): v for name, v in given.items() if name.startswith("KAFKA_")}
    try:
        await ensure_topics(Kafka.of(KafkaSettings.model_validate(settings)))
    except ValidationError as exc:
        faults = [str(fault["msg"]) for fault in exc.errors(include_input=False)]
        raise LocalError("; ".join(faults)) from None
    except Unavailable as exc:
        raise LocalError(f"topics: {exc.detail}") from exc


def as_principal(environment: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the environment of one process, with its own certificate or user if Kafka requires one each."""
    return {
        key: value.replace(SERVICE, name) if key.startswith("KAFKA_") else value
        for key, value in environment.items()
    }


def refuse_principals_in_one_process(environment: Mapping[str, str]) -> None:
    """Raise LocalError if each service needs its own principal but all run in one process."""
    asked = [k for k, v in environment.items() if k.startswith("KAFKA_") and SERVICE in v]
    if asked:
        raise LocalError(
            f"{', '.join(sorted(asked))} with {SERVICE} needs a process for each service: --separate"
        )
