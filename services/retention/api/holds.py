"""Holds, which keep records from the purge for evidence, actions, discovery and other lawful demands (468.5)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from services.retention.api.fields import AreaIn, Number
from services.retention.api.guard import HoldManageOfRecord, HoldRead, HoldReadForPurpose
from services.retention.api.views import ReadsOut, reads_out
from services.retention.domain.criteria import Criteria, Cursor, check_hold, decode_cursor
from services.retention.domain.evidence import check_release, check_released_by
from services.retention.domain.holding import (
    check_awaits,
    check_confirmation,
    check_disclosable,
    is_wide,
)
from services.retention.domain.problem_codes import Code
from services.retention.store.exports import Exports
from services.retention.store.holds import Hold, Holds
from shared.access.grant import Grant
from shared.core.errors import Conflict, InvalidInput, NotFound
from shared.core.fields import Moment
from shared.core.policy import Narrowness
from shared.events import HoldChanged
from shared.http.app import Work
from shared.http.models import (
    After,
    Limit,
    Page,
    Person,
    PlatePatternText,
    Reason,
    RequestBody,
    key_of,
)
from shared.service.api_runtime import runtime_of

router = APIRouter(prefix="/v1/holds", tags=["holds"])


class CriteriaIn(RequestBody):
    """The conditions of a hold. A record must meet all of them; without `captured_to` future records match too."""

    plate: PlatePatternText | None = None
    lookalike: bool = False
    device_ids: Annotated[list[UUID], Field(max_length=200, default_factory=list)]
    area: AreaIn | None = None
    captured_from: Moment | None = None
    captured_to: Moment | None = None
    read_ids: Annotated[list[UUID], Field(max_length=1000, default_factory=list)]

    def criteria(self) -> Criteria:
        """Return the domain's criteria."""
        return Criteria(
            plate=self.plate,
            lookalike=self.lookalike,
            device_ids=tuple(sorted(set(self.device_ids))),
            area=self.area.area() if self.area else None,
            captured_from=self.captured_from,
            captured_to=self.captured_to,
            read_ids=tuple(sorted(set(self.read_ids))),
        )


class HoldIn(RequestBody):
    """The hold to place."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "basis": "criminal_action",
                    "case_number": "26-001234",
                    "description": "Homicide on Solano Street, suspect vehicle",
                    "criteria": {"plate": "7ABC123"},
                }
            ]
        }
    )

    basis: Annotated[str, Field(max_length=40)]
    """One of the policy's evidence bases."""
    case_number: Number
    description: Reason
    criteria: CriteriaIn


class ReleaseIn(RequestBody):
    """The reason of the release."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Case 26-001234 closed, appeal time over"}]}
    )

    reason: Reason


class ConfirmationIn(RequestBody):
    """The reason why a hold may cover more than a search."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"reason": "Court order 26-17 names every vehicle at the crossing"}]
        }
    )

    reason: Reason


class HoldOut(BaseModel):
    """A hold, its criteria and its state."""

    hold_id: UUID
    basis: str
    case_number: str
    description: str
    criteria: dict[str, Any]
    in_force: bool
    placed_by: Person | None
    placed_at: datetime
    released_by: Person | None = None
    released_at: datetime | None = None
    release_reason: str | None = None
    wide: bool
    """Whether it covers more than a search may."""
    awaits_confirmation: bool
    """Whether its records stay hidden until a second person confirms it."""
    confirmed_by: Person | None = None
    confirmed_at: datetime | None = None
    confirmation_reason: str | None = None

    @classmethod
    def of(cls, hold: Hold, rule: Narrowness) -> "HoldOut":
        """Return the view of a hold."""
        wide = is_wide(hold.criteria, rule)
        return cls(
            hold_id=hold.hold_id,
            basis=hold.basis,
            case_number=hold.case_number,
            description=hold.description,
            criteria=hold.criteria.as_json(),
            in_force=hold.released_at is None,
            placed_by=Person.of(hold.placed_by),
            placed_at=hold.placed_at,
            released_by=Person.of(hold.released_by),
            released_at=hold.released_at,
            release_reason=hold.release_reason,
            wide=wide,
            awaits_confirmation=wide and hold.confirmed_at is None and hold.released_at is None,
            confirmed_by=Person.of(hold.confirmed_by),
            confirmed_at=hold.confirmed_at,
            confirmation_reason=hold.confirmation_reason,
        )


class WaitingHoldsOut(BaseModel):
    """Counts and ages of holds and exports, without any detail of one."""

    in_force: int
    oldest_placed_at: datetime | None
    unbooked: int
    """Number of exports without a copy booked into evidence."""
    oldest_requested_at: datetime | None


@router.post("", status_code=201, summary="Place a hold")
async def place_hold(
    body: HoldIn, grant: HoldManageOfRecord, work: Work, request: Request
) -> HoldOut:
    """Place a hold. It keeps matching records, present and future, until its release.

    A hold that covers more than a search may keeps its records at once, and shows them after a second person confirms
    it.
    """
    bases = runtime_of(request).policy.retention.evidence_bases
    if body.basis not in bases:
        raise InvalidInput(Code.HOLD_BASIS_UNKNOWN, field="basis", allowed=sorted(bases))
    criteria = body.criteria.criteria()
    check_hold(criteria)
    check_purpose(grant, criteria)
    hold = Hold(
        hold_id=uuid4(),
        agency_ori=grant.principal.agency_ori,
        basis=body.basis,
        case_number=body.case_number,
        description=body.description,
        criteria=criteria,
        placed_by=grant.actor,
        placed_at=grant.now,
    )
    await work.emit(_changed(hold, grant, "placed"))
    await Holds(work.connection).place(hold)
    return HoldOut.of(hold, _rule(request))


