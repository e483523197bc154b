"""Which service may do what to which objects: one table, from which every policy is made (ADR-0021).

`python -m shared.objects.rights BUCKET ACCOUNT` prints an S3 bucket policy for the department's provider. What
compose's server is told is made from the same table (shared/objects/setup.py), and a test holds a server
that enforces it against the table.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any


class Verb(StrEnum):
    """What can be done to objects. PUT may leave an upload in parts off; LIST sees names and sizes."""

    GET = "get"
    PUT = "put"
    DELETE = "delete"
    LIST = "list"


GET, PUT, DELETE, LIST = Verb.GET, Verb.PUT, Verb.DELETE, Verb.LIST

RIGHTS: Mapping[str, Mapping[str, frozenset[Verb]]] = {
    "ingest": {"captures/": frozenset({PUT})},
    "recognition": {"captures/": frozenset({GET}), "crops/": frozenset({PUT})},
    "hotlist": {
        "captures/": frozenset({GET}),
        "crops/": frozenset({GET}),
        "purges/": frozenset({GET}),
    },
    # It destroys pictures and makes none: what a purge list once said it cannot take back.
    "retention": {
        "captures/": frozenset({GET, DELETE, LIST}),
        "crops/": frozenset({GET, DELETE, LIST}),
        "packages/": frozenset({GET, PUT, DELETE, LIST}),
        "evidence/": frozenset({GET, PUT, DELETE, LIST}),
        "purges/": frozenset({GET, PUT, LIST}),
    },
    "release": {"release/": frozenset({GET, PUT}), "packages/": frozenset({GET, DELETE})},
    "audit": {"purges/": frozenset({GET})},
}
"""By service and by what keys begin with. Who is not here has no key of the object store at all."""

PING = "ping"
"""An empty object that every service here may read: by it a service knows that its key is taken."""

READY_WITHOUT = frozenset({"audit"})
"""Services whose readiness does not ask for the object store; they use it in the background alone."""

_ACTIONS = {
    GET: ("s3:GetObject",),
    PUT: ("s3:PutObject", "s3:AbortMultipartUpload"),
    DELETE: ("s3:DeleteObject",),
}


def user_of(service: str) -> str:
    """Return the name of a service's key, or user, at the object store."""
    return f"plateward-{service}"


def bucket_policy(
    bucket: str, principal: Callable[[str], str] = user_of, *, below: str = ""
) -> dict[str, Any]:
    """Return the bucket policy that the table says.

    Args:
        bucket: its name.
        principal: how the server calls a service's user; its access key by default, an ARN at AWS.
        below: the prefix of OBJECT_STORE_URL with a slash at its end, empty where it has none.
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
    """Short, without ids: a server that keeps the policy beside the bucket's folder has 4 KiB for it."""
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
    parser.add_argument("account", help="the AWS account, 12 digits, or the provider's like of it")
    parser.add_argument("--partition", default="aws", help="aws-us-gov in GovCloud")
    parser.add_argument("--below", default="", help="the prefix of OBJECT_STORE_URL, e.g. alpr/")
    chosen = parser.parse_args()
    users = f"arn:{chosen.partition}:iam::{chosen.account}:user/"
    policy = bucket_policy(chosen.bucket, lambda s: users + user_of(s), below=chosen.below)
    text = json.dumps(policy, indent=2)
    print(text.replace("arn:aws:s3:::", f"arn:{chosen.partition}:s3:::"))


if __name__ == "__main__":
    main()
