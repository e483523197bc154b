"""The policies that services have loaded, by digest, with their acknowledgements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.problem_codes import Code
from services.audit.store.stream import PolicyStart
from shared.core.errors import NotFound
from shared.events import Actor, PolicyAcknowledged

_LOADED = text(
    """
    INSERT INTO policies (digest, version, first_loaded_at) VALUES (:digest, :version, :at)
    ON CONFLICT DO NOTHING
    """
)
_IN_FORCE = text(
    """
    INSERT INTO policies_in_force (service, digest, loaded_at) VALUES (:service, :digest, :at)
    ON CONFLICT (service) DO UPDATE SET digest = excluded.digest, loaded_at = excluded.loaded_at
    """
)
_ACKNOWLEDGE = text(
    """
    INSERT INTO policy_acknowledgements (digest, role, person_id, by, at)
    VALUES (:digest, :role, :person_id, CAST(:by AS jsonb), :at)
    ON CONFLICT DO NOTHING
    """
)
_SELECT = """
    SELECT p.digest, p.version, p.first_loaded_at,
        (SELECT coalesce(array_agg(f.service ORDER BY f.service), '{}')
            FROM policies_in_force f WHERE f.digest = p.digest) AS services,
        (SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.at), '[]')
            FROM policy_acknowledgements a WHERE a.digest = p.digest) AS acknowledgements
    FROM policies p
"""
_PAGE = text(
    f"""
    {_SELECT} WHERE CAST(:after AS text) IS NULL OR (p.first_loaded_at, p.digest) <
        (SELECT first_loaded_at, digest FROM policies WHERE digest = :after)
    ORDER BY p.first_loaded_at DESC, p.digest DESC LIMIT :limit
    """  # noqa: S608 - constants
)
_RUNNING = text("SELECT DISTINCT digest FROM policies_in_force")
_ONE = text(f"{_SELECT} WHERE p.digest = :digest")


@dataclass(frozen=True)
class Acknowledgement:
    """One person's acknowledgement of a policy, in one role."""

    role: str
    by: Actor
    at: datetime


@dataclass(frozen=True)
class LoadedPolicy:
    """A policy that a service has loaded."""

    digest: str
    version: str
    first_loaded_at: datetime
    services: list[str]
    """The services whose newest start was with this policy."""

    acknowledgements: list[Acknowledgement]


class Policies:
    """The only code that touches policies and their acknowledgements."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def loaded(self, start: PolicyStart) -> None:
        """Record that a service started with a policy."""
        values = {"digest": start.digest, "version": start.version, "at": start.at}
        await self._connection.execute(_LOADED, values)
        values = {"digest": start.digest, "service": start.service, "at": start.at}
        await self._connection.execute(_IN_FORCE, values)

    async def all(
        self, *, after: str | None = None, limit: int | None = None
    ) -> Sequence[LoadedPolicy]:
        """Return at most `limit` policies, newest first, that follow the policy with digest `after`."""
        found = await self._connection.execute(_PAGE, {"after": after, "limit": limit})
        return [_policy(row) for row in found.mappings()]

    async def running(self) -> list[str]:
        """Return the digests of the policies with which services started last: no more than there are services."""
        return sorted((await self._connection.execute(_RUNNING)).scalars())

    async def first_loaded_at(self, digest: str) -> datetime | None:
        """Return when a service first loaded a policy; None if none has."""
        row = (await self._connection.execute(_ONE, {"digest": digest})).mappings().one_or_none()
        return None if row is None else _policy(row).first_loaded_at

    async def get(self, digest: str) -> LoadedPolicy:
        """Return one policy. Raises: NotFound if no service has loaded it."""
        row = (await self._connection.execute(_ONE, {"digest": digest})).mappings().one_or_none()
        if row is None:
            raise NotFound(Code.POLICY_UNKNOWN)
        return _policy(row)

    async def acknowledge(self, event: PolicyAcknowledged) -> bool:
        """Store an acknowledgement. Return False if this person or role has already acknowledged the policy."""
        result = await self._connection.execute(
            _ACKNOWLEDGE,
            {
                "digest": event.digest,
                "role": event.role,
                "person_id": event.actor.person_id,
                "by": msgspec.json.encode(event.actor).decode(),
                "at": event.occurred_at,
            },
        )
        return result.rowcount == 1


def _policy(row: Mapping[Any, Any]) -> LoadedPolicy:
    given = [msgspec.convert(a, Acknowledgement) for a in row["acknowledgements"]]
    return LoadedPolicy(**{**row, "acknowledgements": given})
