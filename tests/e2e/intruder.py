"""A service that was broken into, on Apache Kafka with ACLs: tries everything that its certificate may open.

Every try is a request of Kafka's own protocol with that service's certificate, so the result is the broker's
answer and not a client's caution.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.admin import (
    CreatePartitionsRequest,
    DeleteGroupsRequest_v1,
    DeleteRecordsRequest_v1,
    DescribeAclsRequest_v1,
    DescribeConfigsRequest_v1,
)
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import JoinGroupRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.kafka.client import Kafka
from shared.kafka.requests import (
    AlterConfigsRequest,
    LogDirsRequest,
    MetadataRequest,
    Reassign,
    ask,
    create_acls,
    delete_acls,
)

TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED, TXN_DENIED = 29, 30, 31, 53
NO_TOPIC_IS_DELETED = 73
DENIED = {TOPIC_DENIED, GROUP_DENIED, CLUSTER_DENIED, TXN_DENIED, NO_TOPIC_IS_DELETED}
_BROKER, _TOPIC = 4, 2
_EVERYTHING = (2, "*", 3, "User:*", "*", 2, 3)  # topic * (literal), for all: all operations


@dataclass
class Intruder:
    """One principal's certificate in the wrong hands."""

    kafka: Kafka
    who: str
    opened: set[tuple[str, str]] = field(default_factory=set)
    """The acts that the broker permitted: the act, and the topic, group or cluster that it was done to."""

    tried: set[tuple[str, str]] = field(default_factory=set)

    async def try_everything(self, topics: Collection[str], groups: Collection[str]) -> None:
        """Try each act on each topic and group, and on the cluster."""
        admin = self.kafka.admin()
        await admin.start()
        try:
            await self._try_topics(admin, sorted(topics))
            for group in sorted(groups):
                await self._try_group(admin, group, sorted(topics))
            await self._try_cluster(admin)
        finally:
            await admin.close()

    def _note(self, act: str, answers: Iterable[tuple[str, int]]) -> None:
        for name, code in answers:
            self.tried.add((act, name))
            if code not in DENIED:
                self.opened.add((act, name))

    async def _try_topics(self, admin: AIOKafkaAdminClient, topics: list[str]) -> None:
        client = admin._client
        node = client.get_random_node()
        seen = (await ask(admin, MetadataRequest(topics, False, False, True))).to_object()
        self._note("describe", ((t["topic"], t["error_code"]) for t in seen["topics"]))

        batch = a_batch()
        sent = await client.send(
            node, ProduceRequest(None, 1, 5000, [(topic, [(0, batch)]) for topic in topics])
        )
        self._note("write", ((t, parts[0][1]) for t, parts in sent.topics))

        read = FetchRequest(0, 0, 10_000_000, 0, [(t, [(0, 0, 1000)]) for t in topics])
        got = await client.send(node, read)
        self._note("read", ((t, parts[0][1]) for t, parts in got.topics))

        looked = await ask(admin, _describe_configs(topics))
        self._note("describe configs", ((r[3], r[0]) for r in looked.resources))

        shorter = [(_TOPIC, t, [("retention.ms", 0, "1000")]) for t in topics]
        changed = await ask(admin, AlterConfigsRequest(shorter, False))
        self._note("alter configs", ((r[3], r[0]) for r in changed.responses))

        emptied = await ask(admin, DeleteRecordsRequest_v1([(t, [(0, -1)]) for t in topics], 5000))
        self._note("delete records", ((t, parts[0][2]) for t, parts in emptied.topics))

        more = await client.send(
            node, CreatePartitionsRequest([(t, (40, None)) for t in topics], 5000, False)
        )
        self._note("create partitions", ((e[0], e[1]) for e in more.topic_errors))

        gone = await admin.delete_topics(topics)
        self._note("delete", ((e[0], e[1]) for e in gone.topic_error_codes))

        new = [NewTopic(f"alpr.{self.who}.{n}", 1, 1) for n in ("new", "new.dead")]
        made = await admin.create_topics([*new, NewTopic("of-my-own", 1, 1)])
        self._note("create", ((e[0], e[1]) for e in made.topic_errors))

    async def _try_group(self, admin: AIOKafkaAdminClient, group: str, topics: list[str]) -> None:
        client = admin._client
        node = client.get_random_node()
        joined = await client.send(
            node, JoinGroupRequest(group, 6000, 6000, "", "", "consumer", [("range", b"")])
        )
        self._note("join", [(group, joined.error_code)])
        asked = OffsetFetchRequest(group, [(t, [0]) for t in topics])
        found = await client.send(node, asked)
        codes = {p[3] for _, parts in found.topics for p in parts} | {found.error_code}
        self._note("see offsets", [(group, GROUP_DENIED if GROUP_DENIED in codes else 0)])
        commit = OffsetCommitRequest(group, -1, "", -1, [(t, [(0, 1, "")]) for t in topics])
        done = await client.send(node, commit)
        codes = {p[1] for _, parts in done.topics for p in parts}
        self._note("commit", [(group, GROUP_DENIED if codes == {GROUP_DENIED} else 0)])
        killed = await ask(admin, DeleteGroupsRequest_v1([group]))
        self._note("delete group", killed.results)

    async def _try_cluster(self, admin: AIOKafkaAdminClient) -> None:
        rules = await ask(admin, create_acls([_EVERYTHING]))
        self._note("make ACLs", [("cluster", rules.creation_responses[0][0])])
        rules = await ask(admin, DescribeAclsRequest_v1(1, None, 1, None, None, 1, 1))
        self._note("read ACLs", [("cluster", rules.error_code)])
        rules = await ask(admin, delete_acls([_EVERYTHING]))
        self._note("remove ACLs", [("cluster", rules.filter_responses[0][0])])
        open_to_all = [("allow.everyone.if.no.acl.found", 0, "true")]
        changed = await ask(admin, AlterConfigsRequest([(_BROKER, "", open_to_all)], False))
        self._note("alter brokers", [("cluster", changed.responses[0][0])])
        moved = await ask(admin, Reassign(5000, [("alpr.hit.raised", [(0, [1], {})], {})], {}))
        self._note("move replicas", [("cluster", moved.error_code)])
        disks = await ask(admin, LogDirsRequest(None, {}))
        self._note("see disks", [("cluster", disks.error_code)])
        begun = await admin._client.send(
            admin._client.get_random_node(), InitProducerIdRequest("alpr", 1000)
        )
        self._note("begin transactions", [("cluster", begun.error_code)])


def a_batch() -> bytes:
    """Return one record, as a producer sends it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1000)
    builder.append(0, int(time.time() * 1000), b"key", b"forged", [])
    return bytes(builder.build())


def _describe_configs(topics: list[str]) -> Any:
    return DescribeConfigsRequest_v1([(_TOPIC, topic, ["retention.ms"]) for topic in topics], False)
