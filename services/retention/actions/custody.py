"""Records what becomes of the booked copies of a package (policy 468.5)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from services.retention.actions.exports import export_of
from services.retention.actions.holds import check_purpose
from services.retention.domain.custody import (
    Act,
    check_correction,
    check_order,
    check_particulars,
    check_time,
    copy_of,
)
from services.retention.domain.evidence import check_ready
from services.retention.domain.problem_codes import Code
from services.retention.store.bookings import Booking, Bookings
from services.retention.store.custody import Custody, CustodyAct
from services.retention.store.exports import Export
from shared.access.grant import Grant
from shared.core.errors import Conflict
from shared.core.ids import derive_id
from shared.events import EvidenceCustodyRecorded
from shared.postgres.unit_of_work import UnitOfWork


@dataclass(frozen=True, kw_only=True)
class NewAct:
    """An act with a booked copy, as a person records it."""

    booking_id: UUID
    kind: Act
    corrects: UUID | None
    """The act that this one replaces."""
    party_name: str | None
    party_organisation: str | None
    sha256: str | None
    order_reference: str | None
    note: str | None
    acted_at: datetime | None
    """When it was done; None for now."""

    @property
    def particulars(self) -> Mapping[str, object]:
        """What only acts of some kinds have."""
        names = ("party_name", "party_organisation", "sha256", "order_reference")
        return {name: getattr(self, name) for name in names}


async def record_act(
    work: UnitOfWork, grant: Grant, export_id: UUID, key: str, new: NewAct
) -> CustodyAct:
    """Record an act with a booked copy, also after the release of its hold; with the `key` of an earlier one, return
    that.

    A check that finds another digest than the package's is recorded like one that finds the same.

    Raises: NotFound; NotAuthorised for a purpose that does not cover the hold; InvalidInput for an act that lacks a
    particular of its kind, has one of another kind, or is yet to come; Conflict for a booking that is not in force, an
    act that cannot follow the earlier ones, a correction of another act than the copy's last, or if an act with `key`
    has other particulars.
    """
    export = await export_of(work, grant, export_id, lock=True)
    check_purpose(grant, export.criteria)
    check_ready(export.state)
    custody = Custody(work.connection)
    known = await custody.of_export(grant, export_id)
    act_id = derive_id("custody act", export_id, grant.actor.person_id, key)
    for act in known:
        if act.act_id == act_id:
            _check_repeated(act, new)
            return act
    check_particulars(new.kind, new.particulars)
    acted_at = new.acted_at or grant.now
    check_time(acted_at, grant.now)
    bookings = await Bookings(work.connection).of_export(grant, export_id)
    earlier = _earlier(known, bookings, new)
    if new.corrects is not None:
        check_correction(new.corrects, [act.act_id for act in earlier], new.note)
        earlier = earlier[:-1]
    check_order(new.kind, [act.kind for act in earlier])
    act = CustodyAct(
        **{**asdict(new), "acted_at": acted_at},
        act_id=act_id,
        export_id=export_id,
        recorded_by=grant.actor,
        recorded_at=grant.now,
        package_sha256=export.sha256,
    )
    await custody.add(act)
    await work.emit(_recorded(act, new.booking_id, export))
    return act


def _check_repeated(act: CustodyAct, new: NewAct) -> None:
    again = {**asdict(new), "acted_at": new.acted_at or act.acted_at}
    if again != {name: getattr(act, name) for name in again}:
        raise Conflict(Code.CUSTODY_KEY_REUSED)


def _earlier(
    known: Sequence[CustodyAct], bookings: Sequence[Booking], new: NewAct
) -> Sequence[CustodyAct]:
    """Return the acts in force of the copy, under any of its bookings. Raises: Conflict without a booking in force."""
    if new.booking_id not in {one.booking_id for one in bookings if one.in_force}:
        raise Conflict(Code.CUSTODY_OF_NO_BOOKING, field="booking_id")
    corrects = {booking.booking_id: booking.corrects for booking in bookings}
    copy = copy_of(new.booking_id, corrects)
    return [
        act
        for act in known
        if act.booking_id is not None
        and act.corrected_by is None
        and copy_of(act.booking_id, corrects) == copy
    ]


def _recorded(act: CustodyAct, booking_id: UUID, export: Export) -> EvidenceCustodyRecorded:
    return EvidenceCustodyRecorded(
        occurred_at=act.recorded_at,
        actor=act.recorded_by,
        act_id=act.act_id,
        booking_id=booking_id,
        export_id=export.export_id,
        hold_id=export.hold_id,
        case_number=export.case_number,
        act=act.kind.value,
        acted_at=act.acted_at,
        party_name=act.party_name,
        party_organisation=act.party_organisation,
        sha256=act.sha256,
        matches=act.matches,
        order_reference=act.order_reference,
        note=act.note,
        corrects=act.corrects,
    )
