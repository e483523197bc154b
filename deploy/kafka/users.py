"""Writes Strimzi's KafkaUsers: one for each principal, with ACLs derived from the registry.

`python -m deploy.kafka.users` writes deploy/k8s/strimzi/kafka-users.yaml; a test compares the file with it.
"""

from collections import defaultdict
from pathlib import Path

from shared.kafka.acls import Acl, Operation, Pattern, Resource, acls, principals

FILE = Path(__file__).parents[1] / "k8s" / "strimzi" / "kafka-users.yaml"
NAME = "kafka-{name}"
"""Name of the KafkaUser, and of the Secret that Strimzi creates with its password."""

_HEAD = """\
# Written by `python -m deploy.kafka.users` from the registry of topics (shared/kafka/topics.py): do not edit.
# The rights of each service in Kafka. Every other action is refused: the Kafka resource has
# `authorization: { type: simple }`.
"""
_USER = """\
---
apiVersion: kafka.strimzi.io/v1
kind: KafkaUser
metadata:
  name: {name}
  labels: {{ strimzi.io/cluster: plateward }}
spec:
  authentication: {{ type: scram-sha-512 }}
  authorization:
    type: simple
    acls:
"""


def users() -> str:
    """Return the file's content."""
    rules: dict[str, list[Acl]] = defaultdict(list)
    for acl in acls():
        rules[acl.principal].append(acl)
    return _HEAD + "".join(
        _USER.format(name=NAME.format(name=name)) + _rules(rules[name]) for name in principals()
    )


def _rules(rules: list[Acl]) -> str:
    operations: dict[tuple[Resource, Pattern, str], list[Operation]] = defaultdict(list)
    for acl in rules:
        operations[acl.resource, acl.pattern, acl.name].append(acl.operation)
    return "".join(
        f"      - resource: {_resource(*what)}\n        operations: [{', '.join(map(_named, done))}]\n"
        for what, done in operations.items()
    )


def _resource(kind: Resource, pattern: Pattern, name: str) -> str:
    if kind == Resource.CLUSTER:
        return "{ type: cluster }"
    patterns = {Pattern.LITERAL: "literal", Pattern.PREFIXED: "prefix"}
    name = f'"{name}"' if name == "*" else name  # unquoted, YAML reads it as an alias
    return f"{{ type: {kind.name.lower()}, name: {name}, patternType: {patterns[pattern]} }}"


def _named(operation: Operation) -> str:
    return "".join(part.capitalize() for part in operation.name.split("_"))


if __name__ == "__main__":
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(users())
