"""A service's docstring names the topics that the registry has for it, and the tables that its role works on."""

import ast
import re

import pytest

from shared.kafka.topics import TOPICS
from tests.architecture.source import CLIENTS, ROOT, SERVICES, tree

FOLLOWED_BY_ALL = 6
"""Topics of so many services are what every service follows or publishes, and no docstring repeats them."""


def named(docstring: str, label: str) -> set[str]:
    """The names in backticks that a paragraph of a docstring has, up to its first full stop."""
    found = re.search(rf"^{label}: (.*?)(?=^\w+: |\Z)", docstring, re.MULTILINE | re.DOTALL)
    assert found, f"there is no {label}"
    sentence = re.split(r"\.(?:\s|$)", found[1])[0]
    return set(re.findall(r"`([a-z_.]+)`", sentence))


def named_topics(docstring: str, label: str) -> set[str]:
    """The topics that a paragraph of a docstring names."""
    return {f"alpr.{name}" for name in named(docstring, label) if "." in name}


def granted(text: str) -> set[str]:
    """The tables and views of which grants give a service's role any right."""
    lists = re.findall(
        r"\sON\s+(?!FUNCTION|SEQUENCE)(.+?)\s+TO\s", re.sub(r"--.*", "", text), re.DOTALL
    )
    return {table.strip() for tables in lists for table in tables.split(",")}


def tables(service: str) -> set[str]:
    """The tables of a service by its grants, which the tests of the database hold to its schema."""
    grants = ROOT / "services" / service / "migrations" / "grants.sql"
    return granted(grants.read_text()) if grants.exists() else set()


def registered(service: str, side: str) -> set[str]:
    """The topics of a service by the registry, without those of every service."""
    return {
        name
        for name, topic in TOPICS.items()
        if service in getattr(topic, side) and len(getattr(topic, side)) < FOLLOWED_BY_ALL
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_docstring_lists_its_registered_topics(service):
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


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_a_docstring_names_the_tables_that_the_service_owns(service):
    docstring = ast.get_docstring(tree(ROOT / "services" / service / "__init__.py"))
    assert docstring
    assert named(docstring, "Owns") == tables(service)


def test_the_check_reads_granted_and_documented_tables():
    grants = """-- Rights ON nothing TO anybody.
GRANT SELECT, INSERT, UPDATE (status,
    outcome) ON reads, hits TO {role};
GRANT SELECT ON devices TO {role};
GRANT EXECUTE ON FUNCTION drop_month, make_month TO {role};
"""
    assert granted(grants) == {"reads", "hits", "devices"}
    assert named("Sample.\n\nOwns: reads (`reads`), `hits`. Not `devices`.\n", "Owns") == {
        "reads",
        "hits",
    }
    assert sum(len(tables(service)) for service in SERVICES) > 60, "the walk is broken"


def test_a_docstring_that_omits_a_topic_differs_from_the_registry():
    docstring = "Sample.\n\nOwns: x.\nConsumes: `read.recorded`.\nPublishes: `hit.raised`, `a.b`. It says `c.d`.\n"
    assert named_topics(docstring, "Publishes") == {"alpr.hit.raised", "alpr.a.b"}
    assert named_topics(docstring, "Consumes") != registered("hotlist", "consumers")
