"""Creates and repairs topics, their configs and ACLs; no other command does.

`python -m shared.kafka.topics_admin ensure` creates missing topics and repairs differing ones; repeating it is safe.
It has a principal of its own (`topics`): services only check the topics (shared/kafka/topics_check.py).
`trim` deletes records that every consumer has processed, and dead letters past the schedule; its principal is `trim`.
If Strimzi's operator manages ACLs, use `--without-acls`.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from pydantic import ValidationError

from shared.core.errors import DependencyDown, Unavailable
from shared.core.policy import PolicyFault, load_policy
from shared.kafka.acls_admin import ensure_acls
from shared.kafka.client import Kafka
from shared.kafka.dead_letter_ends import DeadLetterEnds
from shared.kafka.requests import AlterConfigsRequest, Reassign, ask
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics_check import configs_of, differing
from shared.kafka.topics_wanted import LEAST_SAFE_COPIES, WantedTopic, copies_on, wanted
from shared.kafka.trim import Trimmer, services_to_wait_for

PRINCIPALS = "User:CN={name}"
"""Kafka's principal for a service's certificate; `{name}` is the service."""

DEAD_LETTERS_EVERY_S = 3600.0

_THERE_WITHIN_S = 60

_SET = 0
"""IncrementalAlterConfigs: set a value."""


async def ensure_topics(
    kafka: Kafka | str, *, acls: bool = True, principals: str = PRINCIPALS
) -> list[str]:
    """Create and repair all topics, and ACLs unless `acls` is false; returns the changes.

    Args:
        principals: format of a principal in Kafka, with `{name}` for the service.

    Raises: Unavailable, with Kafka's refusal, or if acknowledged records would be on one broker only and
        KAFKA_ALLOW_ONE_COPY does not allow it.
    """
    kafka = Kafka.at(kafka)
    admin = kafka.admin()
    try:
        await admin.start()
        brokers = [b["node_id"] for b in (await admin.describe_cluster())["brokers"]]
        _refuse_one_copy(len(brokers), allowed=kafka.one_copy)
        done = await _ensure(admin, wanted(len(brokers)), brokers)
        if acls:
            done += await ensure_acls(admin, principals)
    except (KafkaError, OSError) as exc:
        raise DependencyDown(await kafka.fault()) from exc
    finally:
        await admin.close()
    return done


def _refuse_one_copy(brokers: int, *, allowed: bool) -> None:
    _, acknowledged = copies_on(brokers)
    if acknowledged < LEAST_SAFE_COPIES and not allowed:
        raise DependencyDown(
            f"this Kafka has {brokers} broker{'s' if brokers != 1 else ''}: acknowledged records may be "
            "on one broker only. Run three, or set KAFKA_ALLOW_ONE_COPY=true"
        )


async def _ensure(
    admin: AIOKafkaAdminClient, topics: Sequence[WantedTopic], brokers: Sequence[int]
) -> list[str]:
    present = {t["topic"]: t for t in await admin.describe_topics([t.name for t in topics])}
    there = [t for t in topics if present.get(t.name, {}).get("partitions")]
    missing = [t for t in topics if t not in there]
    done = await _create(admin, missing)
    done += await _mend_configs(admin, there)
    for topic in there:
        partitions = present[topic.name]["partitions"]
        if len(partitions) < topic.partitions:
            await admin.create_partitions({topic.name: NewPartitions(topic.partitions)})
            done.append(f"{topic.name}: {topic.partitions} partitions")
        done += await _mend_copies(admin, topic, partitions, brokers)
    return done


async def _create(admin: AIOKafkaAdminClient, missing: Sequence[WantedTopic]) -> list[str]:
    if not missing:
        return []
    new = [NewTopic(t.name, t.partitions, t.copies, topic_configs=dict(t.configs)) for t in missing]
    for name, code, *_ in (await admin.create_topics(new)).topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise DependencyDown(f"topic {name} could not be created: {error.__name__}")
    await _are_there(admin, {topic.name for topic in missing})
    return [f"{topic.name}: made" for topic in missing]


async def _are_there(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Wait until a broker knows the topics, some time after their creation. Raises: Unavailable."""
    until = time.monotonic() + _THERE_WITHIN_S
    while not all(t["partitions"] for t in await admin.describe_topics(sorted(names))):
        if time.monotonic() > until:
            raise DependencyDown("Kafka created topics, but its brokers do not know them")
        await asyncio.sleep(0.1)