@router.get("", summary="Holds")
async def list_holds(
    grant: HoldReadForPurpose,
    work: Work,
    request: Request,
    in_force: bool | None = None,
    after: After | None = None,
    limit: Limit = 50,
) -> Page[HoldOut]:
    """Holds of the caller's agency, newest first."""
    found = await Holds(work.connection).page(
        grant, limit=limit + 1, after=key_of(after, UUID), in_force=in_force
    )
    more = found[limit - 1].hold_id if len(found) > limit else None
    return Page.of([HoldOut.of(hold, _rule(request)) for hold in found[:limit]], last=more)


@router.get("/waiting", summary="Counts of holds and unbooked exports")
async def get_waiting_holds(grant: HoldRead, work: Work) -> WaitingHoldsOut:
    """The number of holds in force and of unbooked exports, and the age of the oldest. Requires no purpose."""
    waiting = await Holds(work.connection).waiting(grant)
    return WaitingHoldsOut.model_validate(waiting, from_attributes=True)


@router.get("/{hold_id}", summary="One hold")
async def get_hold(
    hold_id: UUID, grant: HoldReadForPurpose, work: Work, request: Request
) -> HoldOut:
    """One hold with its criteria, its people and its state."""
    return HoldOut.of(await _get(work, grant, hold_id), _rule(request))


@router.get("/{hold_id}/records", summary="Records under a hold")
async def list_held_records(
    hold_id: UUID,
    grant: HoldManageOfRecord,
    work: Work,
    request: Request,
    after: After | None = None,
    limit: Limit = 100,
) -> ReadsOut:
    """The hold's present reads, also those past the schedule. The log records each read shown.

    The service refuses this while a hold that covers more than a search awaits its confirmation.
    """
    hold = await _get(work, grant, hold_id)
    check_may_be_disclosed(request, grant, hold.criteria, hold.confirmed_at)
    last = decode_cursor(after, hold.criteria) if after else None
    reads, more = await Holds(work.connection).records(grant, hold, limit=limit, after=last)
    following = (
        Cursor(reads[-1].captured_at, reads[-1].read_id, hold.criteria.fingerprint)
        if more
        else None
    )
    return ReadsOut(
        items=reads_out(reads, grant, runtime_of(request).links),
        next=following.encode() if following else None,
    )


@router.post("/{hold_id}/confirmation", summary="Confirm a hold that is wider than a search")
async def confirm_hold(
    hold_id: UUID, body: ConfirmationIn, grant: HoldManageOfRecord, work: Work, request: Request
) -> HoldOut:
    """Confirm a wide hold, so that its records are shown.

    The caller must be another person than the one who placed it, with a purpose that names the hold's case.
    """
    hold = await _get(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    wide = is_wide(hold.criteria, _rule(request))
    check_awaits(wide=wide, confirmed_at=hold.confirmed_at, released_at=hold.released_at)
    check_confirmation(
        placed_by=hold.placed_by.person_id,
        confirmed_by=grant.actor.person_id,
        hold_case=hold.case_number,
        purpose_case=grant.purpose.record.case_number if grant.purpose else None,
    )
    await Holds(work.connection).confirm(hold_id, by=grant.actor, at=grant.now, reason=body.reason)
    await work.emit(_changed(hold, grant, "confirmed"))
    return HoldOut.of(await _get(work, grant, hold_id), _rule(request))


@router.post("/{hold_id}/release", summary="Release a hold")
async def release_hold(
    hold_id: UUID, body: ReleaseIn, grant: HoldManageOfRecord, work: Work, request: Request
) -> HoldOut:
    """Release a hold, as another person than the one who placed it.

    The next purge destroys the records past the schedule that no other hold keeps. The service deletes the packages of
    the hold's exports. It refuses the release while an export has no booked copy: book a copy, or withdraw the export.
    """
    hold = await _get(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    if hold.released_at is not None:
        raise Conflict(Code.HOLD_RELEASED)
    check_released_by(hold.placed_by.person_id, grant.actor.person_id)
    check_release(await Exports(work.connection).unbooked(hold_id))
    holds = Holds(work.connection)
    await holds.release(hold_id, by=grant.actor, at=grant.now, reason=body.reason)
    await work.emit(_changed(hold, grant, "released"))
    return HoldOut.of(await _get(work, grant, hold_id), _rule(request))


def check_purpose(grant: Grant, criteria: Criteria) -> None:
    """Check that the declared purpose contains all that the hold's criteria cover. Raises: NotAuthorised."""
    if grant.purpose is None:
        return
    grant.purpose.check_contains(criteria.as_json())


def check_may_be_disclosed(
    request: Request, grant: Grant, criteria: Criteria, confirmed_at: datetime | None
) -> None:
    """Check that the hold's records may be shown: it is no wide hold, or is confirmed. Raises: NotAuthorised."""
    check_disclosable(wide=is_wide(criteria, _rule(request)), confirmed_at=confirmed_at)


def _rule(request: Request) -> Narrowness:
    return runtime_of(request).policy.narrowness


async def _get(work: Work, grant: Grant, hold_id: UUID, *, lock: bool = False) -> Hold:
    hold = await Holds(work.connection).get(grant, hold_id, lock=lock)
    if hold is None:
        raise NotFound(Code.HOLD_UNKNOWN)
    return hold


def _changed(hold: Hold, grant: Grant, change: Any) -> HoldChanged:
    return HoldChanged(
        occurred_at=grant.now,
        actor=grant.actor,
        hold_id=hold.hold_id,
        change=change,
        basis=hold.basis,
        case_number=hold.case_number,
        criteria=hold.criteria.as_json(),
    )
