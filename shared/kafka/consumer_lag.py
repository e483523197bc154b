"""Shows in the metrics how far a consumer is behind in each of its partitions."""

import contextlib

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError
from prometheus_client import Gauge

LAG = Gauge(
    "alpr_consumer_lag",
    "Reads and other events not yet processed; reads by the mean of the last poll's records",
    ["group", "topic", "partition"],
)


class ConsumerLag:
    """The lag of one consumer group's member, in the partitions that it has."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._partitions: frozenset[TopicPartition] = frozenset()
        self.per_record = 1.0
        """The mean number of reads in a record of the last poll."""

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Measure the lag of new partitions, so that one is known before its first event; forget those of others."""
        assigned = consumer.assignment()
        if assigned == self._partitions:
            return
        self._remove(self._partitions - assigned)
        ends = await consumer.end_offsets(assigned - self._partitions)
        for partition, end in ends.items():
            try:
                self.set(partition, end - await consumer.position(partition))
            except IllegalStateError:  # a rebalance removed it
                return
            self._partitions |= {partition}

    def set(self, partition: TopicPartition, records: int) -> None:
        """Show that so many records of a partition are not yet processed."""
        lag = LAG.labels(self._group, partition.topic, partition.partition)
        lag.set(round(records * self.per_record))

    def forget(self) -> None:
        """Show no lag any more."""
        self._remove(self._partitions)

    def _remove(self, partitions: frozenset[TopicPartition]) -> None:
        for partition in partitions:
            with contextlib.suppress(KeyError):
                LAG.remove(self._group, partition.topic, partition.partition)
        self._partitions -= partitions