async def _mend_configs(admin: AIOKafkaAdminClient, topics: Sequence[WantedTopic]) -> list[str]:
    found = await configs_of(admin, topics)
    mends = {t.name: m for t in topics if (m := differing(t, found.get(t.name, {})))}
    if not mends:
        return []
    resources = [
        (int(ConfigResourceType.TOPIC), name, [(key, _SET, value) for key, value in mend.items()])
        for name, mend in mends.items()
    ]
    for code, _, _, name in (await ask(admin, AlterConfigsRequest(resources, False))).responses:
        if code:
            raise DependencyDown(f"configs of {name}: {for_code(code).__name__}")
    return [
        f"{name}: {', '.join(f'{key}={value}' for key, value in mend.items())}"
        for name, mend in mends.items()
    ]


async def _mend_copies(
    admin: AIOKafkaAdminClient,
    topic: WantedTopic,
    partitions: Sequence[Mapping[str, Any]],
    brokers: Sequence[int],
) -> list[str]:
    """Add replicas of a topic that was created while there were fewer brokers."""
    moves: list[tuple[int, list[int], dict[int, bytes]]] = []
    for partition in partitions:
        replicas = list(partition["replicas"])
        if len(replicas) >= topic.copies:
            continue
        others = [b for b in sorted(brokers) if b not in replicas]
        turn = partition["partition"] % len(others)
        added = (others[turn:] + others[:turn])[: topic.copies - len(replicas)]
        moves.append((partition["partition"], [*replicas, *added], {}))
    if not moves:
        return []
    answer = await ask(admin, Reassign(60_000, [(topic.name, moves, {})], {}))
    codes = [answer.error_code, *(c for _, ps, _ in answer.responses for _, c, _, _ in ps)]
    for code in codes:
        if code:
            raise DependencyDown(f"copies of {topic.name}: {for_code(code).__name__}")
    return [f"{topic.name}: {topic.copies} copies"]


async def _trim(kafka: Kafka, every_s: float | None, touched: Path | None) -> None:
    """Trim once, or every `every_s` until stopped; scans dead letters once an hour.

    Touches `touched` after each success. Raises: PolicyFault; Unavailable if it runs once. A repeated run prints a
    failure and goes on.
    """
    policy = load_policy(Path(os.environ.get("POLICY_FILE", "policy.toml"))).retention
    schedule = timedelta(days=max(policy.schedule_days, policy.floor_days))
    trimmer, ends = Trimmer(kafka, services_to_wait_for()), DeadLetterEnds(kafka, schedule)
    checked_at = -DEAD_LETTERS_EVERY_S
    while True:
        try:
            print(await trimmer.once(), "records deleted", flush=True)
            if time.monotonic() - checked_at >= DEAD_LETTERS_EVERY_S:
                print(await ends.once(), "dead letters ended", flush=True)
                checked_at = time.monotonic()
            if touched is not None:
                await asyncio.to_thread(touched.touch)
        except Unavailable as exc:
            if every_s is None:
                raise
            print(f"trimming failed: {exc.detail}", file=sys.stderr, flush=True)
        if every_s is None:
            return
        await asyncio.sleep(every_s)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ensure or trim; prints the changes, and exits with 1 and the reason of a failure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    commands = parser.add_subparsers(dest="command", required=True)
    ensure = commands.add_parser("ensure", help="create missing topics, repair differing ones")
    ensure.add_argument("--without-acls", action="store_true", help="leave ACLs to Strimzi")
    ensure.add_argument(
        "--principals", default=PRINCIPALS, help="format of a service's principal, with {name}"
    )
    trim = commands.add_parser("trim", help="delete records that every consumer has processed")
    trim.add_argument(
        "--every", type=float, metavar="SECONDS", help="repeat at this interval until stopped"
    )
    trim.add_argument("--touch", type=Path, metavar="FILE", help="touch after each success")
    chosen = parser.parse_args(arguments)
    try:
        kafka = Kafka.of(KafkaSettings())
        if chosen.command == "trim":
            asyncio.run(_trim(kafka, chosen.every, chosen.touch))
            return
        done = asyncio.run(
            ensure_topics(kafka, acls=not chosen.without_acls, principals=chosen.principals)
        )
    except ValidationError as exc:
        faults = [str(fault["msg"]) for fault in exc.errors(include_input=False)]
        sys.exit("\n".join(fault.removeprefix("Value error, ") for fault in faults))
    except (Unavailable, PolicyFault) as exc:
        sys.exit(exc.detail if isinstance(exc, Unavailable) else str(exc))
    print("\n".join([*done, "all topics match the registry"]))


if __name__ == "__main__":
    main()
