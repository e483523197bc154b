"""Requests of Kafka's protocol that aiokafka 0.14 lacks, or sends one by one.

Each has one version, which both Apache Kafka 4 and the embedded broker accept; field names are those of Kafka's own
message definitions (clients/src/main/resources/common/message).
"""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Array,
    Boolean,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

_TEXT = String("utf-8")
_COMPACT = CompactString("utf-8")


class MetadataResponse(Response):
    """Topics with their partitions, and the caller's rights on each."""

    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class MetadataRequest(RequestStruct):
    """Metadata, version 8: the last version before flexible ones."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = MetadataResponse
    SCHEMA = Schema(
        ("topics", Array(_TEXT)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class AlterConfigsResponse(Response):
    """The result for each resource."""

    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "responses",
            Array(
                ("error_code", Int16),
                ("error_message", _TEXT),
                ("resource_type", Int8),
                ("resource_name", _TEXT),
            ),
        ),
    )


class AlterConfigsRequest(RequestStruct):
    """IncrementalAlterConfigs: sets the named configs and leaves all others unchanged (KIP-339)."""

    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = AlterConfigsResponse
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", _TEXT),
                ("configs", Array(("name", _TEXT), ("operation", Int8), ("value", _TEXT))),
            ),
        ),
        ("validate_only", Boolean),
    )


class LogDirsResponse(Response):
    """The log folders of one broker, with the size of their disks (KIP-827)."""

    API_KEY = 35
    API_VERSION = 4
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "results",
            CompactArray(
                ("error_code", Int16),
                ("log_dir", _COMPACT),
                (
                    "topics",
                    CompactArray(
                        ("name", _COMPACT),
                        (
                            "partitions",
                            CompactArray(
                                ("partition_index", Int32),
                                ("partition_size", Int64),
                                ("offset_lag", Int64),
                                ("is_future_key", Boolean),
                                ("tags", TaggedFields),
                            ),
                        ),
                        ("tags", TaggedFields),
                    ),
                ),
                ("total_bytes", Int64),
                ("usable_bytes", Int64),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class LogDirsRequest(RequestStruct):
    """DescribeLogDirs of one broker; `topics` as None means all."""

    API_KEY = 35
    API_VERSION = 4
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = LogDirsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic", _COMPACT), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("tags", TaggedFields),
    )


class ReassignResponse(Response):
    """The result for each partition."""

    API_KEY = 45
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        ("error_message", _COMPACT),
        (
            "responses",
            CompactArray(
                ("name", _COMPACT),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("error_code", Int16),
                        ("error_message", _COMPACT),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class Reassign(RequestStruct):
    """AlterPartitionReassignments: names the brokers that hold a partition's replicas (KIP-455)."""

    API_KEY = 45
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = ReassignResponse
    SCHEMA = Schema(
        ("timeout_ms", Int32),
        (
            "topics",
            CompactArray(
                ("name", _COMPACT),
                (
                    "partitions",
                    CompactArray(
                        ("partition_index", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AsItIs(Request[RequestStruct]):
    """A request of one fixed version, which the broker supports or not."""

    API_KEY = -1

    def __init__(self, struct: RequestStruct) -> None:
        self._struct = struct
        self.API_KEY = struct.API_KEY

    def prepare(self, versions: dict[int, tuple[int, int]]) -> RequestStruct:
        low, high = versions.get(self.API_KEY, (0, -1))
        if not low <= self._struct.API_VERSION <= high:
            raise NotImplementedError(f"this Kafka does not support {type(self._struct).__name__}")
        return self._struct

    def build(self, request_struct_class: type[RequestStruct]) -> RequestStruct:
        raise NotImplementedError


async def ask(
    admin: AIOKafkaAdminClient, request: RequestStruct, node_id: int | None = None
) -> Any:
    """Send one request to a broker, by default any one, and return its response.

    Raises: NotImplementedError if the broker does not know the request; KafkaError.
    """
    client = admin._client
    return await client.send(
        client.get_random_node() if node_id is None else node_id, _AsItIs(request)
    )


AclRow = tuple[int, str, int, str, str, int, int]
"""Resource type, name, pattern type, principal, host, operation, permission type."""


def create_acls(rows: list[AclRow]) -> RequestStruct:
    """Return the request that creates all of `rows`."""
    return CreateAclsRequest_v1(rows)


def delete_acls(rows: list[AclRow]) -> RequestStruct:
    """Return the request that removes exactly `rows`."""
    return DeleteAclsRequest_v1(rows)
