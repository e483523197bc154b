"""When records may be destroyed, and when they must be (policy 468.3.1(f), 468.5).

Five facts, all stored with the run: age, a schedule in force, the legislative body's resolution, the
agency attorney's written consent (Government Code 34090.6), and no hold. The first four concern the run;
the service checks them at its proposal, authorisation and execution. The fifth concerns each record.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

from services.retention.domain.problem_codes import Code
from shared.core.errors import Conflict, InvalidInput
from shared.core.policy import Retention


class State(StrEnum):
    """State of a run."""

    PROPOSED = "proposed"
    AUTHORISED = "authorised"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXECUTING = "executing"
    EXECUTED = "executed"
    CERTIFIED = "certified"


class Kind(StrEnum):
    """Single: one run, by three people. Standing: the order for daily runs, by two. Daily: a run under that order."""

    SINGLE = "single"
    STANDING = "standing"
    DAILY = "daily"


@dataclass(frozen=True)
class Basis:
    """The authority for destroying records: facts two to four, and the two ages."""

    floor_days: int
    schedule_days: int
    schedule_id: str
    schedule_in_force_from: date
    resolution_id: str
    attorney_consent_id: str

    @classmethod
    def of(cls, retention: Retention) -> "Basis":
        """Return the basis in the present policy."""
        return cls(
            floor_days=retention.floor_days,
            schedule_days=retention.schedule_days,
            schedule_id=retention.schedule_id.strip(),
            schedule_in_force_from=retention.schedule_in_force_from,
            resolution_id=retention.resolution_id.strip(),
            attorney_consent_id=retention.attorney_consent_id.strip(),
        )

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Basis":
        """Return the basis that `as_json` wrote."""
        start = date.fromisoformat(plain["schedule_in_force_from"])
        return cls(**{**plain, "schedule_in_force_from": start})

    def as_json(self) -> dict[str, Any]:
        """Return the basis as plain JSON values."""
        return {**asdict(self), "schedule_in_force_from": self.schedule_in_force_from.isoformat()}

    def due(self, now: datetime) -> datetime:
        """Return the moment before which records are due: past the schedule and the floor."""
        return now - timedelta(days=max(self.schedule_days, self.floor_days))

    def missing(self, now: datetime) -> list[str]:
        """Return those of facts two to four that are not on record."""
        missing = []
        in_force = self.schedule_in_force_from <= now.astimezone(UTC).date()
        if not self.schedule_id or not in_force:
            missing.append("schedule_in_force")
        if not self.resolution_id:
            missing.append("resolution")
        if not self.attorney_consent_id:
            missing.append("attorney_consent")
        return missing


def check_basis(basis: Basis, now: datetime) -> None:
    """Raise Conflict naming each of facts two to four that is not on record."""
    if missing := basis.missing(now):
        raise Conflict(Code.PURGE_FACTS_MISSING, missing=missing)


def check_age(basis: Basis, before: datetime, now: datetime) -> None:
    """Raise InvalidInput if any record before `before` is under the floor, or not yet due."""
    if before > now - timedelta(days=basis.floor_days):
        raise InvalidInput(
            Code.PURGE_UNDER_FLOOR, field="before", floor_days=basis.floor_days, missing=["age"]
        )
    if before > basis.due(now):
        raise InvalidInput(
            Code.PURGE_BEFORE_SCHEDULE,
            field="before",
            schedule_id=basis.schedule_id,
            schedule_days=basis.schedule_days,
            missing=["schedule_in_force"],
        )


def proposed_before(
    kind: Kind, before: datetime | None, basis: Basis, now: datetime
) -> datetime | None:
    """Return the time before which a proposed purge destroys records; None for a standing order.

    A single run without a time destroys all records that are due.

    Raises: InvalidInput for a standing order with a time, or for a time that the basis does not allow.
    """
    if kind is Kind.STANDING:
        if before is not None:
            raise InvalidInput(Code.PURGE_LEAVE_WITH_DATE, field="before")
        return None
    before = before or basis.due(now)
    check_age(basis, before, now)
    return before


def check_executable(kind: Kind, before: datetime | None) -> datetime:
    """Return the time before which a run destroys records. Raises: Conflict for a standing order."""
    if kind is Kind.STANDING or before is None:
        raise Conflict(Code.PURGE_LEAVE_NOT_EXECUTED)
    return before


def check_still(stored: Basis, present: Basis) -> None:
    """Raise Conflict if the basis changed since a run was authorised: the authorisation covers only its own basis."""
    if stored != present:
        raise Conflict(Code.PURGE_BASIS_CHANGED, missing=["schedule_in_force"])


_STEPS = {
    "authorise": ((State.PROPOSED,), State.AUTHORISED),
    "refuse": ((State.PROPOSED,), State.REFUSED),
    "withdraw": ((State.AUTHORISED, State.EXECUTING), State.WITHDRAWN),
    "execute": ((State.AUTHORISED,), State.EXECUTING),
}


def next_state(state: State, step: str) -> State:
    """Return the state after a person's step. Raises: Conflict if the run is not in the state that it needs."""
    needed, following = _STEPS[step]
    if state not in needed:
        raise Conflict(
            Code.PURGE_STATE_FORBIDS, status=state, step=step, needed=" or ".join(needed)
        )
    return following


def check_other_person(proposed_by: str, authorised_by: str) -> None:
    """Raise Conflict if one person would both propose and authorise."""
    if proposed_by == authorised_by:
        raise Conflict(Code.PURGE_NEEDS_SECOND_PERSON)


def check_third_person(proposed_by: str, authorised_by: str | None, executed_by: str) -> None:
    """Raise Conflict if the person who proposed or authorised a single run would also execute it."""
    for person, done in ((proposed_by, "proposed"), (authorised_by, "authorised")):
        if person == executed_by:
            raise Conflict(Code.PURGE_NEEDS_THIRD_PERSON, done=done)
