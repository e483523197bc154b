"""Training records, declared purposes and limit lifts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.identity.store.connected import Connected
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant

_TRAINING = "training_id, account_id, course, completed_on, valid_until, recorded_by, recorded_at"


@dataclass(frozen=True)
class Training:
    """One course that a person completed."""

    training_id: UUID
    account_id: UUID
    course: str
    completed_on: datetime
    valid_until: datetime
    recorded_by: UUID
    recorded_at: datetime


@dataclass(frozen=True)
class DeclaredPurpose:
    """One accepted purpose of a person."""

    purpose_id: UUID
    account_id: UUID
    kind: str
    offence_type: str
    case_number: str | None
    call_number: str | None
    justification: str
    scope: Mapping[str, Any]
    declared_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class LimitLift:
    """A person's release, for one case, from the policy's limit of records a day."""

    lift_id: UUID
    account_id: UUID
    case_number: str
    reason: str
    lifted_by: UUID
    lifted_at: datetime
    until: datetime


class Trainings(Connected):
    """Training records; added to, never changed."""

    async def add(self, training: Training) -> None:
        """Insert a record."""
        await self._run(
            "INSERT INTO trainings (training_id, account_id, course, completed_on, valid_until,"
            " recorded_by, recorded_at) VALUES (:training_id, :account_id, :course,"
            " :completed_on, :valid_until, :recorded_by, :recorded_at)",
            **vars(training),
        )

    async def same(self, training: Training) -> Training | None:
        """Return the record by the same person of the same course, day and end of another; None without one."""
        found = await self._run(
            f"SELECT {_TRAINING} FROM trainings"  # noqa: S608 - constants
            " WHERE account_id = :account_id AND course = :course AND completed_on = :completed_on"
            " AND valid_until = :valid_until AND recorded_by = :recorded_by"
            " ORDER BY recorded_at LIMIT 1",
            **vars(training),
        )
        row = found.first()
        return None if row is None else Training(**row._mapping)

    async def of(self, account_id: UUID, *, after: UUID | None, limit: int) -> Sequence[Training]:
        """Return a person's records, newest first, beginning after the one named `after`."""
        found = await self._run(
            f"SELECT {_TRAINING} FROM trainings WHERE account_id = :account_id"  # noqa: S608 - constants
            " AND (CAST(:after AS uuid) IS NULL OR (completed_on, recorded_at, training_id) <"
            " (SELECT completed_on, recorded_at, training_id FROM trainings"
            " WHERE training_id = :after AND account_id = :account_id))"
            " ORDER BY completed_on DESC, recorded_at DESC, training_id DESC LIMIT :limit",
            account_id=account_id,
            after=after,
            limit=limit,
        )
        return [Training(**row._mapping) for row in found]


class Purposes(Connected):
    """Declared purposes; added to, never changed."""

    async def add(self, purpose: DeclaredPurpose) -> None:
        """Insert a purpose."""
        await self._run(
            "INSERT INTO purposes (purpose_id, account_id, kind, offence_type, case_number,"
            " call_number, justification, scope, declared_at, expires_at) VALUES (:purpose_id,"
            " :account_id, :kind, :offence_type, :case_number, :call_number, :justification,"
            " CAST(:scope AS jsonb), :declared_at, :expires_at)",
            **(vars(purpose) | {"scope": json.dumps(purpose.scope)}),
        )

    async def of(
        self, grant: Grant, *, after: UUID | None, limit: int
    ) -> Sequence[DeclaredPurpose]:
        """Return the purposes of the grant's person, newest first, declared before the one named `after`.

        Records their disclosure, with the plates of their scopes.
        """
        account_id = UUID(grant.principal.account_id)
        found = await self._run(
            "SELECT purpose_id, account_id, kind, offence_type, case_number, call_number,"
            " justification, scope, declared_at, expires_at FROM purposes"
            " WHERE account_id = :account_id AND (CAST(:after AS uuid) IS NULL"
            " OR (declared_at, purpose_id) < (SELECT declared_at, purpose_id FROM purposes"
            " WHERE purpose_id = :after AND account_id = :account_id))"
            " ORDER BY declared_at DESC, purpose_id DESC LIMIT :limit",
            account_id=account_id,
            after=after,
            limit=limit,
        )
        purposes = [DeclaredPurpose(**row._mapping) for row in found]
        disclosed = [
            Disclosed(record_id=one.purpose_id, plates=filter(None, [one.scope.get("plate")]))
            for one in purposes
        ]
        await disclose(self._connection, grant, "purpose", disclosed)
        return purposes


class LimitLifts(Connected):
    """Releases from the limit of records a day; added to, never changed."""

    async def add(self, lift: LimitLift) -> None:
        """Insert a release."""
        await self._run(
            "INSERT INTO limit_lifts (lift_id, account_id, case_number, reason, lifted_by,"
            " lifted_at, until) VALUES (:lift_id, :account_id, :case_number, :reason,"
            " :lifted_by, :lifted_at, :until)",
            **vars(lift),
        )

    async def until(self, account_id: UUID, case_number: str, now: datetime) -> datetime | None:
        """Return the end of a person's limit lift for a case; None without one."""
        found = await self._run(
            "SELECT max(until) FROM limit_lifts WHERE account_id = :account_id"
            " AND upper(case_number) = upper(:case_number) AND until > :now",
            account_id=account_id,
            case_number=case_number,
            now=now,
        )
        end: datetime | None = found.scalar_one()
        return end

    async def of(self, account_id: UUID, *, after: UUID | None, limit: int) -> Sequence[LimitLift]:
        """Return a person's releases, newest first, given before the one named `after`."""
        found = await self._run(
            "SELECT lift_id, account_id, case_number, reason, lifted_by, lifted_at, until"
            " FROM limit_lifts WHERE account_id = :account_id AND (CAST(:after AS uuid) IS NULL"
            " OR (lifted_at, lift_id) < (SELECT lifted_at, lift_id FROM limit_lifts"
            " WHERE lift_id = :after AND account_id = :account_id))"
            " ORDER BY lifted_at DESC, lift_id DESC LIMIT :limit",
            account_id=account_id,
            after=after,
            limit=limit,
        )
        return [LimitLift(**row._mapping) for row in found]
