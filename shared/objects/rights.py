"""The services' rights on objects: one table, from which every policy is generated (ADR-0021).

`python -m shared.objects.rights BUCKET ACCOUNT` prints an S3 bucket policy for the department's provider. Compose's
server gets its policy from the same table (shared/objects/setup.py), and a test compares the table with a server that
enforces it.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any


class Verb(StrEnum):
    """Operations on objects. PUT includes aborting a multipart upload; LIST shows names and sizes."""

    GET = "get"
    PUT = "put"
    DELETE = "delete"
    LIST = "list"


GET, PUT, DELETE, LIST = Verb.GET, Verb.PUT, Verb.DELETE, Verb.LIST

RIGHTS: Mapping[str, Mapping[str, frozenset[Verb]]] = {
    # It writes a plate that a camera cut out itself; what recognition cuts out is recognition's to write.
    "ingest": {"captures/": frozenset({PUT}), "crops/": frozenset({PUT})},
    "recognition": {"captures/": frozenset({GET}), "crops/": frozenset({PUT})},
    "hotlist": {
        "captures/": frozenset({GET}),
        "crops/": frozenset({GET}),
        "purges/": frozenset({GET}),
    },
    # It deletes pictures and writes none; it cannot delete a purge list.
    "retention": {
        "captures/": frozenset({GET, DELETE, LIST}),
        "crops/": frozenset({GET, DELETE, LIST}),
        "packages/": frozenset({GET, PUT, DELETE, LIST}),
        "evidence/": frozenset({GET, PUT, DELETE, LIST}),
        "purges/": frozenset({GET, PUT, LIST}),
    },
    "release": {"release/": frozenset({GET, PUT, DELETE}), "packages/": frozenset({GET, DELETE})},
    "audit": {"purges/": frozenset({GET})},
}
"""By service and key prefix. A service that is not listed has no key of the object store."""

PING = "ping"
"""An empty object that every listed service may read, to check that the store accepts its key."""

_ACTIONS = {
    GET: ("s3:GetObject",),
    PUT: ("s3:PutObject", "s3:AbortMultipartUpload"),
    DELETE: ("s3:DeleteObject",),
}


def user_of(service: str) -> str:
    """Return the name of a service's user at the object store."""
    return f"plateward-{service}"


def bucket_policy(
    bucket: str, principal: Callable[[str], str] = user_of, *, below: str = ""
) -> dict[str, Any]:
    """Return the bucket policy that grants the table's rights.

    Args:
        bucket: its name.
        principal: maps a service's user to the server's name for it; its access key by default, an ARN at AWS.
        below: the prefix of OBJECT_STORE_URL with a trailing slash, empty without one.
    """
    where = f"arn:aws:s3:::{bucket}"
    everybody = [principal(service) for service in RIGHTS]
    statements = [_allow(everybody, ["s3:GetObject"], [f"{where}/{below}{PING}"])]
    for service, rights in RIGHTS.items():
        alike: dict[frozenset[Verb], list[str]] = {}
        for prefix, verbs in rights.items():
            alike.setdefault(verbs - {LIST}, []).append(f"{where}/{below}{prefix}*")
        for verbs, keys in alike.items():
            actions = [action for verb in sorted(verbs) for action in _ACTIONS[verb]]
            statements.append(_allow([principal(service)], actions, keys))
        if listed := [f"{below}{prefix}*" for prefix, verbs in rights.items() if LIST in verbs]:
            statements.append(
                {
                    **_allow([principal(service)], ["s3:ListBucket"], [where]),
                    "Condition": {"StringLike": {"s3:prefix": listed}},
                }
            )
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(who: list[str], actions: list[str], resources: list[str]) -> dict[str, Any]:
    """Build one statement, short and without ids: some servers store the policy in 4 KiB beside the bucket."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": who},
        "Action": actions,
        "Resource": resources,
    }


def main() -> None:
    """Print the policy for a provider whose users are ARNs."""
    parser = argparse.ArgumentParser(prog="python -m shared.objects.rights", description=__doc__)
    parser.add_argument("bucket")
    parser.add_argument("account", help="the AWS account, 12 digits, or the provider's equivalent")
    parser.add_argument("--partition", default="aws", help="aws-us-gov in GovCloud")
    parser.add_argument("--below", default="", help="the prefix of OBJECT_STORE_URL, e.g. alpr/")
    chosen = parser.parse_args()
    users = f"arn:{chosen.partition}:iam::{chosen.account}:user/"
    policy = bucket_policy(chosen.bucket, lambda s: users + user_of(s), below=chosen.below)
    text = json.dumps(policy, indent=2)
    print(text.replace("arn:aws:s3:::", f"arn:{chosen.partition}:s3:::"))


if __name__ == "__main__":
    main()
