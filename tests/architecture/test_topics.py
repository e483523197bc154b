"""Topics are produced and consumed exactly as the registry says."""

import ast
from pathlib import Path

import pytest

from shared import events
from shared.events import Event
from shared.kafka.topics import GUARDED, TOPICS
from tests.architecture.source import ROOT, SERVICES, called_names, modules, tree

EVENTS = {
    name: kind
    for name in events.__all__
    if isinstance(kind := getattr(events, name), type) and issubclass(kind, Event) and kind.TOPIC
}
THROUGH_THE_GUARD = {"AccessAttempted", "RecordsDisclosed", "RefusalsCounted", "PolicyLoaded"}
"""Published by shared code, for each service."""


def test_every_event_is_registered_and_every_topic_has_both_ends():
    assert len(EVENTS) == len(TOPICS) >= 20
    for topic in TOPICS.values():
        assert topic.producers, topic.name
        assert topic.name.startswith("alpr.")
        assert topic.consumers, topic.name


def produced_by(service: str) -> set[str]:
    found = set()
    for path in modules(f"services/{service}"):
        found |= ({name for name, _ in called_names(path)} | chosen(tree(path))) & EVENTS.keys()
    return found


def chosen(module: ast.Module) -> set[str]:
    """Names that a conditional expression chooses between, as in `kind = A if live else B; kind(...)`."""
    either = [
        one
        for node in ast.walk(module)
        if isinstance(node, ast.IfExp)
        for one in (node.body, node.orelse)
    ]
    return {node.id for node in either if isinstance(node, ast.Name)}


def test_an_event_built_from_a_conditional_class_is_found():
    assert chosen(ast.parse("kind = A if live else B\nevent = kind(x=C)")) == {"A", "B"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_produces_exactly_its_registered_events(service):
    registered = {name for name, kind in EVENTS.items() if service in TOPICS[kind.TOPIC].producers}
    if service in GUARDED:
        assert registered >= THROUGH_THE_GUARD
    assert produced_by(service) - THROUGH_THE_GUARD == registered - THROUGH_THE_GUARD


def consumed_by(service: str) -> set[str]:
    """Event classes that are keys of a handlers dictionary, or that a follower is given."""
    found = set()
    for path in modules(f"services/{service}"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Dict):
                found |= {k.id for k in node.keys if isinstance(k, ast.Name)} & EVENTS.keys()
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "follower":
                names = {
                    n.id for arg in node.args for n in ast.walk(arg) if isinstance(n, ast.Name)
                }
                found |= names & EVENTS.keys()
    return found


def named_in_shared_code() -> set[str]:
    """Event classes that shared code names, such as those that every service follows."""
    paths = [path for room in ("accounts", "service") for path in modules(f"shared/{room}")]
    return {
        node.id for path in paths for node in ast.walk(tree(path)) if isinstance(node, ast.Name)
    } & EVENTS.keys()


@pytest.mark.parametrize("service", [s for s in SERVICES if s != "audit"])
def test_a_service_consumes_exactly_its_registered_events(service):
    """Shared code follows the replayed topics for each service; a service may also handle them itself."""
    registered = {name for name, kind in EVENTS.items() if service in TOPICS[kind.TOPIC].consumers}
    by_shared_code = {
        name
        for name in registered & named_in_shared_code()
        if TOPICS[EVENTS[name].TOPIC].replayed or TOPICS[EVENTS[name].TOPIC].followed
    }
    consumed = consumed_by(service)
    assert consumed <= registered
    assert consumed >= registered - by_shared_code


def subscribing(path: Path) -> int:
    """How many subscriptions a module makes."""
    return sum(name in {"Subscription", "RawSubscription"} for name, _ in called_names(path))


def following(path: Path) -> int:
    """How many followers of topics a module makes."""
    return sum(
        isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "follower"
        for node in ast.walk(tree(path))
    )


def handled(path: Path) -> list[str]:
    """Event classes that are keys of dictionaries in a module: the events that it handles, with repetitions."""
    keys = (
        key.id
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Name)
    )
    return [name for name in keys if name in EVENTS]


def test_the_check_finds_subscribing_services():
    """Otherwise the walk of the next test is broken."""
    assert sum(subscribing(ROOT / "services" / s / "events.py") > 0 for s in subscribers()) >= 6


def subscribers() -> list[str]:
    """The services with handlers; a service that consumes no topic of its own has no `events`."""
    return [s for s in SERVICES if (ROOT / "services" / s / "events.py").exists()]


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_events_module_of_a_service_subscribes(service):
    for path in modules(f"services/{service}"):
        assert path.name == "events.py" or not subscribing(path) + following(path), (
            f"{path.relative_to(ROOT)} subscribes"
        )


@pytest.mark.parametrize("service", subscribers())
def test_a_service_handles_each_topic_once(service):
    events = ROOT / "services" / service / "events.py"
    assert subscribing(events) + following(events), "no subscription found: it needs no events"
    found = handled(events)
    assert len(found) == len(set(found)), f"handled twice: {sorted(found)}"


def test_a_topic_that_is_handled_twice_is_found(tmp_path):
    planted = tmp_path / "events.py"
    planted.write_text(
        "def subscriptions(a, b):\n"
        "    return [Subscription('a', {RecordsPurged: a}), Subscription('b', {RecordsPurged: b})]\n"
    )
    assert subscribing(planted) == 2
    assert not following(planted)
    assert handled(planted) == ["RecordsPurged", "RecordsPurged"]


def test_audit_derives_its_subscriptions_from_the_registry():
    source = "".join(path.read_text() for path in modules("services/audit"))
    assert ".audited" in source


def test_no_topic_name_is_written_out_elsewhere():
    """Names come from the registry, so that a rename cannot leave a stray consumer behind."""
    for folder in ("plateward", "services", "local", "deploy"):
        for path in modules(folder):
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert node.value not in TOPICS, f"{Path(path).relative_to(ROOT)}: {node.value}"


def test_a_follower_outside_events_is_found(tmp_path):
    planted = tmp_path / "tick.py"
    planted.write_text(
        "def task(runtime):\n    return runtime.follower('a', [Tick], learn=print)\n"
    )
    assert following(planted) == 1
