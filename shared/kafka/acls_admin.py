"""Makes Kafka's ACLs match `shared/kafka/acls.py`: adds missing ones, removes surplus ones."""

import asyncio
import time
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeAclsRequest_v1

from shared.core.errors import DependencyDown
from shared.kafka.acls import PREFIX, Acl, Pattern, Resource, acls, principals
from shared.kafka.requests import AclRow, ask, create_acls, delete_acls

_ANY, _ALLOW, _EVERYWHERE = 1, 3, "*"
_SECURITY_DISABLED = 54
IN_FORCE_WITHIN_S = 60


async def ensure_acls(admin: AIOKafkaAdminClient, written: str) -> list[str]:
    """Give each principal exactly the ACLs of the registry.

    ACLs of other principals stay; those that open our topics are named in the result. A Kafka without an
    authorizer has no ACLs to change.

    Args:
        written: format of a principal in Kafka, with `{name}` for the service.

    Raises: Unavailable, with Kafka's refusal.
    """
    present = await described(admin)
    if present is None:
        return ["no ACLs: this Kafka has no authorizer, so every client may do everything"]
    wanted = {row(acl, written) for acl in acls()}
    ours = {written.format(name=name) for name in principals()}
    added = sorted(wanted - present)
    removed = sorted(r for r in present - wanted if r[3] in ours)
    await _create(admin, added)
    await _delete(admin, removed)
    if added or removed:
        await _in_force(admin, wanted, set(removed))
    return [
        *(f"{_in_words(r)}: allowed" for r in added),
        *(f"{_in_words(r)}: no longer allowed" for r in removed),
        *(
            f"{_in_words(r)}: not a rule of ours"
            for r in sorted(present - wanted)
            if _reaches(r, ours)
        ),
    ]


async def _in_force(admin: AIOKafkaAdminClient, wanted: set[AclRow], gone: set[AclRow]) -> None:
    """Wait until a broker applies the new ACLs, which reach it some time after Kafka accepts them."""
    until = time.monotonic() + IN_FORCE_WITHIN_S
    while True:
        present = await described(admin) or set()
        if wanted <= present and not gone & present:
            return
        if time.monotonic() > until:
            raise DependencyDown("Kafka accepted the ACLs, but its brokers do not apply them")
        await asyncio.sleep(0.1)


def row(acl: Acl, written: str) -> AclRow:
    """Return an ACL in the format of Kafka's protocol."""
    principal = written.format(name=acl.principal)
    return (
        int(acl.resource),
        acl.name,
        int(acl.pattern),
        principal,
        _EVERYWHERE,
        int(acl.operation),
        _ALLOW,
    )


async def described(admin: AIOKafkaAdminClient) -> set[AclRow] | None:
    """Return all existing ACLs, None if the broker has no authorizer. Raises: Unavailable."""
    answer = await ask(admin, DescribeAclsRequest_v1(_ANY, None, _ANY, None, None, _ANY, _ANY))
    if answer.error_code == _SECURITY_DISABLED:
        return None
    if answer.error_code:
        raise DependencyDown(f"ACLs cannot be read: {for_code(answer.error_code).__name__}")
    return {
        (kind, name, pattern, principal, host, operation, permission)
        for kind, name, pattern, rules in answer.resources
        for principal, host, operation, permission in rules
    }


async def _create(admin: AIOKafkaAdminClient, rows: Sequence[AclRow]) -> None:
    if not rows:
        return
    for code, _ in (await ask(admin, create_acls(list(rows)))).creation_responses:
        if code:
            raise DependencyDown(f"an ACL cannot be created: {for_code(code).__name__}")


async def _delete(admin: AIOKafkaAdminClient, rows: Sequence[AclRow]) -> None:
    if not rows:
        return
    for code, _, _ in (await ask(admin, delete_acls(list(rows)))).filter_responses:
        if code:
            raise DependencyDown(f"an ACL cannot be removed: {for_code(code).__name__}")


def _reaches(rule: AclRow, ours: set[str]) -> bool:
    """Whether another principal's ACL opens a topic of ours."""
    kind, name, pattern, principal, _, _, permission = rule
    if principal in ours or permission != _ALLOW or kind != Resource.TOPIC:
        return False
    prefixed = pattern == Pattern.PREFIXED and PREFIX.startswith(name)
    return name == _EVERYWHERE or name.startswith(PREFIX) or prefixed


def _in_words(rule: AclRow) -> str:
    kind, name, pattern, principal, _, operation, _ = rule
    stars = "*" if pattern == Pattern.PREFIXED else ""
    return f"{principal} {_OPERATIONS.get(operation, operation)} {_resource(kind)} {name}{stars}"


def _resource(kind: int) -> str:
    return Resource(kind).name.lower() if kind in set(Resource) else f"resource {kind}"


_OPERATIONS = {
    2: "all",
    3: "read",
    4: "write",
    5: "create",
    6: "delete",
    7: "alter",
    8: "describe",
    9: "cluster action",
    10: "describe configs",
    11: "alter configs",
    12: "write idempotently",
}
