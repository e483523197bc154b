"""Which topics of the embedded broker are trimmed, and for whom it waits."""

from shared.kafka.topics import TOPICS
from shared.kafka.trim import services_to_wait_for


def test_topics_that_services_replay_are_never_trimmed() -> None:
    replayed = {name for name, topic in TOPICS.items() if topic.replayed}
    assert replayed
    assert not replayed & set(services_to_wait_for())


def test_dead_letters_are_never_trimmed() -> None:
    assert not {topic.dead for topic in TOPICS.values()} & set(services_to_wait_for())


def test_trimming_waits_for_every_service_that_consumes_a_topic() -> None:
    waits = services_to_wait_for()
    assert waits["alpr.read.recorded"] == ["hotlist", "retention"]
    for name, groups in waits.items():
        assert set(groups) == TOPICS[name].consumers
        assert groups, f"{name} would be trimmed though nobody works it"
