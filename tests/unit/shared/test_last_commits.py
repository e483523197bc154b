"""Commits of offsets after a rebalance and at a stop, as a consumer makes them."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError

from shared.kafka import offsets
from shared.kafka.offsets import Offsets

OWN, LOST = TopicPartition("alpr.finding.raised", 0), TopicPartition("alpr.finding.raised", 1)


class Member:
    """A member of a group that has one partition; each of its commits fails with the given fault."""

    def __init__(self, fault=None):
        self.fault = fault
        self.committed = []

    def assignment(self):
        return {OWN}

    async def commit(self, processed):
        if self.fault is asyncio.Event:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        self.committed.append(processed)


def processed_by(member):
    found = Offsets(member, "group")
    found.add({OWN: 7, LOST: 9})
    return found


async def test_a_partition_that_was_lost_keeps_no_other_from_its_commit():
    member = Member()
    await processed_by(member).commit()
    assert member.committed == [{OWN: 7}]


@pytest.mark.parametrize("fault", [CommitFailedError(), IllegalStateError()])
async def test_a_commit_that_a_rebalance_overtook_stops_no_consumer(fault):
    await processed_by(Member(fault)).commit()


async def test_a_commit_that_kafka_refuses_is_a_failure_until_the_stop():
    with pytest.raises(KafkaConnectionError):
        await processed_by(Member(KafkaConnectionError())).commit()


@pytest.mark.parametrize("fault", [KafkaConnectionError(), asyncio.Event])
async def test_a_last_commit_that_fails_or_hangs_ends_and_does_not_end_the_stop(fault, monkeypatch):
    monkeypatch.setattr(offsets, "STOP_COMMITS_WITHIN_S", 0.05)
    async with asyncio.timeout(5):
        await processed_by(Member(fault)).commit_last()
