"""What a service's docstring says that it consumes and publishes is what the registry of topics says."""

import ast
import re

import pytest

from shared.kafka.topics import TOPICS
from tests.architecture.source import ROOT, SERVICES, tree

FOLLOWED_BY_ALL = 6
"""Topics of so many services are what every service follows or publishes, and no docstring repeats them."""


def named_topics(docstring: str, label: str) -> set[str]:
    """The topics that a paragraph of a docstring names in backticks, up to its first full stop."""
    found = re.search(rf"^{label}: (.*?)(?=^\w+: |\Z)", docstring, re.MULTILINE | re.DOTALL)
    assert found, f"there is no {label}"
    sentence = re.split(r"\.(?:\s|$)", found[1])[0]
    return {f"alpr.{name}" for name in re.findall(r"`([a-z_]+\.[a-z_]+)`", sentence)}


def registered(service: str, side: str) -> set[str]:
    """The topics of a service by the registry, without those of every service."""
    return {
        name
        for name, topic in TOPICS.items()
        if service in getattr(topic, side) and len(getattr(topic, side)) < FOLLOWED_BY_ALL
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_docstring_tells_what_the_registry_has(service):
    docstring = ast.get_docstring(tree(ROOT / "services" / service / "__init__.py"))
    assert docstring
    for label in ("Owns", "Never"):
        assert f"\n{label}: " in docstring
    assert named_topics(docstring, "Publishes") == registered(service, "producers")
    if service == "audit":
        assert "every topic that the registry marks as audited" in docstring
        assert all("audit" in topic.consumers for topic in TOPICS.values() if topic.audited)
    else:
        assert named_topics(docstring, "Consumes") == registered(service, "consumers")


def test_a_topic_that_is_not_told_is_found():
    docstring = "Sample.\n\nOwns: x.\nConsumes: `read.recorded`.\nPublishes: `hit.raised`, `a.b`. It says `c.d`.\n"
    assert named_topics(docstring, "Publishes") == {"alpr.hit.raised", "alpr.a.b"}
    assert named_topics(docstring, "Consumes") != registered("hotlist", "consumers")
