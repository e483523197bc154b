"""The retention and the replicas of each Kafka topic."""

import pytest

from shared.events import (
    BackfillRecognised,
    CaptureBackfilled,
    CaptureProcessed,
    CaptureReceived,
    CheckpointSigned,
    IdentityTicked,
    LogCovered,
    PassesRecorded,
    ReadsBackfilled,
    ReadsRecognised,
    ReadsRecorded,
    ReleaseFreed,
    ReleaseLapsed,
)
from shared.kafka.client import Kafka
from shared.kafka.topics import TOPICS
from shared.kafka.topics_check import TopicsCheck
from shared.kafka.topics_wanted import LONGEST_S, MIN_INSYNC, copies_on, wanted
from shared.postgres.outbox import INBOX_RETENTION


@pytest.mark.parametrize(
    ("brokers", "copies", "acknowledged"), [(1, 1, 1), (2, 2, 1), (3, 3, 2), (5, 3, 2)]
)
def test_copies_are_three_where_there_are_brokers_and_all_but_one_acknowledge(
    brokers: int, copies: int, acknowledged: int
) -> None:
    assert copies_on(brokers) == (copies, acknowledged)
    for topic in wanted(brokers):
        assert (topic.copies, topic.configs[MIN_INSYNC]) == (copies, str(acknowledged))


def test_no_broker_that_lags_may_lead_and_no_replayed_event_goes_before_a_slow_consumer_has_it() -> (
    None
):
    """An event that is acknowledged is not lost, and one that a later one replaces is audited first."""
    for topic in wanted(3):
        assert topic.configs["unclean.leader.election.enable"] == "false"
        if topic.configs["cleanup.policy"] == "compact":
            kept_ms = 1000 * TOPICS[topic.name].retention_s
            assert topic.configs["min.compaction.lag.ms"] == str(kept_ms)


def test_all_events_but_sightings_and_signs_of_life_are_in_the_log() -> None:
    """An event that the log lacks never happened for who audits; so is one without a MAC, which the others have."""
    outside = {topic.event for topic in TOPICS.values() if not topic.audited}
    assert outside == {
        BackfillRecognised,
        CaptureBackfilled,
        CaptureProcessed,
        CaptureReceived,
        CheckpointSigned,
        IdentityTicked,
        LogCovered,
        PassesRecorded,
        ReadsBackfilled,
        ReadsRecognised,
        ReadsRecorded,
        ReleaseFreed,
        ReleaseLapsed,
    }


def test_a_service_may_be_down_for_a_week_and_miss_no_event() -> None:
    """But those of which it needs the newest only."""
    days = {topic.event: topic.retention_s / 86_400 for topic in TOPICS.values()}
    assert days.pop(IdentityTicked) == 1 / 24
    assert days.pop(LogCovered) == 29
    assert days.pop(CheckpointSigned) == 365
    assert set(days.values()) == {7}


@pytest.mark.parametrize(
    ("insync", "one_copy", "copies", "is_refused"),
    [
        (("2", "2"), False, 2, False),
        (("2", "1"), False, 1, True),
        (("2", "1"), True, 1, False),
        (("3", "2"), False, 2, False),
    ],
)
def test_a_service_is_not_ready_while_a_topic_has_one_copy_unless_it_may(
    insync: tuple[str, ...], one_copy: bool, copies: int, is_refused: bool
) -> None:
    check = TopicsCheck(Kafka("broker:9092", {}, one_copy), "ingest")
    found = {str(number): {MIN_INSYNC: value} for number, value in enumerate(insync)}
    assert bool(check._too_few_copies(found)) is is_refused
    assert check.copies == copies, "the number that receipts give"


def test_reads_have_24_partitions_and_4_on_a_single_broker() -> None:
    for brokers, most in ((1, 4), (3, 24), (5, 24)):
        partitions = {topic.name: topic.partitions for topic in wanted(brokers)}
        assert partitions[ReadsRecorded.TOPIC] == partitions[ReadsBackfilled.TOPIC] == most
        assert partitions[CheckpointSigned.TOPIC] == 1
        assert max(partitions.values()) == most


def test_no_topic_with_sightings_keeps_records_over_30_days() -> None:
    """A record goes with its segment, so it outlives its topic's retention by as long as one is filled."""
    tells_of_none = {CheckpointSigned.TOPIC, *(t.name for t in TOPICS.values() if t.replayed)}
    assert len(tells_of_none) < 10
    timed = [topic for topic in wanted(3) if topic.name not in tells_of_none]
    assert len(timed) == 2 * len(TOPICS) - len(tells_of_none)
    for topic in timed:
        kept_ms = int(topic.configs["retention.ms"]) + int(topic.configs["segment.ms"])
        assert topic.configs["cleanup.policy"] == "delete", topic.name
        assert kept_ms <= LONGEST_S * 1000 < 31 * 86_400_000, topic.name


def test_records_have_the_timestamp_of_the_broker() -> None:
    """A producer's own time could keep a record for ever, or have it deleted unread."""
    for topic in wanted(3):
        assert topic.configs["message.timestamp.type"] == "LogAppendTime"


def test_the_inbox_knows_an_event_for_as_long_as_its_topic_may_deliver_it_again() -> None:
    by_groups = {topic.name: topic.retention_s for topic in TOPICS.values() if topic.workers}
    assert len(by_groups) > 10
    assert max(by_groups.values()) < INBOX_RETENTION.total_seconds()
